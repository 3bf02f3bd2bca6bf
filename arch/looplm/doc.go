// Package looplm has the objectives of looped language models: what a model that
// runs its blocks R times learns from every pass, and when it may stop.
//
// # Method
//
// A model of package lm with Config.Loop.Loops = R has, for each token, states
// hᵗ after the passes t = 1 … R and losses CEᵗ = -log softmax(hᵗ·W_head)[target].
// Its gate says after each pass how likely that was the last one
// (Ouro, arXiv:2510.25741, section 3):
//
//	λ_t = σ(w·hᵗ + b)
//	p_t = λ_t·Π_{j<t}(1-λ_j)  for t < R,   p_R = Π_{j<R}(1-λ_j)
//
// Stage I trains the whole model (type Objective), a token at a time:
//
//	L = Σ_t p_t·CEᵗ - β·H(p),   H(p) = -Σ_t p_t·ln p_t
//
// which is the evidence lower bound with a uniform prior over the pass at which
// a token ends: β·KL(p ‖ 1/R) = β·(ln R - H(p)). Without the entropy the gate
// settles on the pass that happens to be best early in training.
//
// Stage II trains the gate alone on a model that stays as it is (type
// GateObjective): a token should go on where the pass lowers its loss,
//
//	I_t = max(0, CEᵗ⁻¹ - CEᵗ),   w_t = σ(k·(I_t - γ))
//	L   = (1/R)·Σ_{t=2}^R BCE(1-λ_{t-o}, w_t),   BCE(q, w) = -w·ln q - (1-w)·ln(1-q)
//
// where nothing of w has a gradient. With offset o = 0, as published, the gate
// after pass t is compared with what pass t has brought; with o = 1 with what the
// pass behind it will bring, which is what its decision is about.
//
// Uniform scores every pass with weight 1/R and needs no gate: a model that is
// to be run at a fixed depth of choice.
//
// In inference (package infer) a token ends at the first pass m whose
// 1 - Π_{j≤m}(1-λ_j) reaches a threshold q, or at a depth that is given.
//
// # Reported
//
//	loop/loss/t    mean CEᵗ
//	loop/exit/t    mean p_t
//	loop/entropy   mean H(p), at most ln R
//	loop/depth     mean Σ_t t·p_t
//
// The loss of the next token, lm.Losses.NLL, is CEᴿ: what the model says at its
// full depth.
//
// # Defaults
//
// Published: R = 4; β = 0.1, later 0.05; k = 50, γ = 0.005. R = 8 was unstable.
//
// # Caveats
//
// Every pass goes through the head, so a step costs R heads besides R times the
// blocks; Config.LossChunk bounds what is alive of their logits. Looping pays in
// quality for a given number of parameters, hardly for a given number of
// operations, and least on code by the authors' own account. Quantisation errors
// add up over passes: a ternary looped model wants Config.SandwichNorm.
package looplm
