package galore

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// once is 1 if due and else 0, for repeat.
func once(due *Node) *Node { return ConvertDType(due, dtypes.Int32) }

// repeat applies body to the state so many times, an int32 scalar; 0 leaves it as
// it is and costs nothing, which is why this is a loop even for once: go-xla 0.4
// lets branches capture values, but hardly any operation use one that was
// captured, whereas a loop is given what its body needs: fixed values, and how many
// times are left, this one included. A body cannot hold a loop of its own: GoMLX
// 0.28 makes every closure one of the main function.
//
// What depends on fixed values alone may be computed ahead of the loop, in every
// step. What the body calls must make all its constants itself, because the graph
// would offer those it shares outside the loop too, and may not reduce.
func repeat(count *Node, state, fixed []*Node, body func(left *Node, state, fixed []*Node) []*Node) []*Node {
	g := count.Graph()
	// The count is last: the Go backend takes no parameters after the last one in use.
	all := slices.Concat(state, fixed, []*Node{count})
	parameters := func(g *Graph) []*Node {
		var in []*Node
		for i, x := range all {
			in = append(in, Parameter(g, fmt.Sprintf("repeat_%d", i), x.Shape()))
		}
		return in
	}
	pending := NewClosure(g, func(g *Graph) []*Node {
		left := parameters(g)[len(all)-1]
		return []*Node{GreaterThan(left, ConstAs(left, 0))}
	})
	step := NewClosure(g, func(g *Graph) []*Node {
		in := parameters(g)
		left, fixed := in[len(all)-1], in[len(state):len(all)-1]
		out := slices.Clone(body(left, in[:len(state)], fixed))
		return append(append(out, fixed...), Sub(left, ConstAs(left, 1)))
	})
	return While(pending, step, all...)[:len(state)]
}
