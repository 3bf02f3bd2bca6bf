package ref

import (
	"math"
	"sort"
)

// Format is a grid with what MX needs of it.
type Format struct {
	Grid
	Mantissa int
}

// floorLog2 returns the largest e with 2^e ≤ a > 0, by search.
func floorLog2(a float64) int {
	return sort.Search(300, func(i int) bool { return math.Pow(2, float64(i-150)) > a }) - 151
}

// ceilLog2 returns the least e with 2^e ≥ a > 0.
func ceilLog2(a float64) int {
	if e := floorLog2(a); math.Pow(2, float64(e)) == a {
		return e
	}
	return floorLog2(a) + 1
}

// MX quantises one block: the OCP specification's scheme with the exponent of a
// rule, "floor", "rceil", "ceil", "even" or "truncfree".
func MX(x []float32, f Format, rule string, tie Tie) (scale int, codes []int) {
	amax := 0.0
	codes = make([]int, len(x))
	for _, v := range x {
		if a := math.Abs(float64(v)); math.IsNaN(a) || math.IsInf(a, 0) {
			return 255, codes
		} else if a > amax {
			amax = a
		}
	}
	emax := floorLog2(f.Max())
	exponent := -127
	if amax > 0 {
		switch rule {
		case "floor":
			exponent = floorLog2(amax) - emax
		case "ceil":
			exponent = ceilLog2(amax) - emax
		case "even": // to the mantissa, halves up
			ulp := math.Pow(2, float64(floorLog2(amax)-f.Mantissa))
			exponent = floorLog2(math.Floor(amax/ulp+0.5)*ulp) - emax
		case "rceil":
			inverse := float32(1 / f.Max())
			if p := round32(amax * float64(inverse)); p > 0 {
				exponent = ceilLog2(p)
			}
		case "truncfree":
			for exponent = -149; math.Pow(2, float64(exponent))*f.Max() < amax; exponent++ {
			}
		default:
			panic("ref: rule " + rule)
		}
	}
	exponent = min(max(exponent, -127), 127)
	for i, v := range x {
		codes[i] = f.Nearest(float64(v)*math.Pow(2, float64(-exponent)), tie, true)
	}
	return exponent + 127, codes
}

// round32 rounds to float32. A product or quotient of two float32 computed in
// float64 and rounded is the float32 operation.
func round32(x float64) float64 { return float64(float32(x)) }

// fmax is the largest float32.
const fmax = math.MaxFloat32

// NVTensor returns the training form's tensor scale.
func NVTensor(x []float32) float64 {
	amax := 0.0
	for _, v := range x {
		amax = math.Max(amax, math.Abs(float64(v)))
	}
	if amax == 0 {
		return 1
	}
	return math.Min(round32(448*6/amax), fmax)
}

// NVFP4 quantises one block in the training form.
func NVFP4(x []float32, tensor float64) (scale int, codes []int) {
	amax := 0.0
	for _, v := range x {
		amax = math.Max(amax, math.Abs(float64(v)))
	}
	sixth := float64(float32(1.0 / 6))
	scale = E4M3.Nearest(math.Min(round32(amax*round32(tensor*sixth)), 448), TieEven, true)
	inverse := round32(E4M3.Value(scale) * round32(1/tensor))
	factor := math.Min(round32(1/inverse), fmax)
	for _, v := range x {
		codes = append(codes, E2M1.Nearest(round32(float64(v)*factor), TieEven, true))
	}
	return scale, codes
}
