package infer

import "math"

// exp is eˣ within two units in the last place, for a third of the time of math.Exp: with
// n the whole number next to x/ln 2 and r = x - n·ln 2, eˣ = 2ⁿ·eʳ, and eʳ is a
// polynomial of degree seven (S. Moshier, Cephes, expf). Results below 2⁻¹²⁶ are zero. The conversions keep
// compilers from fusing operations, so that the bits are the same everywhere.
func exp(x float32) float32 {
	const (
		log2e  = 1.44269504088896341
		ln2Hi  = 0.693359375 // 9 bits: its products with n are exact
		ln2Lo  = -2.12194440e-4
		round  = 3 << 22 // the next whole number is left when this is added and taken away
		lowest = -87.33654
		most   = 88.72283
	)
	switch {
	case x < lowest:
		return 0
	case x > most:
		return float32(math.Inf(1))
	}
	n := float32(float32(x*log2e)+round) - round
	r := x - float32(n*ln2Hi)
	r -= float32(n * ln2Lo)
	p := float32(1.9875691500e-4*r) + 1.3981999507e-3
	p = float32(p*r) + 8.3334519073e-3
	p = float32(p*r) + 4.1665795894e-2
	p = float32(p*r) + 1.6666665459e-1
	p = float32(p*r) + 5.0000001201e-1
	p = float32(float32(p*r)*r) + r + 1
	// Half of 2ⁿ at a time, since 2¹²⁸ is not a float32.
	half := int32(n) >> 1
	return p * math.Float32frombits(uint32(half+127)<<23) * math.Float32frombits(uint32(int32(n)-half+127)<<23)
}
