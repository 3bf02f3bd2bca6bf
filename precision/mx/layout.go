package mx

import "fmt"

// Layout is how four-bit codes lie in bytes.
type Layout uint8

// The layouts.
const (
	PairNibble Layout = iota // value 2i in the low half of byte i, 2i+1 in the high: torchao, Hugging Face
	SplitHalf                // in each block, value i in the low half of byte i and the one half a block later in the high: GGML
	Bytes                    // one code a byte
	numLayouts
)

// String returns "pairnibble", "ggml" or "bytes".
func (l Layout) String() string { return [...]string{"pairnibble", "ggml", "bytes"}[l] }

// pack writes the codes of one block.
func (l Layout) pack(dst, codes []uint8) {
	switch l {
	case Bytes:
		copy(dst, codes)
	case PairNibble:
		for i := range dst {
			dst[i] = codes[2*i] | codes[2*i+1]<<4
		}
	default:
		high := codes[len(dst):][:len(dst)]
		for i := range dst {
			dst[i] = codes[i] | high[i]<<4
		}
	}
}

// unpack undoes pack.
func (l Layout) unpack(codes, src []uint8) {
	switch l {
	case Bytes:
		copy(codes, src)
	case PairNibble:
		for i, b := range src {
			codes[2*i], codes[2*i+1] = b&0xF, b>>4
		}
	default:
		high := codes[len(src):][:len(src)]
		for i, b := range src {
			codes[i], high[i] = b&0xF, b>>4
		}
	}
}

// Repack moves the four-bit codes of blocks of block values from one layout to
// another, without rounding anything again. dst and src may not overlap.
func Repack(dst []uint8, to Layout, src []uint8, from Layout, block int) error {
	if block < 2 || block > Block || block%2 != 0 || to >= numLayouts || from >= numLayouts {
		return fmt.Errorf("mx: blocks of %d values or layouts %d and %d are unknown", block, from, to)
	}
	size := func(l Layout) int {
		if l == Bytes {
			return block
		}
		return block / 2
	}
	blocks := len(src) / size(from)
	if len(src) != blocks*size(from) || len(dst) != blocks*size(to) {
		return fmt.Errorf("mx: %d bytes of %s and %d of %s do not hold equal blocks of %d", len(src), from, len(dst), to, block)
	}
	var codes [Block]uint8
	for i := range blocks {
		from.unpack(codes[:block], src[i*size(from):(i+1)*size(from)])
		to.pack(dst[i*size(to):(i+1)*size(to)], codes[:block])
	}
	return nil
}
