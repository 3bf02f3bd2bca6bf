// Package lion implements Lion: the sign of a momentum, which was found by a
// search over programs.
//
// # Method
//
// With gradient g (arXiv:2302.06675, Program 1):
//
//	c = β1·m + (1-β1)·g
//	w ← (1 - η·λ)·w - η·sign(c)
//	m ← β2·m + (1-β2)·g
//
// The direction mixes the moment from before the step with the gradient, at a
// rate of its own; sign(0) is 0. Every step has the same size whatever the
// gradient's, so that scaling all gradients changes nothing.
//
// # Defaults
//
//	β1  0.9    arXiv:2302.06675; 0.95 is its choice for language models
//	β2  0.99   arXiv:2302.06675; 0.98 for language models
//
// The paper advises learning rates 3 to 10 times below AdamW's, decay 3 to 10
// times above, and large batches.
//
// # State
//
//	name      shape  dtype    bytes per parameter
//	momentum  as w   float32  4
package lion
