// Package clip bounds the joint norm of a set of gradients.
//
// # Method
//
// With the norm n = √(Σ_i ‖g_i‖²) over all gradients together, every gradient
// is multiplied by min(1, c/(n + 1e-6)) (arXiv:1211.5063).
package clip
