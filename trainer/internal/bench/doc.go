// Package bench measures: the training step against its own parts, updates,
// memory, and conversions to small formats. Comparisons with other programs are
// scripts beside it, run in turn with it on the same machine.
//
// # Method
//
// Train times whole training steps (forward, backward, AdamW) on random tokens
// and reports the median and the best of them, because a shared machine slows
// single steps down but never speeds them up. The first step, which compiles,
// is reported alone. MFU is the model's floating-point operations, 6·N per
// token for N parameters in products plus 12·L·H·d·T for attention, over the
// measured peak of a large matrix product on the same backend.
//
// Memory trains a few steps and reads the resident size of the process: its peak
// is reset after the steps that compile and release what only they need. On XLA
// old and new values of weights and state are alive together during a step, so
// less state can save up to twice its planned bytes. Optimizer makes optimizers
// by name.
//
// Conversions are the codecs of package precision, a call for all values.
//
// Ternary, Operand and Linears are what the products of package ternary/kernel are
// timed on: weights with random codes, and activations that are quantised each time.
// Weights and Decode are the same for the inference engine.
package bench
