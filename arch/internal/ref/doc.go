// Package ref is the transformer of package lm in float64, written as loops
// over scalars. Tests hold the graph against it; it shares no code with it.
//
// # Method
//
// Loss follows the equations of package lm's documentation one sequence at a
// time. Gradients are central differences of Loss,
//
//	∂L/∂w ≈ (L(w+h) - L(w-h)) / 2h,   h = 1e-5,
//
// whose error in float64 is some 1e-9 for values of order one, far below what
// float32 resolves.
//
// A ternary linear has no useful derivative; the straight-through estimator
// says what to use instead: y = (x + sg(Q(x)-x))·(w + sg(Q(w)-w)), where sg is
// held constant. Model.Freeze records the two offsets of every linear at the
// point of interest, and Loss then adds the recorded ones, so that its
// differences are the straight-through gradients.
package ref
