package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/nanochat-go/nanochat/evalrust/rustgen"
)

const (
	context    = 32
	vocabulary = 96 // printable ASCII and the end of a line
)

// rust returns the letters of generated Rust programs, at least n.
func rust(seed uint64, n int) ([]int32, error) {
	g, err := rustgen.New(rustgen.Config{Level: 1, Seed: seed})
	if err != nil {
		return nil, err
	}
	var text []byte
	for len(text) < n {
		text = g.AppendText(text)
	}
	return letters(text)
}

// arithmetic returns the letters of lines that evaluate an expression in
// brackets modulo ten, at least n.
func arithmetic(rng *rand.Rand, n int) ([]int32, error) {
	var text []byte
	for len(text) < n {
		expression, value := bracketed(rng, 2)
		text = fmt.Appendf(text, "%s = %d\n", expression, value)
	}
	return letters(text)
}

// bracketed draws an expression that is nested to some depth, and evaluates it.
func bracketed(rng *rand.Rand, depth int) (text string, value int) {
	if depth == 0 || rng.IntN(4) == 0 {
		value = rng.IntN(10)
		return fmt.Sprint(value), value
	}
	a, x := bracketed(rng, depth-1)
	b, y := bracketed(rng, depth-1)
	switch rng.IntN(3) {
	case 0:
		return "(+ " + a + " " + b + ")", (x + y) % 10
	case 1:
		return "(- " + a + " " + b + ")", (x - y + 10) % 10
	}
	return "(max " + a + " " + b + ")", max(x, y)
}

// letters numbers the bytes of a text.
func letters(text []byte) ([]int32, error) {
	ids := make([]int32, len(text))
	for i, b := range text {
		switch {
		case b == '\n':
			ids[i] = vocabulary - 1
		case b >= ' ' && b <= '~':
			ids[i] = int32(b - ' ')
		default:
			return nil, fmt.Errorf("byte %#x at %d is neither printable nor the end of a line", b, i)
		}
	}
	return ids, nil
}

// windows returns rows of a text and the letters that follow, from the places at.
func windows(text []int32, at []int) (x, y []int32) {
	for _, i := range at {
		x, y = append(x, text[i:i+context]...), append(y, text[i+1:i+context+1]...)
	}
	return x, y
}

// texts returns batches that take an equal number of rows from each text.
func texts(rng *rand.Rand, rows int, from ...[]int32) stream {
	return func() (x, y *tensors.Tensor) {
		var xs, ys []int32
		for _, text := range from {
			at := make([]int, rows/len(from))
			for i := range at {
				at[i] = rng.IntN(len(text) - context)
			}
			a, b := windows(text, at)
			xs, ys = append(xs, a...), append(ys, b...)
		}
		return tensors.FromFlatDataAndDimensions(xs, rows, context), tensors.FromFlatDataAndDimensions(ys, rows, context, 1)
	}
}

// languageData generates what one seed sees.
func languageData(seed uint64) (data, error) {
	const small, large, rows, tested = 4 << 10, 256 << 10, 8, 64
	var all [4][]int32
	for i, make := range []func() ([]int32, error){
		func() ([]int32, error) { return rust(4*seed+1, small) },
		func() ([]int32, error) { return rust(4*seed+2, large) },
		func() ([]int32, error) { return arithmetic(rand.New(rand.NewPCG(seed, 3)), large) },
		func() ([]int32, error) { return arithmetic(rand.New(rand.NewPCG(seed, 4)), 2*tested*context) },
	} {
		text, err := make()
		if err != nil {
			return data{}, err
		}
		all[i] = text
	}
	unseen, err := rust(4*seed+3, 2*tested*context)
	if err != nil {
		return data{}, err
	}
	held := func(text []int32) stream {
		return func() (x, y *tensors.Tensor) {
			at := make([]int, tested)
			for i := range at {
				at[i] = 2 * i * context
			}
			a, b := windows(text[:2*tested*context], at)
			return tensors.FromFlatDataAndDimensions(a, tested, context), tensors.FromFlatDataAndDimensions(b, tested, context, 1)
		}
	}
	return data{
		first:   func() stream { return texts(rand.New(rand.NewPCG(seed, 1)), rows, all[0]) },
		second:  func() stream { return texts(rand.New(rand.NewPCG(seed, 2)), rows, all[1], all[2]) },
		heldOut: []stream{held(unseen), held(all[3])},
	}, nil
}
