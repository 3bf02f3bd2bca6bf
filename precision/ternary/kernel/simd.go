//go:build goexperiment.simd && amd64

package kernel

import "simd/archsimd"

// simdPaths returns the paths that the processor can run. The compiler puts no
// instruction of 512 bits outside the functions of the first.
func simdPaths() (p []*path) {
	if archsimd.X86.AVX512() {
		p = append(p, &avx512)
	}
	if archsimd.X86.AVX2() {
		p = append(p, &avx2)
	}
	return p
}
