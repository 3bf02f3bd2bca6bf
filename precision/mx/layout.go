package mx

import (
	"encoding/binary"
	"fmt"
)

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

// bytes is how many bytes n codes take.
func (l Layout) bytes(n int) int {
	if l == Bytes {
		return n
	}
	return n / 2
}

// pack writes the codes of blocks of Block or NVBlock values, eight at a time.
func (l Layout) pack(dst, codes []uint8, block int) {
	switch l {
	case Bytes:
		copy(dst, codes)
	case PairNibble:
		for i := range len(dst) / 4 {
			binary.LittleEndian.PutUint32(dst[4*i:4*i+4], joinPairs(binary.LittleEndian.Uint64(codes[8*i:8*i+8])))
		}
	default:
		for half := block / 2; len(codes) >= block; dst, codes = dst[half:], codes[block:] {
			low, high := codes[:half], codes[half:block]
			for i := 0; i < half; i += 8 {
				w := binary.LittleEndian.Uint64(low[i:]) | binary.LittleEndian.Uint64(high[i:])<<4
				binary.LittleEndian.PutUint64(dst[i:], w)
			}
		}
	}
}

// unpack undoes pack.
func (l Layout) unpack(codes, src []uint8, block int) {
	switch l {
	case Bytes:
		copy(codes, src)
	case PairNibble:
		for i := range len(src) / 4 {
			binary.LittleEndian.PutUint64(codes[8*i:8*i+8], splitPairs(binary.LittleEndian.Uint32(src[4*i:4*i+4])))
		}
	default:
		for half := block / 2; len(codes) >= block; src, codes = src[half:], codes[block:] {
			low, high := codes[:half], codes[half:block]
			for i := 0; i < half; i += 8 {
				w := binary.LittleEndian.Uint64(src[i:])
				binary.LittleEndian.PutUint64(low[i:], w&nibbles)
				binary.LittleEndian.PutUint64(high[i:], w>>4&nibbles)
			}
		}
	}
}

// nibbles is the lower half of every byte.
const nibbles = 0x0F0F0F0F0F0F0F0F

// joinPairs moves eight bytes of four bits side by side.
func joinPairs(w uint64) uint32 {
	w = (w | w>>4) & 0x00FF00FF00FF00FF
	w = (w | w>>8) & 0x0000FFFF0000FFFF
	return uint32(w | w>>16)
}

// splitPairs undoes joinPairs.
func splitPairs(pairs uint32) uint64 {
	w := uint64(pairs)
	w = (w | w<<16) & 0x0000FFFF0000FFFF
	w = (w | w<<8) & 0x00FF00FF00FF00FF
	return (w | w<<4) & nibbles
}

// Repack moves the four-bit codes of blocks of Block or NVBlock values from one
// layout to another, without rounding anything again. dst and src may not overlap.
func Repack(dst []uint8, to Layout, src []uint8, from Layout, block int) error {
	if block != Block && block != NVBlock || to >= numLayouts || from >= numLayouts {
		return fmt.Errorf("mx: blocks of %d values or layouts %d and %d are unknown", block, from, to)
	}
	have, want := from.bytes(block), to.bytes(block)
	blocks := len(src) / have
	if len(src) != blocks*have || len(dst) != blocks*want {
		return fmt.Errorf("mx: %d bytes of %s and %d of %s do not hold equal blocks of %d", len(src), from, len(dst), to, block)
	}
	var codes [Block]uint8
	for i := range blocks {
		from.unpack(codes[:block], src[i*have:(i+1)*have], block)
		to.pack(dst[i*want:(i+1)*want], codes[:block], block)
	}
	return nil
}
