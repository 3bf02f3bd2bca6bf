package kernel

import "github.com/nanochat-go/nanochat/precision/ternary"

// The portable kernel multiplies four activations by four codes at once, as digits of
// the base 2¹⁶: in the product of
//
//	x₀ + x₁·2¹⁶ + x₂·2³² + x₃·2⁴⁸   and   q₃ + q₂·2¹⁶ + q₁·2³² + q₀·2⁴⁸
//
// the digit of 2⁴⁸ is x₀q₀ + x₁q₁ + x₂q₂ + x₃q₃.
var portable = path{name: "portable", quantize: quantize, single: portableSingle}

// reversed maps a byte of four codes to the second factor.
var reversed = func() (table [256]int64) {
	for b := range table {
		for n := range 4 {
			table[b] += int64(b>>(2*n)&3) << (48 - 16*n)
		}
	}
	return table
}()

// spread writes the first factors for the columns j, j+64, j+128 and j+192 of each
// block.
func spread(words []int64, x [][line]int8) {
	for b := range len(x) / 4 {
		w, x := words[b*line:(b+1)*line], x[4*b:4*b+4]
		for j := range w {
			w[j] = int64(x[0][j]) + int64(x[1][j])<<16 + int64(x[2][j])<<32 + int64(x[3][j])<<48
		}
	}
}

// terms is how many products can be added before a digit leaves its 16 bits:
// 32·4·2·127 < 2¹⁵.
const terms = 32

func portableSingle(y []float32, m *Matrix, x *Activations, i, from, to int) {
	for g := from; g < to; g++ {
		sums := portableSums(m.group(g), x.rowWords(i))
		first := group * g
		scales := m.scales[first:min(first+group, m.rows)]
		for r, scale := range scales { // a sum is of (code+1)·x: the sum of x is one too many
			y[first+r] = float32(sums[r]-x.sums[i]) * x.scales[i] * scale
		}
	}
}

// portableSums returns Σ(code+1)·x for a group of rows and the words of spread.
func portableSums(tiles []tile, words []int64) (sums [group]int32) {
	for b := range tiles {
		t := &tiles[b]
		for from := 0; from < line; from += terms {
			x := words[b*line+from:][:terms]
			w0, w1 := t[0][from:][:terms], t[1][from:][:terms]
			w2, w3 := t[2][from:][:terms], t[3][from:][:terms]
			var p0, p1, p2, p3 int64
			for j, v := range x {
				p0 += v * reversed[w0[j]]
				p1 += v * reversed[w1[j]]
				p2 += v * reversed[w2[j]]
				p3 += v * reversed[w3[j]]
			}
			sums[0] += top(p0)
			sums[1] += top(p1)
			sums[2] += top(p2)
			sums[3] += top(p3)
		}
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
