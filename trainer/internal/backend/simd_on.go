//go:build goexperiment.simd && amd64

package backend

// simdBuild says that the Go backend's products use SIMD instructions.
const simdBuild = true
