// Package graphtest opens the backend of a test binary and measures computation
// graphs for tests.
package graphtest

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// Needed lists the nodes that outputs depend on, in the order of their making.
func Needed(g *Graph, outputs []*Node) []*Node {
	used := map[*Node]bool{}
	var visit func(n *Node)
	visit = func(n *Node) {
		if !used[n] {
			used[n] = true
			for _, in := range n.Inputs() {
				visit(in)
			}
		}
	}
	for _, o := range outputs {
		visit(o)
	}
	var nodes []*Node
	for _, n := range g.Nodes() {
		if used[n] {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// Peak is the largest sum of values that are alive at a time when nodes are
// computed in the order of their making and dropped after their last use.
// Reshapes and the like count as copies on both sides of a comparison.
func Peak(nodes []*Node) int {
	last := map[*Node]int{}
	for i, n := range nodes {
		for _, in := range n.Inputs() {
			last[in] = i
		}
	}
	free := map[int]int{}
	alive, most := 0, 0
	for i, n := range nodes {
		if n.NumOutputs() != 1 || n.Type() == NodeTypeParameter || n.Type() == NodeTypeConstant {
			continue
		}
		alive += n.Shape().Size()
		most = max(most, alive)
		if end, ok := last[n]; ok {
			free[end] += n.Shape().Size()
		}
		alive -= free[i]
	}
	return most
}
