//go:build !(goexperiment.simd && amd64)

package lanes

// Encode converts nothing in this build.
func Encode([]uint8, []float32, []float32, *Encoding) int { return 0 }

// Decode converts nothing in this build.
func Decode([]float32, []uint8, []float32, float32, *Decoding) int { return 0 }

func absMax([]float32) (n int, amax uint32) { return 0, 0 }

func partMax([]float32, []float32) int { return 0 }
