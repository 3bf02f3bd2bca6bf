package golden

import (
	"encoding/json"
	"math"
	"testing"
)

// Tol returns the tolerance of a role: the case has one for all of its
// results, or a table by role.
func (c *Case) Tol(role string) Tolerance {
	c.t.Helper()
	var one Tolerance
	if err := json.Unmarshal(c.Tolerance, &one); err == nil && one.Kind != "" {
		return one
	}
	var table map[string]json.RawMessage
	if err := json.Unmarshal(c.Tolerance, &table); err != nil {
		c.t.Fatalf("case %s: tolerance %s is not understood", c.Name, c.Tolerance)
	}
	for _, key := range []string{role, "default", "all"} {
		if err := json.Unmarshal(table[key], &one); err == nil && one.Kind != "" {
			return one
		}
	}
	c.t.Fatalf("case %s: no tolerance for %q in %s", c.Name, role, c.Tolerance)
	return one
}

// Bounded says whether the case gives a tolerance for a role; what has none is
// stored for information.
func (c *Case) Bounded(role string) bool {
	var one Tolerance
	var table map[string]json.RawMessage
	if json.Unmarshal(c.Tolerance, &one) == nil && one.Kind != "" {
		return true
	}
	return json.Unmarshal(c.Tolerance, &table) == nil && table[role] != nil
}

// Check compares got with the tensor in a role under the case's tolerance.
func (c *Case) Check(role string, got []float64) {
	c.t.Helper()
	Compare(c.t, c.Name+"/"+role, c.Tol(role), c.F64(role), got, nil)
}

// Widen converts float32 values to float64.
func Widen(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

// Compare fails the test when got is farther from want than tol allows. start
// is the value before the first step, for tolerances relative to the distance
// travelled.
func Compare(t testing.TB, what string, tol Tolerance, want, got, start []float64) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	d := distance(t, what, tol.Kind, want, got, start)
	if math.IsNaN(d) || d > tol.Value {
		t.Errorf("%s: %s distance %.3g, at most %.3g allowed", what, tol.Kind, d, tol.Value)
	}
}

func distance(t testing.TB, what, kind string, want, got, start []float64) float64 {
	t.Helper()
	var worst, square, scale float64
	for i, w := range want {
		d := got[i] - w
		if got[i] == w {
			d = 0 // also for equal infinities
		}
		switch kind {
		case "exact", "abs":
			worst = maxNaN(worst, math.Abs(d))
		case "max_ulp":
			worst = maxNaN(worst, ulps(float32(w), float32(got[i])))
		case "rel_fro":
			scale += w * w
		case "rel_update":
			scale += (w - start[i]) * (w - start[i])
		default:
			t.Fatalf("%s: tolerance kind %q is not understood", what, kind)
		}
		square += d * d
	}
	if kind == "rel_fro" || kind == "rel_update" {
		if scale == 0 {
			return math.Sqrt(square)
		}
		return math.Sqrt(square / scale)
	}
	return worst
}

// maxNaN is the larger value, NaN if either is.
func maxNaN(a, b float64) float64 {
	if math.IsNaN(b) || b > a {
		return b
	}
	return a
}

// ulps counts the float32 values between a and b.
func ulps(a, b float32) float64 {
	order := func(x float32) int64 {
		n := int64(int32(math.Float32bits(x)))
		if n < 0 {
			n = math.MinInt32 - n
		}
		return n
	}
	return math.Abs(float64(order(a) - order(b)))
}
