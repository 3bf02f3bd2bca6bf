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
// In training everything is float32. For B rows of T tokens, k̄ keys in the scores of
// a row (those that its block of 128 rows computes: half of T and a bit, or the
// window and a bit), and G = 3 for a gated MLP and 2 otherwise, a layer leaves for the
// backward pass
//
//	attention    2·C + 3·H·d + 2·H_kv·d   normed input, with and without gain; queries, values
//	                                      of attention as heads and as rows; keys, values
//	             + H·k̄                    exponentials of the scores
//	MLP          2·C + 4·f or 2·f         normed input; gate, its logistic, up and their product
//	options      H·d + H_kv·d QK-norm, H·d + f SubLN, 2·C sandwich norms, C residual scalars,
//	             2·n·C + 2·(2·M + n²) with n streams
//
// for each token, and the step takes
//
//	weights, gradients    4·N each
//	activations, scores   4·B·T·Σ_l of the above
//	logits                4·(2·V·(B·T or LossChunk, the smaller) + 5·B·T·C)
//	working               4·B·T·(G·f + 7·C + H·k̄), the backward pass of a block, where it is
//	                      more than the logits, and 16·B·T·max(f, C, H·d) that products pack
//
// With Remat the layers leave C (n·C) for each group of sublayers that is recomputed, and
// activations and scores are those of one group. MTP heads count as layers.
//
// In inference a row costs 2·4·L·H_kv·d for each token of its cache (KVCache), 4·n·C
// more for the stream between the passes of a looped model, and
// the weights 4 bytes each, ternary ones 1/4 byte plus 4 for each output (package ternary/kernel), both padded.
//
// # Caveats
//
// What the layers leave follows from the gradients of package lm; the two terms of
// working were fitted to what XLA reports and what stays resident on a CPU, see
// docs/log.md. Gradients and activations are not alive together from end to end, so
// that the sum is an upper estimate where both are large.
// Optimizer state is the optimizer's to predict.
package estimate
