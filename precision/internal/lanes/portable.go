//go:build !(goexperiment.simd && amd64)

package lanes

// AVX2 says that the functions convert something here.
func AVX2() bool { return false }

// Encode converts nothing in this build.
func Encode([]uint8, []float32, []float32, *Encoding) int { return 0 }

// EncodeBF16 converts nothing in this build.
func EncodeBF16([]uint16, []float32, uint16) int { return 0 }

// DecodeBF16 converts nothing in this build.
func DecodeBF16([]float32, []uint16) int { return 0 }

func absMax([]float32) (n int, amax uint32) { return 0, 0 }

func partMax([]float32, []float32) int { return 0 }
