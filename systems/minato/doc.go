// Package minato feeds a training loop: batches of packed rows from token
// shards, shuffled anew in each epoch, prepared in the background, and
// resumable at any batch.
//
// # Order
//
// Epoch e reads document P(0), P(1), …, P(n-1) of the set, P being the
// permutation of package shuffle for the key mix(seed + (e+1)·0x9E3779B97F4A7C15),
// and packs them with package pack under the same key. Epochs follow one
// another without end; a batch may hold the last rows of one and the first of
// the next. Within an epoch every target is scored exactly once.
//
// Delivery is in order: what Next returns depends on the corpus, the seed and
// the row length alone, not on timing, prefetching or the batch size (which
// only says how many rows are taken at a time).
//
// # State
//
// [Loader.State] is about 200 bytes of JSON: epoch, first document of the
// pack's block, row, and what they were counted against: the corpus's
// fingerprint, seed, row length, block size. It describes the batches that
// Next has returned; those prepared ahead are prepared again after a restore.
// [Loader.Restore] refuses a state of another corpus or another packing, and
// says which.
//
// # Evaluation
//
// [Eval] goes over a set once, in order, and scores every target once; its
// last batch is filled up with padding. With nats the summed loss over all
// targets, the end of each document among them,
//
//	bits per byte = nats / (ln 2 · bytes of text)
//
// MaxTargets takes a part of the set: the first documents of a fixed
// permutation, until they have as many targets.
//
// # Metrics
//
// Wait is the time that Next spent waiting for a batch. Its share of the
// step time is how much faster training would be with an infinitely fast
// loader.
//
// # Defaults
//
//	Prefetch     4 batches
//	BlockTokens  that of package pack
//
// # Differences from the paper
//
// MinatoLoader (arXiv:2509.10712) sorts samples into fast and slow and hands
// out what is ready first. Reading packed rows from mapped shards takes the
// same short time for all of them, so that ordered delivery is all there is to
// gain from; the paper's gain, too, is nil without slow samples.
package minato
