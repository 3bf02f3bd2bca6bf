package muon

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/optim/update"
)

// checkAxes says why a parameter is no matrix and no stack of them.
func checkAxes(p update.Param) error {
	if len(p.Shape) < 2 {
		return fmt.Errorf("muon: %s has shape %v, want a matrix; route it to another rule", p.Name, p.Shape)
	}
	seen := make([]bool, len(p.Shape))
	for _, axis := range append([]int{p.FanIn, p.FanOut}, p.Window...) {
		if axis < 0 || axis >= len(p.Shape) || seen[axis] {
			return fmt.Errorf("muon: %s of shape %v has fan-in %d, window %v and fan-out %d, want different axes of it", p.Name, p.Shape, p.FanIn, p.Window, p.FanOut)
		}
		seen[axis] = true
	}
	sum := 0
	for _, n := range p.Parts {
		if n < 1 {
			return fmt.Errorf("muon: %s has parts %v, want sizes of at least 1", p.Name, p.Parts)
		}
		sum += n
	}
	if p.Parts != nil && sum != p.Shape[p.FanOut] {
		return fmt.Errorf("muon: %s has parts %v along a fan-out of %d, want them to add up", p.Name, p.Parts, p.Shape[p.FanOut])
	}
	return nil
}

// plain says that the parameter is one matrix as it lies.
func plain(p update.Param) bool { return len(p.Shape) == 2 && p.Parts == nil }

// fanIn is the number of inputs of the matrices.
func fanIn(p update.Param) int {
	n := p.Shape[p.FanIn]
	for _, axis := range p.Window {
		n *= p.Shape[axis]
	}
	return n
}

// parts are the sizes of the matrices along the fan-out.
func parts(p update.Param) []int {
	if p.Parts == nil {
		return []int{p.Shape[p.FanOut]}
	}
	return p.Parts
}

// eachMatrix applies f to every part of a parameter, x in batches [n, in, out],
// with the part's own size along the fan-out.
func eachMatrix(p update.Param, x *Node, f func(x *Node, out int) *Node) *Node {
	var order []int // independent axes, fan-in with its window, fan-out
	for axis := range p.Shape {
		if axis != p.FanIn && axis != p.FanOut && !slices.Contains(p.Window, axis) {
			order = append(order, axis)
		}
	}
	order = append(append(append(order, p.Window...), p.FanIn), p.FanOut)
	turned := TransposeAllAxes(x, order...)
	batch := Reshape(turned, -1, fanIn(p), p.Shape[p.FanOut])
	var done []*Node
	at := 0
	for _, out := range parts(p) {
		done = append(done, f(SliceAxis(batch, 2, AxisRange(at, at+out)), out))
		at += out
	}
	back := make([]int, len(order))
	for i, axis := range order {
		back[axis] = i
	}
	return TransposeAllAxes(Reshape(Concatenate(done, 2), turned.Shape().Dimensions...), back...)
}
