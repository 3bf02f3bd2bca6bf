// Package golden reads reference vectors for tests: results of independent
// implementations, stored with the hyper-parameters and tolerance of each case.
//
// # Format
//
// A family is two files: <family>.json, a manifest whose cases name their
// hyper-parameters, tensors (role → name) and tolerance, and
// <family>.safetensors with the arrays. The folder is the caller's
// testdata/golden, or the one that the environment variable NANOCHAT_GOLDEN
// names. A family that is absent skips the test with that reason; anything in
// it that is not understood fails.
//
// # Tolerances
//
//	exact       equal
//	abs         max |got - want| ≤ value
//	rel_fro     ‖got - want‖ ≤ value·‖want‖, absolute when the reference is zero
//	rel_update  ‖got - want‖ ≤ value·‖want - start‖, absolute when that is zero
//	max_ulp     distance in float32 units in the last place
//
// The package is for tests only and imports no graph library.
package golden
