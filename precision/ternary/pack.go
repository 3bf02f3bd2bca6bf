package ternary

import (
	"fmt"
	"math"
)

// AbsMeanGroups writes the ternary codes of w and the scale of each group of group
// values in order, w ≈ scale·code; the last may be shorter. It wants len(w) codes
// and one scale for each group. A group of all values gives what AbsMean gives.
func AbsMeanGroups(codes []int8, scales, w []float32, group int) error {
	if err := checkGroups(len(codes), len(scales), len(w), group); err != nil {
		return err
	}
	for g := range scales {
		from, to := g*group, min((g+1)*group, len(w))
		scales[g] = absMean(codes[from:to], w[from:to])
	}
	return nil
}

// Dequantize writes scale·code to w for groups of group values.
func Dequantize(w []float32, codes []int8, scales []float32, group int) error {
	if err := checkGroups(len(codes), len(scales), len(w), group); err != nil {
		return err
	}
	for i, c := range codes {
		w[i] = float32(c) * scales[i/group]
	}
	return nil
}

func checkGroups(codes, scales, n, group int) error {
	switch {
	case group < 1:
		return fmt.Errorf("ternary: groups of %d values", group)
	case codes != n || scales != (n+group-1)/group:
		return fmt.Errorf("ternary: %d codes and %d scales for %d values in groups of %d", codes, scales, n, group)
	}
	return nil
}

// Strides of planar packing.
const (
	InOrder    = 1  // four neighbours a byte: GGML's Q2_0
	TQ2Stride  = 32 // GGML's TQ2_0
	WideStride = 64 // a plane fills a register of 512 bits
)

// PackedBytes is how many bytes n codes take with a stride.
func PackedBytes(n, stride int) int { return (n + 4*stride - 1) / (4 * stride) * stride }

// Pack writes two bits a code, code+1, to the PackedBytes(len(codes), stride) bytes
// of dst: in each block of 4·stride codes, bits 2n of byte j are code j+n·stride.
// Bits of codes that the last block lacks are zero. A weight [out, in] with the
// stride ⌈out/4⌉·in is packed as Hugging Face packs it.
func Pack(dst []uint8, codes []int8, stride int) error {
	if err := checkPacked(len(dst), len(codes), stride); err != nil {
		return err
	}
	clear(dst)
	var bad uint8
	for first := 0; first < len(codes); first += 4 * stride {
		block := dst[first/4 : first/4+stride]
		for n := range 4 {
			from := min(first+n*stride, len(codes))
			plane := codes[from:min(from+stride, len(codes))]
			shift := 2 * n
			for j, c := range plane {
				q := uint8(c + 1)
				bad = max(bad, q)
				block[j] |= q & 3 << shift
			}
		}
	}
	if bad > 2 {
		return fmt.Errorf("ternary: a code is not one of -1, 0 and 1")
	}
	return nil
}

// Unpack undoes Pack. It fails if a pair of bits is no code.
func Unpack(codes []int8, src []uint8, stride int) error {
	if err := checkPacked(len(src), len(codes), stride); err != nil {
		return err
	}
	for first := 0; first < len(codes); first += 4 * stride {
		block := src[first/4 : first/4+stride]
		for n := range 4 {
			from := min(first+n*stride, len(codes))
			plane := codes[from:min(from+stride, len(codes))]
			shift := 2 * n
			for j := range plane {
				q := block[j] >> shift & 3
				if q == 3 {
					return fmt.Errorf("ternary: byte %d holds a code that is not one of -1, 0 and 1", first/4+j)
				}
				plane[j] = int8(q) - 1
			}
		}
	}
	return nil
}

func checkPacked(bytes, n, stride int) error {
	switch {
	case stride < 1 || stride > math.MaxInt/8:
		return fmt.Errorf("ternary: stride %d", stride)
	case bytes != PackedBytes(n, stride):
		return fmt.Errorf("ternary: %d bytes for %d codes with stride %d, want %d", bytes, n, stride, PackedBytes(n, stride))
	}
	return nil
}
