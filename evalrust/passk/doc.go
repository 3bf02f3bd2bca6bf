// Package passk computes pass@k and intervals for shares.
//
// # Method
//
// With n samples of a problem of which c pass, the unbiased estimate of the
// chance that at least one of k samples passes is (arXiv:2107.03374, equation 1)
//
//	pass@k = 1 - C(n-c, k)/C(n, k) = 1 - Π_{i=n-c+1..n} (1 - k/i)
//
// computed as the product, which does not overflow. n < k has no such estimate
// and is an error. A score over problems is the mean of theirs; they may have
// different n.
//
// # Intervals
//
// For a share p = k/n, with z the normal quantile of the level:
//
//	Wilson                (p + z²/2n ± z·√(p(1-p)/n + z²/4n²)) / (1 + z²/n)
//	Wilson, continuity    (2np + z² ∓ 1 ∓ z·√(z² ∓ 2 - 1/n + 4p(n(1-p) ± 1))) / 2(n + z²)
//	Clopper-Pearson       quantiles of Beta(k, n-k+1) and Beta(k+1, n-k)
//
// In the second line the upper signs give the lower bound. The lower bound of
// k = 0 is 0 and the upper bound of k = n is 1. Clopper-Pearson has at least the
// stated coverage; Wilson has it on average. The Beta quantiles are found by
// bisection on the regularised incomplete beta function, whose continued
// fraction is evaluated with Lentz's method.
//
// These are intervals for samples drawn independently. Several samples of one
// problem are not: use the mean over problems, not the share of all samples, and
// Bootstrap, which draws problems with replacement and takes quantiles of the
// means. Paired does so with the differences of two models on the same problems.
package passk
