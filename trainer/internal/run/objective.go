package run

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/arch/lm"
)

// Objective is what a run minimises when it is not the next token's loss alone.
// What changes as the run goes on, such as the weight of a term, is an input of
// the compiled step.
type Objective struct {
	// Values are those inputs when a share of the budget is spent, always as many
	// and at least one.
	Values func(share float64) []float32
	// Build makes the terms of a graph, given the values as a float32 vector.
	Build func(values *Node) []lm.Objective
}
