module github.com/nanochat-go/nanochat/align

go 1.26.5

require (
	github.com/stretchr/testify v1.12.1
	pgregory.net/rapid v1.3.0
)
