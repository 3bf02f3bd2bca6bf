package galore

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// once returns what body makes of the state if due, and else the state as it is,
// without computing anything. It is a loop that runs at most once: go-xla 0.4
// lets branches capture values, but hardly any operation use one that was
// captured, whereas a loop is given what its body needs.
//
// What the body calls must make all its constants itself, because the graph
// would offer those it shares outside the loop too, and may not reduce.
func once(due *Node, state, scalars []*Node, matrix *Node, body func(state, scalars []*Node, matrix *Node) []*Node) []*Node {
	g := due.Graph()
	// due is last: the Go backend takes no parameters after the last one in use.
	all := slices.Concat(state, scalars, []*Node{matrix, due})
	parameters := func(g *Graph) []*Node {
		var in []*Node
		for i, x := range all {
			in = append(in, Parameter(g, fmt.Sprintf("once_%d", i), x.Shape()))
		}
		return in
	}
	pending := NewClosure(g, func(g *Graph) []*Node { return parameters(g)[len(all)-1:] })
	step := NewClosure(g, func(g *Graph) []*Node {
		in := parameters(g)
		state, scalars, matrix := in[:len(state)], in[len(state):len(all)-2], in[len(all)-2]
		out := body(state, scalars, matrix)
		// What depends only on values that a loop hands on may be computed ahead
		// of it, in every step; so the scalars change.
		for _, x := range scalars {
			if x.DType() == dtypes.Bool {
				out = append(out, LogicalNot(x))
				continue
			}
			out = append(out, Add(x, ConstAs(x, 1)))
		}
		return append(out, matrix, Const(g, false))
	})
	return While(pending, step, all...)[:len(state)]
}
