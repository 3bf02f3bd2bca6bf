package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/nanochat-go/nanochat/precision/ternary/kernel"
)

// Numbers reads so many positive whole numbers, joined by sep.
func Numbers(text, sep string, count int) ([]int, error) {
	fields := strings.Split(text, sep)
	n := make([]int, len(fields))
	for i, f := range fields {
		n[i], _ = strconv.Atoi(f)
		if n[i] < 1 || len(fields) != count {
			return nil, fmt.Errorf("%q: want %d whole numbers from 1 on, joined by %q", text, count, sep)
		}
	}
	return n, nil
}

// Ternary is a ternary weight with random codes.
func Ternary(rows, cols int) (*kernel.Matrix, error) {
	codes, rng := make([]int8, rows*cols), rand.New(rand.NewPCG(1, uint64(rows*cols)))
	for i := range codes {
		codes[i] = int8(rng.Uint32()%3) - 1
	}
	return kernel.New(codes, rows, cols, []float32{0.05})
}

// Operand is what products read and write: rows of activations in float32, which are
// quantised before they are multiplied.
type Operand struct {
	values []float32
	x      *kernel.Activations
	y      []float32
}

// NewOperand has room for the results of weights of at most outputs rows.
func NewOperand(batch, cols, outputs int) (*Operand, error) {
	x, err := kernel.NewActivations(batch, cols)
	if err != nil {
		return nil, err
	}
	o := &Operand{values: make([]float32, batch*cols), x: x, y: make([]float32, batch*outputs)}
	rng := rand.New(rand.NewPCG(2, uint64(cols)))
	for i := range o.values {
		o.values[i] = float32(rng.NormFloat64())
	}
	return o, nil
}

// Multiply quantises the activations once and multiplies them with each weight.
func (o *Operand) Multiply(pool *kernel.Pool, weights ...*kernel.Matrix) error {
	if err := o.x.Quantize(o.values); err != nil {
		return err
	}
	for _, w := range weights {
		if err := pool.Multiply(o.y[:o.x.Rows()*w.Rows()], w, o.x); err != nil {
			return err
		}
	}
	return nil
}

// Linears are the ternary linears of a transformer with a gated MLP and as many
// key-value heads as query heads.
type Linears struct {
	Dim, Hidden int
	Weights     int64
	layers      []layer
}

// layer holds the linears of a block: those of one list read the same activations.
type layer struct {
	qkv, o, gateUp, down []*kernel.Matrix
}

// NewLinears makes them with random codes.
func NewLinears(layers, dim, hidden int) (*Linears, error) {
	l := &Linears{Dim: dim, Hidden: hidden, layers: make([]layer, layers)}
	for i := range l.layers {
		w := &l.layers[i]
		for _, part := range []struct {
			to                *[]*kernel.Matrix
			count, rows, cols int
		}{{&w.qkv, 3, dim, dim}, {&w.o, 1, dim, dim}, {&w.gateUp, 2, hidden, dim}, {&w.down, 1, dim, hidden}} {
			for range part.count {
				m, err := Ternary(part.rows, part.cols)
				if err != nil {
					return nil, err
				}
				*part.to = append(*part.to, m)
				l.Weights += int64(part.rows) * int64(part.cols)
			}
		}
	}
	return l, nil
}

// Pass returns a function that makes the products of all linears, one call each, for
// batch tokens.
func (l *Linears) Pass(pool *kernel.Pool, batch int) (func() error, error) {
	x, err := NewOperand(batch, l.Dim, max(l.Dim, l.Hidden))
	if err != nil {
		return nil, err
	}
	f, err := NewOperand(batch, l.Hidden, l.Dim)
	if err != nil {
		return nil, err
	}
	return func() error {
		for _, w := range l.layers {
			err := errors.Join(x.Multiply(pool, w.qkv...), x.Multiply(pool, w.o...), x.Multiply(pool, w.gateUp...), f.Multiply(pool, w.down...))
			if err != nil {
				return err
			}
		}
		return nil
	}, nil
}
