// Package sgd implements stochastic gradient descent with momentum.
//
// # Method
//
// With gradient g, momentum μ, learning rate η, decay λ (Polyak's heavy ball;
// Nesterov's form as arXiv:1212.0901, section 3.5, writes it):
//
//	m ← μ·m + g
//	u = g + μ·m  with Nesterov, else m
//	w ← (1 - η·λ)·w - η·u
//
// A constant gradient is magnified by 1/(1-μ) in the end. With μ = 0 this is
// plain gradient descent.
//
// # Defaults
//
//	μ  0.9  without Nesterov
//
// # State
//
//	name      shape  dtype    bytes per parameter
//	momentum  as w   float32  4, also with μ = 0, which a group may change
//
// # Differences from other implementations
//
// Updates, momentum and its Nesterov form are those of PyTorch's SGD without
// dampening, but decay is decoupled from the gradient, as everywhere in package
// optim: it does not enter m. GoMLX's optimizer of this name has no momentum.
package sgd
