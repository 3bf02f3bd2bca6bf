// Package claims plans the memory behind published claims about optimizers:
// the bytes of state, and of a whole training step, for six shapes of models
// that are too large to train here. Nothing is measured or allocated; every
// state figure is what optim.Optimizer.PlanStateBytes says of the parameters of
// an lm.Config.
//
// # Method
//
// For a model of N parameters, state S and the largest parameter N₁, in bytes:
//
//	float32              4·N + 4·N + S + A      how package run trains
//	bfloat16             2·N + 2·N + S + A₁₆
//	a gradient at a time 2·N + 2·N₁ + S + A₁₆   each update right after its gradient
//
// A is what package estimate predicts for one row of 2048 tokens with blocks
// recomputed and 256 logits at a time; A₁₆ is half of it but for the logits,
// which stay float32. The two last lines are arithmetic: package run does
// neither.
//
// # Files
//
// docs/results/claims.json holds the bytes, docs/claims.md the tables made of
// them. The test of this package writes both with -claims.write and else fails
// when either differs from the plan.
//
// # Caveats
//
// Temporaries of the update, a second copy of what a backend does not update in
// place, and the fragments of an allocator come on top.
package claims
