// Package estimate predicts parameters, floating-point operations and bytes of
// a model of package lm by formula, without building it.
//
// # Parameters
//
// With C the model width, f the MLP width, V the vocabulary, L layers, H query
// and H_kv key-value heads of width d:
//
//	attention  2·C·H·d + 2·C·H_kv·d          (q, o and k, v)
//	MLP        3·C·f (gated) or 2·C·f
//	block      attention + MLP + 2·C norms (+ 2·d with QK-norm, + 2·C with sandwich norms,
//	           + H·d + f with SubLN; no norm has a gain with NoGain)
//	model      V·C (twice when untied) + L·block + C (+ C + 1 for the gate of a looped model)
//	nanochat   + ⌈L/2⌉·(V·H_kv·d + 12·H_kv) value embeddings and their gates, 2·L residual
//	           scalars, 24 + 1 smear, 1 backout
//
// With n streams (package mhc) each of the 2·L sublayers has n·C·(2n+n!) + 2n+n! + 3
// parameters more, n² in place of n! for Sinkhorn, and C·(n+2) + 2n+n² + 3 for the
// free mixing.
//
// Each of K parallel MTP heads has the parameters of a block, each sequential one
// 2·C² + 2·C more.
//
// A looped model has the parameters of its L blocks and does the work of R·L: in
// what follows its L is R·L.
//
// N_mm counts the weights that a token is multiplied with: the matrices of the
// blocks and the head (also when it is the embedding), not the lookup.
//
// # Operations
//
// A multiplication and an addition count two. For each token of a row of T, with
// window w_l of layer l (T when there is none), and S = Σ_l min(w_l, T):
//
//	forward = 2·N_mm + 4·H·d·S
//	train   = 6·N_mm + 12·H·d·S              (arXiv:2204.02311, appendix B)
//	                + 6·K·(N_head + V·C) + 12·K·H·d·min(w, T)    with K MTP heads of N_head matrix values
//	                + 6·(R-1)·(V·C + C)                          with the gate of a looped model
//	                + 3·2·L·(2·n·C·M + (6+2n)·n·C)           with n streams and M maps from each, see Parameters
//	decode  = 2·N_mm + 4·H·d·Σ_l min(w, n)   for the token after n-1 others
//
// The attention term counts every pair inside the window, also those that the
// causal mask hides: that is the convention behind published model FLOPs
// utilisation (MFU), so an implementation that skips hidden pairs can only gain.
// Recomputation (Config.Remat) is not counted, by the same convention.
//
// # Bytes
//
// In training everything is float32. For B rows of T tokens:
//
//	weights, gradients    4·N each
//	activations           4·B·T·L·(6·C + 2·H_kv·d + 2·H·d + m·f),  m = 3 SwiGLU, 2 otherwise
//	                      (6·C+…: sublayer inputs, norms and outputs kept for the backward pass)
//	                      (with n streams 2·n·C + 2·(2·M + n²) more, and with Remat n·C for C)
//	scores                2·4·B·H·T·S   (attention scores and probabilities)
//	                      (with MTP L+K in place of L)
//	with Remat            activations and scores of one block, and 4·B·T·C for each block
//	logits                3·4·V·(B·T or LossChunk, the smaller): scores, exponentials, gradient
//
// In inference a row costs 2·4·L·H_kv·d for each token of its cache (KVCache), 4·n·C
// more for the stream between the passes of a looped model, and
// the weights 4 bytes each, ternary ones 1/4 byte plus 4 for each output (package ternary/kernel), both padded.
//
// # Caveats
//
// Activations are what a differentiated graph keeps, before a compiler fuses or
// reuses anything: an upper estimate, to be replaced by what the backend reports.
// Optimizer state is the optimizer's to predict.
package estimate
