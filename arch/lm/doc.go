// Package lm builds the decoder-only transformer of the Llama family as a
// GoMLX graph, dense or with ternary linears.
//
// # Method
//
// With h [B, R, C] the residual stream of R rows (positions) of B sequences, a
// block computes
//
//	h ← h + Attention(norm(h))
//	h ← h + MLP(norm(h))
//	norm(x) = x / √(mean(x²) + ε) · g                      RMSNorm, arXiv:1910.07467
//
// Attention has H query heads of width d in groups that share one of H_kv key
// and value heads (query head i reads head ⌊i·H_kv/H⌋, arXiv:2305.13245):
//
//	q, k, v = x·W_q, x·W_k, x·W_v
//	q, k    = rope(q), rope(k)          each first through norm over d when QKNorm
//	y_i     = Σ_j softmax_j(q_i·k_j/√d) v_j ,  summed over what i may see
//	out     = y·W_o
//
// rope rotates the pair (x_t, x_{t+d/2}) by the angle p·θ^(-2t/d) at position p
// (arXiv:2104.09864, the half-split form of Llama); its tables are float32
// roundings of float64 values.
//
// Row i sees row j when j is not after i, both lie in the same segment (or
// DocumentMask is off), and fewer than Window rows lie between (or Window is
// 0). Segment 0 is padding: it sees nothing and nothing sees it. With
// DocumentMask positions restart in every segment; without, they count from
// the start of the row and the caller's positions are not read.
//
// With SandwichNorm what a sublayer writes is normed too, h ← h + norm'(f(norm(h))).
// A looped model (Config.Loop, arXiv:2510.25741) runs its blocks R times with the
// same weights; every pass ends with the final norm, whose result the head and
// the next pass read:
//
//	h⁰ = embedding,   hᵗ = norm_final(blocks(hᵗ⁻¹)),   logits = hᴿ·W_head
//
// RopeScaling stretches the frequencies of a model whose context was extended.
//
// With SubLN the values of attention and the hidden values of the MLP go through
// an RMSNorm before o_proj and down_proj, so that what a ternary linear rounds
// has a known scale: with Ternary and ReLU2GLU that is the block of BitNet b1.58
// 2B4T (arXiv:2504.12285).
//
// Config.MTP adds heads for the tokens after the next, which package mtp describes;
// they change nothing of what the model says of the next one.
//
// The MLP is SwiGLU, ReLU², either gated or not, or SiLU (see the constants). Logits are norm(h)·W_head,
// then c·tanh(z/c) when SoftCap is c.
//
// The model of nanochat, see NanoChat, has no gains (NoGain), norms the embedding
// (EmbedNorm) and the queries and keys times a factor (QKNorm, QKScale), gives
// layers windows in turn (WindowPattern), and adds
//
//	x_t ← x_t + λ·σ(W·x_t[:24])·x_{t-1}         Smear, on embeddings
//	h   ← r·h + z·x                              ResidualScalars, before each block
//	v   ← v + 3·σ(W·norm(h)[:12])·E[token]       ValueEmbed, E a table of every second layer
//	h   ← h - λ·h_{L/2}                          Backout, after the last block
//
// RoPE turns queries and keys after their norm here and before it there: without
// a gain that is the same.
//
// # The loss
//
// Loss is the sum of -log softmax(z)[target] over positions whose target is not
// negative, in nats, with the count of those positions. Its gradient is built
// directly: z̄ = (softmax(z) - onehot(target))·ȳ. With LossChunk the logits of
// that many positions are alive at a time: the gradients of hidden states and
// head are accumulated chunk by chunk while the loss is computed and only
// scaled afterwards, so no logit is computed twice.
//
// Objectives other than the next token's loss read a Forward, which has the
// hidden states of every pass, and add terms to Losses: more predictions through
// the same head, scored one after the other, and penalties (packages looplm and mtp).
//
// # Seams
//
// Rows, Keys, Stream and BlockStack are the shapes that variants plug into: which
// positions are computed, what they may attend to, how a sublayer touches the
// stream, and in which order blocks run. Every product with a weight goes
// through package quant's linear, and every parameter is born in one function
// from Config.Params.
//
// # Defaults
//
// NumKVHeads = NumHeads, HeadDim = Dim/NumHeads, RopeTheta = 10000,
// NormEps = 1e-5, MLP = SwiGLU with HiddenDim = 8/3·Dim rounded up to a
// multiple of 64, otherwise 4·Dim. Initial values are described at Params.
//
// # Caveats
//
// Weights are [in, out] in the graph and [out, in] in files. Training in
// float32 only; lower precision is emulated by package quant.
package lm
