package passk

import "math"

// Z95 is the normal quantile of a two-sided interval of 95 %.
const Z95 = 1.959963984540054

// Z is the normal quantile of a two-sided interval with the given level, 0 to 1.
func Z(level float64) float64 { return math.Sqrt2 * math.Erfinv(level) }

// valid says whether k of n is a share; where it is not, intervals are 0 to 1.
func valid(k, n int) bool { return n > 0 && k >= 0 && k <= n }

// Wilson is the score interval of k successes in n trials. For n = 0 it is 0 to
// 1.
func Wilson(k, n int, z float64) (lo, hi float64) {
	if !valid(k, n) {
		return 0, 1
	}
	p, m, zz := float64(k)/float64(n), float64(n), z*z
	centre := p + zz/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+zz/(4*m*m))
	return edges(k, n, (centre-half)/(1+zz/m), (centre+half)/(1+zz/m))
}

// WilsonCC is the score interval with continuity correction.
func WilsonCC(k, n int, z float64) (lo, hi float64) {
	if !valid(k, n) {
		return 0, 1
	}
	p, m, zz := float64(k)/float64(n), float64(n), z*z
	q := 1 - p
	below := max(zz-2-1/m+4*p*(m*q+1), 0)
	above := max(zz+2-1/m+4*p*(m*q-1), 0)
	lo = (2*m*p + zz - 1 - z*math.Sqrt(below)) / (2 * (m + zz))
	hi = (2*m*p + zz + 1 + z*math.Sqrt(above)) / (2 * (m + zz))
	return edges(k, n, lo, hi)
}

// edges puts the bounds of none and of all where they belong.
func edges(k, n int, lo, hi float64) (float64, float64) {
	if k == 0 {
		lo = 0
	}
	if k == n {
		hi = 1
	}
	return min(max(lo, 0), 1), min(max(hi, 0), 1)
}

// ClopperPearson is the exact interval with at least the given level, 0 to 1.
func ClopperPearson(k, n int, level float64) (lo, hi float64) {
	if !valid(k, n) {
		return 0, 1
	}
	tail := (1 - level) / 2
	hi = 1
	if k > 0 {
		lo = betaQuantile(float64(k), float64(n-k+1), tail)
	}
	if k < n {
		hi = betaQuantile(float64(k+1), float64(n-k), 1-tail)
	}
	return lo, hi
}

// betaQuantile is the x at which the regularised incomplete beta function is p.
func betaQuantile(a, b, p float64) float64 {
	lo, hi := 0.0, 1.0
	for range 200 {
		mid := (lo + hi) / 2
		if mid == lo || mid == hi {
			break
		}
		if incompleteBeta(a, b, mid) < p {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// incompleteBeta is I_x(a, b), by the continued fraction on the side where it
// converges quickly.
func incompleteBeta(a, b, x float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	front := math.Exp(lnGamma(a+b) - lnGamma(a) - lnGamma(b) + a*math.Log(x) + b*math.Log1p(-x))
	if x < (a+1)/(a+b+2) {
		return front * fraction(a, b, x) / a
	}
	return 1 - front*fraction(b, a, 1-x)/b
}

func lnGamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// fraction evaluates the continued fraction of the incomplete beta function with
// the modified method of Lentz. It takes about the square root of the larger
// parameter in rounds.
func fraction(a, b, x float64) float64 {
	const tiny = 1e-300
	guard := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c := 1.0
	d := 1 / guard(1-(a+b)*x/(a+1))
	f := d
	for i := range 100_000 {
		m := float64(i + 1)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / guard(1+even*d)
		c = guard(1 + even/c)
		f *= c * d
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / guard(1+odd*d)
		c = guard(1 + odd/c)
		step := c * d
		f *= step
		if math.Abs(step-1) < 1e-16 {
			break
		}
	}
	return f
}
