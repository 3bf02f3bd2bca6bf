module github.com/nanochat-go/nanochat/examples

go 1.26.5

require (
	github.com/gomlx/compute v0.1.3
	github.com/gomlx/gomlx v0.28.2
	github.com/nanochat-go/nanochat/arch v0.0.0
	github.com/nanochat-go/nanochat/evalrust v0.0.0
	github.com/nanochat-go/nanochat/hub v0.0.0
	github.com/nanochat-go/nanochat/optim v0.0.0
	github.com/nanochat-go/nanochat/precision v0.0.0
	github.com/nanochat-go/nanochat/systems v0.0.0
	github.com/stretchr/testify v1.12.1
	gonum.org/v1/gonum v0.17.0
)

require (
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/exp v0.0.0-20260410095643-746e56fc9e2f // indirect
	golang.org/x/sys v0.49.0 // indirect
	k8s.io/klog/v2 v2.140.0 // indirect
)

replace github.com/nanochat-go/nanochat/precision => ../precision

replace github.com/nanochat-go/nanochat/optim => ../optim

replace github.com/nanochat-go/nanochat/arch => ../arch

replace github.com/nanochat-go/nanochat/systems => ../systems

replace github.com/nanochat-go/nanochat/evalrust => ../evalrust

replace github.com/nanochat-go/nanochat/align => ../align

replace github.com/nanochat-go/nanochat/hub => ../hub
