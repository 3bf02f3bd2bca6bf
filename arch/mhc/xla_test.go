//go:build xla && cgo

package mhc

import _ "github.com/gomlx/go-xla/compute/xla" // the tests on XLA: go test -tags xla
