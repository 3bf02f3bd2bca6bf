//go:build !(goexperiment.simd && amd64)

package kernel

func simdPaths() []*path { return nil }
