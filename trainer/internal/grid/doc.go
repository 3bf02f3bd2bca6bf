// Package grid compares training methods fairly: every method gets a grid of
// learning rates of the same size, the rate is chosen on one seed, and what is
// compared are the losses at the chosen rates over all seeds.
//
// # Method
//
// With methods M, rates R_m (as many for each m) and seeds s_1 … s_n:
//
//	stage 1  loss(m, r, s_1) for every m and every r ∈ R_m
//	stage 2  r*_m = argmin_r loss(m, r, s_1);  loss(m, r*_m, s) for s_2 … s_n
//
// A method that names another in Follows takes that one's r* instead of having
// a grid. A seed fixes initial weights and the order of the data for all
// methods alike, so that two methods compare by the differences within seeds:
//
//	d_s = loss(m, r*_m, s) - loss(base, r*_base, s),  mean ± t(0.975, n-1)·sd/√n
//
// The seed on which rates were chosen counts like the others; the choice
// favours no method, because all grids have one size. A best rate at the end
// of a grid is reported as such: the optimum may lie beyond it.
//
// # Stability
//
// A protocol may ask how smoothly the runs go: the spread of the gradient norms, the
// rate of spikes of the loss and, with hyper-connections, the gain of the residual
// maps. See Stability for the definitions.
//
// # Resuming
//
// Every finished run is a file of its own, named after the hash of all that it
// depends on. What is there is not run again; a changed protocol runs what it
// changes.
package grid
