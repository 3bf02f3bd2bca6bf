// Package vjp gives a graph function of several inputs a gradient of its own.
//
// # Method
//
// Reverse-mode differentiation visits the output of a function before its
// inputs. Custom wraps the output, so that the adjoint ∂L/∂y is caught there,
// and wraps each input, so that the caller's backward function replaces what
// automatic differentiation would send on:
//
//	y = f(x₀, x₁, …)          forward, any graph operations
//	(x̄₀, x̄₁, …) = b(ȳ)        backward, called once
//
// The operations of f must be differentiable in the sense that a gradient path
// exists from y to every input: the path decides which inputs are visited, its
// values are discarded and never computed. Touch makes such a path where the
// operations have none.
//
// # Caveats
//
// A value that forward captures instead of receiving must be stopped with
// StopGradient if it depends on an input, or its own gradient is added.
//
// The backward function sees the forward nodes it captures. Under gradient
// checkpointing it therefore keeps them alive, or recomputes what it needs.
package vjp
