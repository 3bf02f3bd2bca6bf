//go:build !(goexperiment.simd && amd64)

package kernel

var tableBatches []batch

// tables is what one thread writes to while it multiplies a batch with tables.
type tables struct{}

var _ = Scratch{}.tables // has nothing in this build
