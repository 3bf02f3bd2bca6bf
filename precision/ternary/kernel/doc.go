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
// Quantize and Multiply allocate nothing and start no goroutine.
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
// bits without a sign. Vector code multiplies them as unsigned bytes by signed ones
// and adds pairs to 16 bits: at most 2·2·127 = 508, and 64 of those are still less than
// 2¹⁵. So lanes of 16 bits collect a segment of a row, 4096 columns with AVX-512 and
// 2048 with AVX2, before they are widened to 32 bits. With AVX2 every second plane is
// multiplied where it lies, as codes times four, and its sums are shifted.
//
// # Layout
//
// Weights are stored in tiles of four rows and 256 columns. A row of a tile is 64
// bytes, one cache line and one register of AVX-512: bits 2n of byte j are the code of
// column j+64n, as ternary.Pack writes them with ternary.WideStride. A shift and a mask
// make a register of the codes of 64 neighbouring columns, which meet 64 neighbouring
// activations. The tiles of four rows follow one another, and each load of activations
// serves four rows. Rows are padded with bits of zero, activations with zeros.
//
// Up to eight rows of activations are multiplied one by one, straight from the tiles.
// More rows share tables, 16 of them at a time: for each four columns, which a byte of a
// tile holds, the sums Σ W̃x of all 3⁴ codes. A row of weights then costs one
// load and one addition for 64 products, where multiplying takes two instructions for
// 32. Tables for 32 columns are in use together, by up to 1024 rows of weights, so that
// they stay in the first cache.
//
// # Threads
//
// A product of one row is divided by rows of weights, one of many also by rows of
// activations. Threads look for work for about 30 µs before they sleep, unless there are
// more of them than GOMAXPROCS. The caller does not wait for a worker that has not begun.
//
// # Paths
//
// Built with GOEXPERIMENT=simd for amd64, the package chooses AVX-512 or AVX2 when the
// program starts. Otherwise, and on other processors, four codes and four activations
// are digits of 64-bit integers, whose product has the sum of four products as its
// highest digit. Path names the choice.
//
// # Limits
//
// The AVX-512 kernel for single rows was compiled but not yet run on a processor that
// has it; the tests run it where they find one. Batches have 256 bits there too.
//
// Measured with AVX2 on a first-generation EPYC at 2.45 GHz, one thread, beside other
// programs (docs/results/precision-kernels.json): 40 to 51 GOPS for one or eight rows of
// activations, 66 to 87 for 64. Weights that do not fit the cache take longer. Tables
// cost as much for few rows of weights as for many and were not measured below 768.
//
// Activations with an infinity or NaN have the codes and the scale that
// ternary.QuantizeActivations gives them. No path uses VNNI or bfloat16 instructions,
// which simd/archsimd lacks.
package kernel
