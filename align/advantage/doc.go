// Package advantage computes the coefficient of each completion's policy
// gradient from the rewards of its group.
//
// # Method
//
// For the rewards r_1 … r_N of N completions of one prompt, with mean r̄,
// standard deviation σ and sum K, the estimate is Σ_i A_i·∇log π(o_i) with
//
//	GRPO            A_i = (r_i - r̄) / (σ + 1e-6)        arXiv:2402.03300, eq. 3
//	Centred         A_i = r_i - r̄                       arXiv:2503.20783 (Dr. GRPO)
//	LeaveOneOut     A_i = r_i - mean of the others      arXiv:2402.14740 (RLOO)
//	                    = N/(N-1) · (r_i - r̄)
//	MaxRL           A_i = r_i / K                       arXiv:2602.02710
//	MaxRLCentred    A_i = r_i/K - 1/N                   arXiv:2602.02710
//
// The first three still want a factor 1/N for the mean over the group; the last
// two have it. MaxRL does not follow the success rate P of a prompt but log P,
// cut off after N terms of -log P = Σ_k (1-P)^k/k: hard prompts weigh more.
//
// σ divides by N (Population) or by N-1 (Sample); implementations differ.
//
// # Groups without signal
//
// Where all rewards are equal to within 1e-9, or there is a single one, every
// coefficient is exactly 0. MaxRL alone is 0 only where no reward is positive:
// it is not centred.
//
// # Differences from the papers
//
// MaxRL is defined there for rewards 0 and 1. Here it takes any that are not
// negative, with K their sum.
package advantage
