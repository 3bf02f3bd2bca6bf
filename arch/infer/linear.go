package infer

import (
	"github.com/nanochat-go/nanochat/precision/ternary"
)

// operand is the left side of products: n rows of k values, with their int8
// codes when ternary linears read them.
type operand struct {
	k     int
	x     []float32 // n·k
	codes []int8    // n·k, nil when the model is dense
	scale []float32 // n
	round Rounder   // of a dense model, nil for none
	watch func(x []float32)
}

func newOperand(n, k int, quantised bool) *operand {
	o := &operand{k: k, x: make([]float32, n*k)}
	if quantised {
		o.codes, o.scale = make([]int8, n*k), make([]float32, n)
	}
	return o
}

// row returns the values of row i.
func (o *operand) row(i int) []float32 { return o.x[i*o.k : (i+1)*o.k] }

// done is called when the values of row i are final.
func (o *operand) done(i int) {
	if o.codes != nil {
		if o.watch != nil {
			o.watch(o.row(i))
		}
		o.scale[i] = ternary.QuantizeActivations(o.row(i), o.codes[i*o.k:(i+1)*o.k])
	}
	if o.round != nil {
		_ = o.round.Round(o.row(i)) // what cannot be rounded is not finite, and stays so
	}
}

// linear is a weight matrix [out, in].
type linear interface {
	width() int // out
	bytes() int64
	// block computes the outputs [from, to) of the first n rows into y [n, out].
	// from is a multiple of outAlign.
	block(o *operand, n int, y []float32, from, to int)
}

// outAlign is the number of outputs that kernels compute together.
const outAlign = 8

// dense is a linear in float32.
type dense struct {
	w       []float32
	out, in int
}

func (d *dense) width() int { return d.out }

func (d *dense) bytes() int64 { return 4 * int64(len(d.w)) }

func (d *dense) block(o *operand, n int, y []float32, from, to int) {
	for j := from; j < to; j += 2 {
		u := d.w[j*d.in : (j+1)*d.in]
		if j+1 == to {
			for i := range n {
				y[i*d.out+j], _ = dot2(o.row(i), u, u)
			}
			return
		}
		v := d.w[(j+1)*d.in : (j+2)*d.in]
		for i := range n {
			y[i*d.out+j], y[i*d.out+j+1] = dot2(o.row(i), u, v)
		}
	}
}

// packed is a ternary linear: byte g·in+k holds the codes of the outputs 4g to
// 4g+3 in column k.
type packed struct {
	w       []uint8
	scale   float32
	out, in int
}

// pack quantises w [out, in].
func pack(w []float32, out, in int) *packed {
	codes, scale := ternary.AbsMean(w)
	p := &packed{scale: scale, out: out, in: in, w: make([]uint8, (out+3)/4*in)}
	for g := 0; 4*g < out; g++ {
		row := p.w[g*in : (g+1)*in]
		for k := range row {
			for j := range 4 {
				code := codeOf(0)
				if 4*g+j < out {
					code = codeOf(codes[(4*g+j)*in+k])
				}
				row[k] |= code << (2 * j)
			}
		}
	}
	return p
}

func (p *packed) width() int { return p.out }

func (p *packed) bytes() int64 { return int64(len(p.w)) + 4 }

func (p *packed) block(o *operand, n int, y []float32, from, to int) {
	store := func(i, g int, acc [4]int32) {
		for j := range min(4, to-4*g) {
			y[i*p.out+4*g+j] = float32(acc[j]) * o.scale[i] * p.scale
		}
	}
	codes := func(i int) []int8 { return o.codes[i*p.in : (i+1)*p.in] }
	group := func(g int) []uint8 { return p.w[g*p.in : (g+1)*p.in] }
	last := (to + 3) / 4
	for g := from / 4; g < last; g += 2 {
		pair := g+1 < last
		i := 0
		for ; pair && i+1 < n; i += 2 {
			acc := ternary2x2(group(g), group(g+1), codes(i), codes(i+1))
			store(i, g, acc[0])
			store(i+1, g, acc[1])
			store(i, g+1, acc[2])
			store(i+1, g+1, acc[3])
		}
		for ; i < n; i++ {
			store(i, g, ternary1x1(group(g), codes(i)))
			if pair {
				store(i, g+1, ternary1x1(group(g+1), codes(i)))
			}
		}
	}
}
