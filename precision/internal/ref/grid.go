package ref

import (
	"math"
	"sort"
)

// Grid is a format as the list of its non-negative values.
type Grid struct {
	Values   []float64 // by code, ascending
	Next     float64   // the value that would follow the largest
	steps    []float64 // Values and Next
	Infinity int       // code, 0 for none
	NaN      int       // code, 0 for none
	Sign     int       // the sign bit
}

// NewGrid lists a format of the given exponent and mantissa bits and bias, of
// which the largest finite code is max.
func NewGrid(exponentBits, mantissa, bias, max, infinity, nan int) Grid {
	g := Grid{Infinity: infinity, NaN: nan, Sign: 1 << (exponentBits + mantissa)}
	for code := 0; code <= max+1; code++ {
		e, m := code>>mantissa, code%(1<<mantissa)
		fraction := float64(m) / math.Pow(2, float64(mantissa))
		v := math.Pow(2, float64(1-bias)) * fraction
		if e > 0 {
			v = math.Pow(2, float64(e-bias)) * (1 + fraction)
		}
		if code > max {
			g.Next = v
		} else {
			g.Values = append(g.Values, v)
		}
		g.steps = append(g.steps, v)
	}
	return g
}

// The formats of the OCP specifications.
var (
	E2M1 = NewGrid(2, 1, 1, 0x7, 0, 0)
	E4M3 = NewGrid(4, 3, 7, 0x7E, 0, 0x7F)
	E5M2 = NewGrid(5, 2, 15, 0x7B, 0x7C, 0x7E)
	F16  = NewGrid(5, 10, 15, 0x7BFF, 0x7C00, 0x7E00)
	BF16 = NewGrid(8, 7, 127, 0x7F7F, 0x7F80, 0x7FC0)
)

// Tie says which of two neighbours a midpoint goes to.
type Tie int

// The ties.
const (
	TieEven Tie = iota
	TieAway
	TieZero
)

// Max is the largest finite value.
func (g Grid) Max() float64 { return g.Values[len(g.Values)-1] }

// Nearest returns the code of the value nearest to x. What is nearer to Next than
// to the largest value overflows to infinity or NaN, unless saturate or the format
// has neither.
func (g Grid) Nearest(x float64, tie Tie, saturate bool) int {
	sign := 0
	if math.Signbit(x) {
		sign = g.Sign
	}
	a := math.Abs(x)
	switch {
	case math.IsNaN(a):
		return sign | g.NaN
	case saturate || g.NaN == 0:
		a = math.Min(a, g.Max())
	case math.IsInf(a, 0):
		return sign | g.overflow()
	}
	values := g.steps
	above := sort.SearchFloat64s(values, a) // values[above-1] < a ≤ values[above]
	if above == len(values) {
		return sign | g.overflow()
	}
	code := above
	if above > 0 && values[above] != a {
		below := above - 1
		down, up := a-values[below], values[above]-a
		tieDown := tie == TieZero || tie == TieEven && below%2 == 0
		if down < up || down == up && tieDown {
			code = below
		}
	}
	if code == len(g.Values) {
		return sign | g.overflow()
	}
	return sign | code
}

func (g Grid) overflow() int {
	if g.Infinity != 0 {
		return g.Infinity
	}
	return g.NaN
}

// Value decodes a code.
func (g Grid) Value(code int) float64 {
	sign := 1.0
	if code&g.Sign != 0 {
		sign = -1
	}
	code &= g.Sign - 1
	switch {
	case code < len(g.Values):
		return math.Copysign(g.Values[code], sign)
	case g.Infinity != 0 && code == g.Infinity:
		return math.Inf(int(sign))
	}
	return math.NaN()
}

// Neighbours returns the grid values around a, 0 ≤ a ≤ Max.
func (g Grid) Neighbours(a float64) (below, above float64) {
	i := sort.SearchFloat64s(g.Values, a)
	if g.Values[i] == a {
		return a, a
	}
	return g.Values[i-1], g.Values[i]
}
