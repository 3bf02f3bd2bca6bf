package gemv

import "golang.org/x/sys/cpu"

var (
	avx512 = path{name: "avx512", float32: avx512Float32, bf16: avx512BF16, float32Two: avx512Float32Two, bf16Two: avx512BF16Two, addScaled: avx2AddScaled}
	avx2   = path{name: "avx2", float32: avx2Float32, bf16: avx2BF16, addScaled: avx2AddScaled}
)

func processorPaths() (p []*path) {
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX2 && cpu.X86.HasBMI2 {
		p = append(p, &avx512)
	}
	if cpu.X86.HasAVX2 {
		p = append(p, &avx2)
	}
	return p
}

//go:noescape
func avx512Float32(y *[together]float32, w *float32, stride int, x *float32, n int)

//go:noescape
func avx512BF16(y *[together]float32, w *uint16, stride int, x *float32, n int)

//go:noescape
func avx512Float32Two(y *[together]float32, w *float32, stride int, x *float32, n, width int)

//go:noescape
func avx512BF16Two(y *[together]float32, w *uint16, stride int, x *float32, n, width int)

//go:noescape
func avx2Float32(y *[together]float32, w *float32, stride int, x *float32, n int)

//go:noescape
func avx2WholeBF16(y *[together]float32, w *uint16, stride int, x *float32, n int)

// avx2BF16 leaves widths that are rare to Go: AVX2 cannot load a part of a register of
// 16-bit values.
func avx2BF16(y *[together]float32, w *uint16, stride int, x *float32, n int) {
	if n%lanes == 0 {
		avx2WholeBF16(y, w, stride, x, n)
		return
	}
	portableBF16(y, w, stride, x, n)
}

//go:noescape
func avx2AddScaled(y, x *float32, n int, s float32)
