package vjp

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Custom returns forward(inputs) whose gradient with respect to the inputs is
// backward(ȳ), with ȳ of the output's shape. backward returns one adjoint for
// each input, of that input's shape; it is called at most once, while a
// gradient graph is being built, and panics there if the shapes differ.
func Custom(inputs []*Node, forward func(inputs []*Node) *Node, backward func(dy *Node) []*Node) *Node {
	var dy *Node
	var adjoints []*Node
	adjoint := func(i int) *Node {
		if adjoints == nil {
			adjoints = backward(dy)
			if len(adjoints) != len(inputs) {
				exceptions.Panicf("vjp: backward returned %d adjoints for %d inputs", len(adjoints), len(inputs))
			}
		}
		if a := adjoints[i]; !a.Shape().Equal(inputs[i].Shape()) {
			exceptions.Panicf("vjp: adjoint %d has shape %s, its input has %s", i, a.Shape(), inputs[i].Shape())
		}
		return adjoints[i]
	}
	wrapped := make([]*Node, len(inputs))
	for i, x := range inputs {
		wrapped[i] = IdentityWithCustomGradient(x, func(_, _ *Node) *Node { return adjoint(i) })
	}
	return IdentityWithCustomGradient(forward(wrapped), func(_, v *Node) *Node {
		dy, adjoints = v, nil
		return v
	})
}

// Touch returns y with a gradient path to each x that carries nothing: the sum
// of their first elements is added to y after it was taken away from itself. It
// serves the forward function of Custom when y was computed from stopped
// values, as a quantised operand is; y may be any small node on the way to the
// result.
func Touch(y *Node, xs ...*Node) *Node {
	var sum *Node
	for _, x := range xs {
		first := Reshape(SliceAxis(Reshape(x, -1), 0, AxisElem(0)))
		if sum == nil {
			sum = first
		} else {
			sum = Add(sum, first)
		}
	}
	if sum == nil {
		return y
	}
	return Add(y, Sub(sum, StopGradient(sum)))
}
