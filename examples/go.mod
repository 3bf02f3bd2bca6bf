module github.com/nanochat-go/nanochat/examples

go 1.26.5

require (
	github.com/gomlx/compute v0.1.3
	github.com/gomlx/gomlx v0.28.2
	github.com/nanochat-go/nanochat/align v0.0.0
	github.com/nanochat-go/nanochat/arch v0.0.0
	github.com/nanochat-go/nanochat/evalrust v0.0.0
	github.com/nanochat-go/nanochat/hub v0.0.0
	github.com/nanochat-go/nanochat/optim v0.0.0
	github.com/nanochat-go/nanochat/precision v0.0.0
	github.com/nanochat-go/nanochat/systems v0.0.0
	github.com/stretchr/testify v1.12.1
	pgregory.net/rapid v1.3.0
)

replace github.com/nanochat-go/nanochat/precision => ../precision

replace github.com/nanochat-go/nanochat/optim => ../optim

replace github.com/nanochat-go/nanochat/arch => ../arch

replace github.com/nanochat-go/nanochat/systems => ../systems

replace github.com/nanochat-go/nanochat/evalrust => ../evalrust

replace github.com/nanochat-go/nanochat/align => ../align

replace github.com/nanochat-go/nanochat/hub => ../hub
