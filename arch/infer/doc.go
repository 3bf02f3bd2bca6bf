// Package infer runs the models of package lm on the CPU in plain Go: a
// key-value cache for every row, many rows in a step, float32 or ternary
// weights. It is what draws samples during training and what a server holds.
//
// # Method
//
// A row is one sequence. Appending token t at position p to a row computes, for
// each layer l,
//
//	x      = norm(h)·g₁
//	q,k,v  = x·W_q, x·W_k, x·W_v ;  q,k ← rope_p(norm?(q)), rope_p(norm?(k))
//	K_l[p], V_l[p] ← k, v
//	h      ← h + (Σ_j softmax_j(q·K_l[j]/√d)·V_l[j])·W_o ,  j in (p-Window, p]
//	h      ← h + down(act(norm(h)·g₂))
//
// with a norm before W_o and down where the model has SubLN, and with what the
// model of nanochat adds (smear, for which a row keeps its tokens, value
// embeddings, residual scalars, backout),
//
// and logits softcap(norm(h)·W_head), exactly as package lm defines them for a
// row that is one document: positions count from 0, all in one segment. The
// work of one call covers every token of every row that takes part, so each
// weight is read once for many tokens.
//
// With Config.Ternary the linears inside the blocks use the arithmetic of
// training (package ternary): weight codes c in {-1,0,1} with one scale γ for
// the tensor, int8 activation codes a with one scale s for each token, and
//
//	y_o = (Σ_k a_k·c_ok)·s·γ
//
// where the sum is exact in integers, by package ternary/kernel.
//
// # Looped models
//
// A looped model (lm.Config.Loop) runs its layers R times, with keys and values
// for every pass; the stream after a pass, normed, begins the next. A call may
// ask for another depth, or let the gate end a token early: at the first pass m
// with 1 - Π_{j≤m}(1-λ_j) ≥ q, λ = σ(w·norm(h)+b). The keys of a later token's
// pass t are those of pass t of all tokens before it; so a token that has ended
// early keeps its stream, and makes up for the missing passes, together with
// others, when a later one needs them. Results therefore do not depend on where
// tokens ended. In the same way tokens that were drafted with few passes are
// taken further to be verified (Span.Back), without computing anything twice.
//
// # Drafts
//
// The heads for later tokens of a model with lm.Config.MTP run only in a session
// that NewDraftSession has made, and only when Draft asks: its rows keep, for each
// token, what the heads read, and a head computes the keys of all tokens that it
// has not seen, the last one's logits among them. Sequential heads read tokens
// that are not there yet; what depended on those is computed again next time.
//
// # Determinism
//
// Every dot product has one summation order, that of package gemv. It depends neither on
// the processor, nor on the number of threads, nor on the rows that are computed
// together, so a row's logits are a function of its tokens.
//
// # Threads
//
// An engine owns its worker goroutines from New to Close; a call hands them
// tasks and starts none. Many rows are divided among the workers, each of
// which runs the whole network for its rows; a few rows are computed together
// and the outputs of products are divided, those that read the same operand
// together. A worker looks for a task for about 30 µs before it sleeps.
//
// # Memory
//
//	weights     4 bytes each, 2 with WithBFloat16, ternary ones 1/4 byte
//	cache       8·layers·KV heads·head dim bytes for each token of a row
//
// # Operands
//
// Programs that keep weights in blocks of integers round what these multiply to such
// blocks too. WithOperands does that here, in float32, so that a file of theirs gives
// their results: the sums differ only in their order.
//
// # Differences from package lm
//
// Padding, several documents in one row, and per-linear precision policies do
// not exist here. Rounding differs: a result lies within about 1e-5 of the
// graph's, but a ternary activation within that distance of a rounding
// threshold may take the neighbouring code, which moves the logits by more.
package infer
