module github.com/nanochat-go/nanochat/hub

go 1.26.5

require (
	github.com/nanochat-go/nanochat/precision v0.0.0
	github.com/stretchr/testify v1.12.1
	pgregory.net/rapid v1.3.0
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0
)

replace github.com/nanochat-go/nanochat/precision => ../precision
