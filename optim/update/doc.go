// Package update declares the seams of an optimizer step: what a parameter is,
// what state a rule keeps, and the five lines on which every rule, storage and
// space compose.
//
// # Method
//
// For a weight w with gradient g, learning rate η, decay λ:
//
//	ĝ = space.Down(g)
//	m' = rule.Accumulate(m, ĝ) with m = storage.Load();  storage.Store(m')
//	d, s = rule.Direction(space.LiftMoments(m, m', g))
//	u = space.LiftDirection(d, ĝ, g)
//	w ← (1 - η·λ)·w - η·s·u
//
// The scalar s is the rule's own: Muon's shape factor, Adam's bias correction.
// Package storage has the storages, packages foam and galore the spaces. Without
// a space Down and Lift are identities. A space whose basis changes is a Basis:
// it carries the moments over before anything else happens in the step.
//
// # State
//
// A rule declares its state as a list of Spec before any of it exists. The
// planner, the checkpoint and the audit read that list.
package update
