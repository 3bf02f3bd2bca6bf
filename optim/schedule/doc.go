// Package schedule gives the multiplier of a learning rate as a pure function
// of the step.
//
// # Method
//
// At step t = 0, 1, … of T, after W steps of warm-up and with floor f:
//
//	warm-up   (t+1)/W                                            t < W
//	constant  1
//	cosine    f + (1-f)·(1 + cos(π·x))/2        x = (t-W)/(T-W)
//	linear    f + (1-f)·(1-x)
//	wsd       1, and over the last D steps, with x = (t-(T-D))/D:
//	          linear 1-(1-f)·x · cosine as above · sqrt f+(1-f)·(1-√x)
//
// Progress drives the same shapes where the length of a run is a time and not
// a number of steps: x is then a fraction of the budget that is spent.
//
// # Differences from other implementations
//
// Warm-up starts at 1/W, not at 0, so that no step is wasted. The function
// that warms up from the floor, as one well-known library has it, is
// FloorWarmup.
package schedule
