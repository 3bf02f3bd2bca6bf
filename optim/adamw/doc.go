// Package adamw implements AdamW: Adam with decoupled weight decay.
//
// # Method
//
// With gradient g at update t = 1, 2, … (arXiv:1412.6980, arXiv:1711.05101):
//
//	m ← β1·m + (1-β1)·g
//	v ← β2·v + (1-β2)·g²
//	d = (m/(1-β1^t)) / (√(v/(1-β2^t)) + ε)
//	w ← (1 - η·λ)·w - η·d
//
// # Defaults
//
//	β1  0.9    arXiv:1412.6980
//	β2  0.95   usual for language models
//	ε   1e-8   arXiv:1412.6980
//
// # State
//
//	name      shape  dtype    bytes per parameter
//	momentum  as w   float32  4
//	second    as w   float32  4
//
// # Differences from the paper
//
// Decay uses the scheduled learning rate, as every current implementation does.
package adamw
