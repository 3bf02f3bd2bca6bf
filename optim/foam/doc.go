// Package foam folds the state of an optimizer: FOAM keeps the moments of the
// means of blocks of neighbouring weights, and adds what the means leave out of
// the present gradient when it takes a step.
//
// # Method
//
// With fold level l and blocks of k = 2^l along one axis (arXiv:2512.07112), for
// a gradient g, its block means ḡ, and U that repeats a value over its block:
//
//	R  = g - U(ḡ)
//	m  ← β1·m + (1-β1)·ḡ
//	v  ← β2·v + (1-β2)·mean(g²)     or ·ḡ²
//	d  = Adam's direction from U(m) + ρ·R and U(v) + ρ²·R²
//	w  ← (1 - η·λ)·w - η·α·d
//
// R is of this step only and is never stored: a block has one memory, and each
// of its weights follows its own present gradient besides. The two forms of the
// second moment are the published program's (MeanOfSquares) and the paper's
// equations (SquareOfMean); their steps differ by about 2^(l/2).
//
// Any rule can be folded. What another rule than Adam reads as the moments from
// before the step is U(m) alone.
//
// # Defaults
//
//	l     2       FOAM-2
//	ρ     1       the program's res_scale
//	α     0.25    the program's scale; rates were tuned with it
//	axis  fan-in  the last axis of the program's [out, in] weights
//
// # State
//
// The rule's state of a parameter whose folded axis is k times shorter, rounded
// up: 8·m·⌈n/k⌉ bytes of AdamW. A storage can shrink it further.
//
// # Differences from the paper
//
// Adam's ε is added to the corrected root, as package adamw does; the program
// adds it before the correction. Decay is decoupled as in package update; the
// program decays the weights it has just changed.
//
// An axis that is no multiple of k ends in a block that is filled with zeros and
// still divided by k, as in the program; WithTrueMeans divides by the number of
// weights there are.
package foam
