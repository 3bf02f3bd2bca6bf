module github.com/nanochat-go/nanochat/trainer

go 1.26.5

require (
	github.com/chromedp/cdproto v0.159.2
	github.com/chromedp/chromedp v0.23.0
	github.com/gomlx/compute v0.1.3
	github.com/gomlx/go-xla v0.4.1
	github.com/gomlx/gomlx v0.28.2
	github.com/nanochat-go/nanochat/arch v0.0.0-00010101000000-000000000000
	github.com/nanochat-go/nanochat/evalrust v0.0.0-00010101000000-000000000000
	github.com/nanochat-go/nanochat/hub v0.0.0-00010101000000-000000000000
	github.com/nanochat-go/nanochat/optim v0.0.0-00010101000000-000000000000
	github.com/nanochat-go/nanochat/precision v0.0.0
	github.com/nanochat-go/nanochat/systems v0.0.0-00010101000000-000000000000
	github.com/pelletier/go-toml/v2 v2.4.3
	github.com/spf13/cobra v1.10.2
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.49.0
	gonum.org/v1/gonum v0.17.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/andybalholm/brotli v1.3.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/gofrs/flock v0.13.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/mattn/go-runewidth v0.0.30 // indirect
	github.com/parquet-go/bitpack v1.0.0 // indirect
	github.com/parquet-go/jsonlite v1.0.0 // indirect
	github.com/parquet-go/parquet-go v0.32.0 // indirect
	github.com/pierrec/lz4/v4 v4.1.33 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	github.com/twpayne/go-geom v1.6.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/exp v0.0.0-20260410095643-746e56fc9e2f // indirect
	golang.org/x/term v0.40.0 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
	k8s.io/klog/v2 v2.140.0 // indirect
)

replace github.com/nanochat-go/nanochat/precision => ../precision

replace github.com/nanochat-go/nanochat/optim => ../optim

replace github.com/nanochat-go/nanochat/arch => ../arch

replace github.com/nanochat-go/nanochat/systems => ../systems

replace github.com/nanochat-go/nanochat/evalrust => ../evalrust

replace github.com/nanochat-go/nanochat/align => ../align

replace github.com/nanochat-go/nanochat/hub => ../hub
