// Package schedule gives the multiplier of a learning rate as a pure function
// of the step and of the part of the run that is behind.
//
// # Method
//
// Config.Multiplier is warm-up times fall. The warm-up counts steps; the fall
// sees the fraction x of the run's budget that is spent, so that a run may be
// as long as a number of steps, of tokens or of minutes. With W steps of
// warm-up, floor f and a decay over the last fraction D:
//
//	warm-up   (t+1)/W for t < W, then 1
//
//	constant  1
//	linear    f + (1-f)·(1-x)
//	cosine    f + (1-f)·(1 + cos(π·x))/2                arXiv:1608.03983
//	wsd       1 for x ≤ 1-D, then with y = (x-(1-D))/D   arXiv:2404.06395
//	          linear or cosine of y, or sqrt: f + (1-f)·(1-√y)
//	                                                    arXiv:2405.18392
//	          or exponential: f^y, for f > 0
//
// WSD, FloorWarmup and WarmupCosine are the same shapes in steps only, as other
// libraries define them: the fall begins where the warm-up ends.
//
// Momentum is a schedule of the momentum β instead, from a to b over N steps as
// record runs of Muon have it (a = 0.85, b = 0.95, N = 300):
//
//	β = (1-x)·a + x·b with x = min(t/N, 1)
//
// # Differences from other implementations
//
// Warm-up starts at 1/W, not at 0, so that no step is wasted. Cosine and linear
// fall during the warm-up too, because the end of the warm-up is not known as
// a fraction of a budget in minutes.
package schedule
