package kernel

import "github.com/nanochat-go/nanochat/precision/ternary"

// The portable kernel multiplies four activations by four codes at once, as digits of
// the base 2¹⁶: in the product of
//
//	x₀ + x₁·2¹⁶ + x₂·2³² + x₃·2⁴⁸   and   q₃ + q₂·2¹⁶ + q₁·2³² + q₀·2⁴⁸
//
// the digit of 2⁴⁸ is x₀q₀ + x₁q₁ + x₂q₂ + x₃q₃.
var portable = path{name: "portable", spread: true, quantize: quantize, single: portableSingle}

// reversed maps a byte of four codes to the second factor.
var reversed = func() (table [256]int64) {
	for b := range table {
		for n := range 4 {
			table[b] += int64(b>>(2*n)&3) << (48 - 16*n)
		}
	}
	return table
}()

// spread writes the first factors for the columns j, j+4, j+8 and j+12 of each step.
func spread(words []int64, x [][line]int8) {
	codes := flat(x)
	for w := 0; w < len(words); w += quad {
		c, out := (*[step]int8)(codes[w*step/quad:]), (*[quad]int64)(words[w:])
		for k := range out {
			out[k] = int64(c[k]) + int64(c[k+quad])<<16 + int64(c[k+2*quad])<<32 + int64(c[k+3*quad])<<48
		}
	}
}

// portableTerms is after how many tiles digits would leave their 16 bits: a tile
// adds sixteen products, and 8·16·2·127 < 2¹⁵.
const portableTerms = 8

func portableSingle(y []float32, m *Matrix, x *Activations, i, from, to int) {
	for g := from; g < to; g++ {
		first := group * g
		for r := 0; r < min(group, m.rows-first); r += 4 {
			sums := portableSums(m.group(g), r, x.rowWords(i))
			for k := range min(4, m.rows-first-r) { // a sum is of (code+1)·x: the sum of x is one too many
				y[first+r+k] = float32(sums[k]-x.sums[i]) * x.scales[i] * m.scales[first+r+k]
			}
		}
	}
}

// portableSums returns Σ(code+1)·x for four rows from r on and the words of spread.
func portableSums(tiles []tile, r int, words []int64) (sums [4]int32) {
	for len(tiles) > 0 {
		n := min(len(tiles), portableTerms)
		var p0, p1, p2, p3 int64
		for t := range tiles[:n] {
			w, x := (*[4][quad]uint8)(tiles[t][r:]), (*[quad]int64)(words[quad*t:])
			for k, v := range x {
				p0 += v * reversed[w[0][k]]
				p1 += v * reversed[w[1][k]]
				p2 += v * reversed[w[2][k]]
				p3 += v * reversed[w[3][k]]
			}
		}
		sums[0] += top(p0)
		sums[1] += top(p1)
		sums[2] += top(p2)
		sums[3] += top(p3)
		tiles, words = tiles[n:], words[quad*n:]
	}
	return sums
}

// top is the digit of 2⁴⁸. Lower digits below zero have borrowed from it.
func top(p int64) int32 { return int32((p + 1<<47) >> 48) }

func quantize(q []int8, x []float32) (scale float32, sum int32) {
	scale = ternary.QuantizeActivations(x, q)
	for _, c := range q {
		sum += int32(c)
	}
	return scale, sum
}
