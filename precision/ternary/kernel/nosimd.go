//go:build !(goexperiment.simd && amd64)

package kernel

func simdPaths() []*path { return nil }

// scratch is what one thread writes to while it multiplies a batch.
type scratch struct{}

func newScratch() scratch { return scratch{} }
