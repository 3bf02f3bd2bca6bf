module github.com/nanochat-go/nanochat/hub

go 1.26.5

require (
	github.com/gomlx/compute v0.1.3
	github.com/gomlx/gomlx v0.28.2
	github.com/nanochat-go/nanochat/precision v0.0.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.49.0
	pgregory.net/rapid v1.3.0
)

replace github.com/nanochat-go/nanochat/precision => ../precision
