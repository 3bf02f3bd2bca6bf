// Package galore keeps an optimizer's moments in a low-rank subspace of the
// gradient, which is found without a singular value decomposition.
//
// # Method
//
// GaLore (arXiv:2403.03507) projects the gradient G of a matrix on the r
// directions of its smaller side that carry most of it, lets any rule work
// there, and projects the step back:
//
//	R = Pᵀ·G            P [m, r] with PᵀP = I, moments of R's shape
//	w ← (1 - η·λ)·w - η·α·s·P·direction(R)
//
// and likewise G·P when the other side is the smaller one. Every T updates P is
// renewed from the gradient of that step. GaLore 2 (arXiv:2504.20437) finds it
// by a randomised range finder instead of a decomposition; here that is q rounds
// of
//
//	Z = near(Gᵀ·P);  P = near(G·Z)
//
// which begin at the old P, or at random directions, and P = orth(P) at the end.
// Near is three steps of Polar Express, which keep the columns apart, and orth
// repeats the quintic that has 1 as a fixed point; both see package orthogonal:
// products alone, on any backend. Refreshes of different parameters are spread over
// the T updates, so that no step does them all except the first. The program of a
// step has one refresh for each shape of matrices, in a loop that runs once for
// every matrix of the shape that is due.
//
// The basis spans the leading subspace but its columns are not ordered. Muon and
// SGD do not depend on that; Adam's second moments do a little.
//
// What happens to the moments at a refresh, with C = P_newᵀ·P_old:
//
//	Keep    nothing, as in the paper, although the directions are others
//	Reset   they begin again at zero
//	Rotate  M ← C·M;  V ← (C∘C)·V, exact for uncorrelated coordinates
//
// Three relatives differ in how they leave the subspace, with R = Pᵀ·G, N the
// rule's direction for it and the norms of a channel, which is a column here:
//
//	Fira        P·N + (G - P·R)·‖N‖/‖R‖     arXiv:2410.01623
//	Apollo      G·‖N‖/‖R‖, P random         arXiv:2412.05270
//	ApolloMini  the same of rank 1, with the norms of the whole matrix
//
// A subspace that has settled need not be renewed so often. Lazy refreshes
// (Q-GaLore, arXiv:2407.08296) double a matrix's own T whenever k refreshes in a
// row leave its subspace where it was, which is for o = ‖P_newᵀ·P_old‖²/r
//
//	(o - r/m) / (1 - r/m) ≥ τ,  1 for the same subspace, 0 on average for random ones
//
// Q has them, and keeps projectors in int8.
//
// Random is GaLore with P = orth(N) for a matrix N of normal numbers instead of
// the gradient's directions: what chance does, for comparison.
//
// # Defaults
//
//	T        200    arXiv:2403.03507, for up to 1 B parameters
//	α        0.25   arXiv:2403.03507; 1 for Apollo, √128 for ApolloMini
//	q        2      later refreshes begin at the old subspace
//	moments  Rotate; Keep for Apollo
//	τ, k     0.4, 5  as in Q-GaLore's program
//	side     Smaller; of a square matrix the fan-in
//
// # State
//
//	name       shape                    dtype
//	projector  [compressed side, rank]  float32, or as WithProjectorStorage says
//	refresh    [3]                      int32, of lazy refreshes: number of the update
//	                                    that has the next one, how often T has
//	                                    doubled, refreshes in a row that changed little
//
// besides the rule's state of the projected parameter. A projector in bfloat16 is
// rounded to the nearest. In float32 Muon's state shrinks only below rank mn/(m+n).
//
// # Caveats
//
// A step without a refresh costs the projections; the same executable makes both
// kinds. A refresh reads the gradients and projectors of
// all matrices of its shape once, to pick those of the matrix that is due.
//
// # Differences from the paper
//
// Decay is decoupled as in package update; the published program decays the
// weights that it has just changed. Reset does not restart Adam's bias
// correction. Fira's α is a factor on the whole step, the published program's on
// the projected part and, by its projection back, inside the rest; and Fira
// limits the growth of the rest alone, a group's GrowthLimit that of the step. Random
// projections are kept instead of being drawn again from their seed. Q-GaLore
// compares the first singular vectors, whose signs are arbitrary, by the mean of
// the last five cosines, which it does not begin anew when T has doubled; the paper
// keeps projectors in int4 and weights in int8, which are float32 here.
package galore
