// Package fire reinitialises a trained network between two tasks: FIRE moves
// every weight matrix to the nearest one with orthonormal columns, which learns
// as a fresh one does and remembers as much as such a one can.
//
// # Method
//
// For a weight W with fan-in n and fan-out m (arXiv:2602.08040) the problem
//
//	min ‖W - V‖² such that VᵀV = I
//
// has the polar factor of W as its solution, here scaled to √(m/n) for a linear
// layer. From X = W/‖W‖ it is approached by the cubic Newton–Schulz iteration
//
//	X ← 1.5·X - 0.5·X·XᵀX
//
// Paper(N) does N of them as published: 10 for vision, 5 for GPT. They multiply a
// small singular value by at most 1.5 each, so that large matrices stay far from
// orthonormal: of a Gaussian 768×768 matrix DfI/m is 0.87 after five steps.
// Converged(tol) begins with Polar Express and adds cubic steps until DfI/m is
// below tol.
//
// Apply reports for every matrix, before and after:
//
//	DfI    ‖VᵀV - I‖²/min(m, n) of V = W/√(m/n), on the smaller side
//	SFE    ‖W - W₀‖²/‖W₀‖²
//	stable and effective rank: ‖W‖²/σ₁² and exp of the entropy of σ/Σσ
//
// Dormant finds the units that hardly respond, and Share counts them.
//
// # Defaults
//
//	mode     Converged(1e-4)
//	classes  "matrix"; embeddings and heads are refused unless asked for
//
// # State
//
// None. The optimizer's state of the matrices that were moved is set to zero
// when the optimizer is given; begin the learning rate's warm-up anew.
//
// # Baselines
//
// ShrinkAndPerturb (arXiv:1910.08475) and Reset keep less of what was learned,
// ReDo (arXiv:2302.12902) begins dormant units anew, and L2Init
// (arXiv:2308.11958) is a penalty that holds weights near their beginning.
//
// # Caveats
//
// Where what was learned still serves, training on can be better; try both.
// A matrix of zeros has no nearest one and stays. Directions in which a matrix
// is null stay null.
package fire
