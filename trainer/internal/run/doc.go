// Package run trains a model: it owns the compiled step, the loop around it,
// and what has to be true of a run directory.
//
// # Method
//
// A run is a pure function of its effective configuration: the seed fixes the
// data, the split, the tokenizer, the order of batches and the initial
// weights, and the loop adds nothing. Its state after step n is the weights,
// the optimizer's variables, the loader's position and the clock's share of a
// time budget; all of it is in a checkpoint, so a run that is killed and
// resumed ends with the same bits (when steps or tokens end it; a time
// ends it where the clock says).
//
// One iteration is
//
//	batch    ← loader
//	rate     ← schedule(step, share of the budget that is spent)
//	momentum ← warm-up(step), for the groups that have one
//	nll, n   = Σ -log p(target), number of targets
//	gradient = ∂(nll/n), clipped; weights ← optimizer
//
// # Trouble
//
// A loss or gradient that is not finite skips the update and is counted. Three
// in a row load the last checkpoint and halve the rate for the rest of the run;
// when that has happened three times the run stops with an error.
//
// # Units
//
// Losses are nats per token; bits per byte is Σ nats / (ln 2 · bytes) over
// whole documents, comparable between tokenizers.
package run
