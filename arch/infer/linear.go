package infer

import (
	"sync"
	"unsafe"

	"github.com/nanochat-go/nanochat/precision/gemv"
	"github.com/nanochat-go/nanochat/precision/ternary/kernel"
)

// operand is the left side of products: n rows of k values, with their int8
// codes when ternary linears read them.
type operand struct {
	k     int
	x     []float32           // n·k
	codes *kernel.Activations // nil when the model is dense
	round Rounder             // of a dense model, nil for none
	watch func(x []float32)
}

func newOperand(n, k int, quantised bool) *operand {
	o := &operand{k: k, x: make([]float32, n*k)}
	if quantised {
		o.codes = must(kernel.NewActivations(n, k))
	}
	return o
}

// must panics where a shape that the configuration allows does not suit a kernel.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// resize sets the number of rows that products read.
func (o *operand) resize(n int) {
	if o.codes != nil {
		must(0, o.codes.Resize(n))
	}
}

// row returns the values of row i.
func (o *operand) row(i int) []float32 { return o.x[i*o.k : (i+1)*o.k] }

// done is called when the values of row i are final.
func (o *operand) done(i int) {
	if o.codes != nil {
		if o.watch != nil {
			o.watch(o.row(i))
		}
		must(0, o.codes.QuantizeRow(i, o.row(i)))
	}
	if o.round != nil {
		_ = o.round.Round(o.row(i)) // what cannot be rounded is not finite, and stays so
	}
}

// linear is a weight matrix [out, in].
type linear interface {
	width() int // out
	bytes() int64
	// cost is about how many picoseconds an output takes for n rows.
	cost(n int) int
	// block computes the outputs [from, to) of the n rows of o into y [n, out].
	// from is a multiple of outAlign.
	block(o *operand, n int, y []float32, from, to int)
}

// outAlign is the number of outputs that kernels compute together.
const outAlign = kernel.RowAlign

// dense is a linear in float32 or bfloat16.
type dense[W gemv.Weight] struct {
	w       []W
	out, in int
}

func (d *dense[W]) width() int { return d.out }

func (d *dense[W]) bytes() int64 { return int64(len(d.w)) * int64(unsafe.Sizeof(d.w[0])) }

func (d *dense[W]) cost(n int) int { return (50 + 50*n) * d.in }

func (d *dense[W]) block(o *operand, n int, y []float32, from, to int) {
	gemv.Multiply(y, d.out, gemv.Matrix[W]{W: d.w, Cols: d.in, Stride: d.in}, o.x, n, from, to)
}

// packed is a ternary linear.
type packed struct{ *kernel.Matrix }

// pack quantises w [out, in].
func pack(w []float32, out, in int) packed { return packed{must(kernel.Quantize(w, out, in))} }

func (p packed) width() int { return p.Rows() }

func (p packed) bytes() int64 { return p.Bytes() }

func (p packed) cost(n int) int { return (10 + 5*n) * p.Cols() }

// scratches are the memory of kernels for whoever computes a block.
var scratches = sync.Pool{New: func() any { return &kernel.Scratch{} }}

func (p packed) block(o *operand, n int, y []float32, from, to int) {
	s := scratches.Get().(*kernel.Scratch)
	must(0, p.MultiplyRows(y[:n*p.Rows()], o.codes, from, to, s))
	scratches.Put(s)
}
