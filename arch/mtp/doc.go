// Package mtp has the objectives that predict several tokens from one position,
// and the heads that do it.
//
// # Method
//
// A model of package lm predicts the token after position t. With K heads more
// (Config.MTP), head k = 1 … K predicts the token k places after that one. All
// share the model's final norm and unembedding; x is the row of tokens, z what a
// head reads.
//
// Parallel heads (arXiv:2404.19737) are siblings of the last block L: with z the
// stream that enters it,
//
//	h⁰ = block_L(z)            the model itself
//	hᵏ = block_{L+k}(z)        one more block for each head
//
// Sequential modules (DeepSeek-V3, arXiv:2412.19437, section 2.2) keep the chain
// of causes: with h⁰ the stream that leaves the last block,
//
//	hᵏ_t = block_{L+k}( M_k·[ norm(hᵏ⁻¹_t) ; norm(Emb(x_{t+k})) ] )
//
// so module k sees the tokens up to t+k, and nothing later. In both
//
//	L = CE⁰ + Σ_k w_k·CEᵏ,   CEᵏ = Σ_t -log softmax(norm(hᵏ_t)·W_head)[x_{t+1+k}]
//
// summed over the positions whose target lies in the row and in the same
// document. Like CE⁰ the terms are divided by the number of next tokens that are
// scored, whatever k. With w_k = 1 this is the objective of the first paper, with
// w_k = λ/K that of the second.
//
// Shared (a record of modded-nanogpt) has no heads: the next token's logits are
// held against the next K+1 tokens at once, with w_0 = 1,
//
//	L = Σ_t Σ_k w_k·(-log softmax(z_t)[x_{t+1+k}]) / Σ_k w_k
//
// a soft target that is sharpened as w goes to 0. It cannot draft.
//
// # Memory
//
// Every prediction goes through the one head in turn: logits of one, or of
// Config.LossChunk positions of one, are alive at a time, and the head's gradient
// is accumulated in one place.
//
// # Weights that change
//
// Curriculum, with e the share of the run that is over and K+1 predictions in all
// (arXiv:2505.22757):
//
//	constant   all w_k all the time
//	forward    min(K+1, ⌊e·(K+1)⌋+1) predictions: heads join one by one
//	reverse    max(1, K+1-⌊e·(K+1)⌋): heads leave one by one
//	decay      as reverse, the weight of the next head to leave going to 0 before
//
// # Reported
//
// lm.Losses.NLL is the loss of the next token alone, and mtp/loss/n that of the
// n-th token: n = 2 for the first head.
//
// # Parameters
//
//	model.layers.{L+k-1}.*                          a block, like the others
//	model.layers.{L+k-1}.{hnorm,enorm,eh_proj}      of a sequential module, M_k [2C, C]
//
// # Differences from the papers
//
// Released weights of DeepSeek-V3 have a final norm of their own for the module
// and concatenate the embedding first. The parallel heads' paper takes a block of
// the model away for each head, which is for the configuration to do.
//
// # Caveats
//
// By the first paper's own tables four predictions lose to one below a billion
// parameters, and small vocabularies and widths make a head's share of the work
// large. What remains at small sizes is drafting: package generate lets the heads
// propose tokens that the model then verifies.
package mtp
