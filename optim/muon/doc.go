// Package muon implements Muon: momentum whose step is orthogonalised.
//
// # Method
//
// For a weight matrix with gradient G (arXiv:2502.16982):
//
//	M ← μ·M + (1-μ)·G
//	U = μ·M + (1-μ)·G  with Nesterov, else M
//	O = orth(U)                          package orthogonal
//	W ← (1 - η·λ)·W - η·s·O
//
// The scale s makes the size of the update depend on the shape as wanted:
//
//	Original   √max(1, fan_out/fan_in)    the first implementation
//	MatchRMS   0.2·√max(fan_out, fan_in)  update RMS of AdamW, arXiv:2502.16982 §2.2
//	Spectral   √(fan_out/fan_in)          arXiv:2310.17813
//	NoScale    1
//
// WithNeuronNorm adds the last step of NorMuon (arXiv:2510.05491): with the mean
// squares q of the rows of O, along its longer side,
//
//	v ← β2·v + (1-β2)·q
//	O ← O/√v, scaled back to its norm
//
// # Defaults
//
//	μ             0.95       with Nesterov
//	orth          Classic(5), products in float32; orthogonal.Preset has bfloat16
//	scale         MatchRMS   one learning rate for Muon and AdamW, arXiv:2502.16982 eq. 4
//
// # State
//
//	name      shape  dtype    bytes per parameter
//	momentum  as w   float32  4
//	neuron    [longer side]   4 bytes each, only with WithNeuronNorm
//
// # Differences from the paper
//
// The momentum is the exponential average, not the sum: orth is invariant to
// its scale, so the direction is the same. WithBiasCorrection divides the parts
// of the Nesterov mix by 1-μ^(t+1) and 1-μ^t, which is what optax does.
//
// # Caveats
//
// Matrices only, and tensors that are made of them: stacks of matrices, the
// kernels of convolutions (update.Param's Window), fused projections (its
// Parts). Each matrix is orthogonalised by itself, with its own s. Embeddings,
// heads and vectors belong to another rule, AdamW for example; package optim
// routes them by class.
package muon
