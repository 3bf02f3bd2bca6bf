// Package policy says in which precision the three products of every linear of a
// model run: recipes from the papers, rules by the path of a weight, and a table
// that is checked before the first step. It computes nothing; package quant does.
//
// # Method
//
// A linear y = x·W is three products with two operands each,
//
//	fprop   y  = x · W     contracts in
//	dgrad   x̄  = ȳ · Wᵀ    contracts out
//	wgrad   W̄  = xᵀ · ȳ    contracts rows
//
// and a Recipe has a Quantizer for each operand: a format, the block that shares a
// scale, rounding, and what else papers do to it. Blocks lie along the contracted
// axis. "same" is what the forward product made of the operand.
//
//	"nvfp4:16x16:rne"         NVFP4 in tiles, to nearest
//	"mxfp4:1x32:sr34:rht64fresh"  MXFP4 of ¾ of the values behind a random Hadamard transform, stochastic
//	"e4m3:row:pow2"           E4M3, a power of two for each row
//	"same/e4m3:tensor"        E4M3 of the forward product's values, one scale
//
// # Recipes
//
//	f32, bf16       all operands
//	fp8_tensor      E4M3, gradients E5M2, one scale each: torchao's tensorwise training
//	fp8_row         E4M3, a power of two for each row: torchao's row-wise training
//	fp8_block       E4M3, 1×128 and 128×128: arXiv:2412.19437
//	mxfp8           OCP MXFP8 E4M3 everywhere
//	mxfp4_bwd       MXFP4 backward with random Hadamard transforms and ¾: arXiv:2502.20586
//	mxfp4_quartet   MXFP4 everywhere: arXiv:2505.14669
//	mxfp4_nearest   MXFP4 everywhere, rounded to nearest: what goes wrong without them
//	nvfp4           arXiv:2509.25149, with 3 % of the blocks at the beginning and 13 % at the end kept
//	fp4_dge_occ     E2M1 with a gradient estimator and clamped outliers, FP8 backward: arXiv:2501.17116
//	fp4_fp8         E2M1 forward, FP8 backward: the MLP of arXiv:2502.11458
//	int8            int8 by rows, stochastic gradients
//	ternary         BitNet b1.58: arXiv:2402.17764; its SubLN, the norms before two of
//	                the linears, belongs to the block: lm.Config.SubLN of module arch
//
// # Defaults
//
// Rounding is to nearest. A Policy's HighPrecision is "bf16"; what lies outside of
// blocks has it, unless a rule says otherwise.
//
// # State
//
// None.
//
// # Caveats
//
// arXiv:2502.11458 does not name the element types of its 8-bit operands; fp4_fp8
// takes E5M2 for gradients and E4M3 for the rest. Bits of a weight are those of the
// forward product's operand; master weights are float32 in training.
package policy
