package mhc

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
)

// Two streams of one token, with the initial maps of the first sublayer: it reads
// mostly the first stream and writes to both.
func Example() {
	c := Config{Streams: 2}
	x := [][][]float32{{{1, 2}, {3, 4}}}
	out := MustExecOnceN(backend, func(x, bias *Node) []*Node {
		dims := c.PhiShape(2)
		m := c.Maps(x, Weights{Phi: Zeros(x.Graph(), shape(x, dims...)), Bias: bias, Alpha: MulScalar(Ones(x.Graph(), shape(x, 3)), InitAlpha)})
		return []*Node{m.Pre, m.Post, Apply(x, m, func(u *Node) *Node { return MulScalar(u, 10) })}
	}, x, c.InitBias(0))
	fmt.Printf("%.2f %.2f\n", out[0].Value(), out[1].Value())
	fmt.Printf("%.2f\n", out[2].Value())
	// Output:
	// [[0.70 0.30]] [[1.00 1.00]]
	// [[[17.00 28.00] [19.00 30.00]]]
}
