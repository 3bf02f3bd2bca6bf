// Package kernel multiplies ternary weights by eight-bit activations in whole
// numbers, on the host, with the vector instructions that the processor has.
//
// # Use
//
// A Matrix holds the weights, Activations the rows that are multiplied with it, and a
// Pool the threads:
//
//	m, err := kernel.Quantize(w, rows, cols)
//	x, err := kernel.NewActivations(batch, cols)
//	p, err := kernel.NewPool(threads)
//	err = x.Quantize(values) // one row or several
//	err = p.Multiply(y, m, x)
//
// Quantize and Multiply allocate nothing and start no goroutine. Callers with workers of
// their own use Activations.QuantizeRow and Matrix.MultiplyRows, which do a part of the
// work on the goroutine that calls.
//
// # Arithmetic
//
// With weights W ≈ s·W̃, W̃ in {-1, 0, +1}, and activations x ≈ x̃·a, where x̃ is what
// ternary.QuantizeActivations gives, -127 to 127, a result is
//
//	y = float32(Σ W̃x̃)·a·s          Σ W̃x̃ = Σ (W̃+1)x̃ - Σ x̃
//
// The sums are exact, so the results depend neither on the number of threads nor on
// the instructions: every path has the same bits. The codes W̃+1 are 0, 1 or 2, two
// bits without a sign, which vector instructions multiply by signed bytes.
//
// # Layout
//
// Weights are stored in tiles of 32 rows and 16 columns. A row of a tile is four bytes:
// bits 2p of byte k are the code of column 4p+k. So 64 bytes hold, for 16 rows, four
// planes of four neighbouring columns each. They meet the same four activations in every
// lane of 32 bits, and the sum of a row stays in its lane: nothing is added across lanes.
// The tiles of 32 rows follow one another. Rows are padded to 64 columns, with bits of
// zero for weights and zeros for activations.
//
// # Kernels
//
// VNNI multiplies four bytes and adds to 32 bits in one instruction. A plane is multiplied
// where it lies, as 4ᵖ times its codes, with sums of its own that are shifted at the end:
// one AND and one VPDPBUSD for 64 products. Eight rows of activations share the planes of a tile in
// registers.
//
// AMX multiplies 16 rows of activations of 64 columns with 16 rows of weights in one instruction,
// TDPBSUD, from codes of a byte each, which are unpacked for 32 rows of weights at a time.
//
// AVX2 adds pairs of products, at most 2·2·127 = 508, to lanes of 16 bits, which hold 64 of those before
// they are widened. Every second plane is multiplied as codes times four and its
// products are shifted. In builds with GOEXPERIMENT=simd, 16 rows of activations share
// tables: for each four columns, which a byte of a tile holds, the sums Σ W̃x of all
// 3⁴ codes. A row of weights then costs one load and one addition for 64 products.
//
// Otherwise four codes and four activations are digits of 64-bit integers, whose product
// has the sum of four products as its highest digit.
//
// # Choice
//
// The processor decides between VNNI, AVX2 and portable when the program starts; Path
// names the choice. How several rows of activations are multiplied, one by one or with
// one of the kernels for batches, is measured for each number of rows up to 16 when a shape
// (sizes rounded up to powers of two) is first multiplied, which takes some milliseconds. SaveTuning and
// LoadTuning keep the choices for the next process. The first such measurement asks Linux for the
// use of AMX, which enlarges what signals save on stacks.
//
// # Threads
//
// A product is divided by rows of weights. Threads look for work for about 30 µs before
// they sleep, unless there are more of them than GOMAXPROCS. The caller does not wait for
// a worker that has not begun.
//
// # Speed
//
// docs/results/precision-kernels-avx512.json has measurements on a processor with VNNI and AMX,
// docs/results/precision-kernels.json earlier ones with AVX2. One row is bound by the speed at
// which weights arrive once they leave the second cache.
//
// # Limits
//
// Activations with an infinity or NaN have the codes and the scale that
// ternary.QuantizeActivations gives them. ARM has the portable kernel only.
package kernel
