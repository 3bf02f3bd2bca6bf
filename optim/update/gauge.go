package update

import . "github.com/gomlx/gomlx/core/graph"

// Gauge is a Rule that can tell what a storage does to its direction.
type Gauge interface {
	Rule
	// Deviation returns Σ(d-d')² and Σd², scalars, for the directions d of the
	// moments, in the order of State, and d' of what a storage gives back of them,
	// both without the gradient of a step.
	Deviation(p Param, moments, back []*Node) (difference, size *Node)
}
