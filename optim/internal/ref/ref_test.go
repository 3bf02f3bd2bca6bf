package ref

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: using Beta1 for the second moment in AdamW.Step, or dropping the
// transpose in NewtonSchulz, fails here. The values are worked out by hand.

func TestAdamWByHand(t *testing.T) {
	a := AdamW{LR: 0.1, Beta1: 0.9, Beta2: 0.99, Eps: 0, Decay: 0.5}
	w := []float64{2}
	a.Step(w, []float64{4}) // both corrections cancel: the step is the sign
	require.InDelta(t, 2-0.1*0.5*2-0.1, w[0], 1e-12)
	a.Step(w, []float64{-4})
	m := (0.9*0.4 - 0.4) / (1 - 0.81)
	v := (0.99*0.16 + 0.16) / (1 - 0.99*0.99)
	require.InDelta(t, 1.8*(1-0.05)-0.1*m/math.Sqrt(v), w[0], 1e-12)
}

func TestLionByHand(t *testing.T) {
	l := Lion{LR: 0.1, Beta1: 0.5, Beta2: 0.75, Decay: 0.5}
	w := []float64{1, 1, 1}
	l.Step(w, []float64{4, -4, 0})
	require.InDeltaSlice(t, []float64{0.85, 1.05, 0.95}, w, 1e-15)
	require.Equal(t, []float64{1, -1, 0}, l.M)
	l.Step(w, []float64{-1, 0.5, 0}) // the first moment and gradient cancel
	require.InDeltaSlice(t, []float64{0.8075, 1.0975, 0.9025}, w, 1e-15)
	require.Equal(t, []float64{0.5, -0.625, 0}, l.M)
}

func TestNewtonSchulzActsOnSingularValues(t *testing.T) {
	q := []Quintic{{2, -1.5, 0.5}}
	x := Matrix{2, 3, []float64{3, 0, 0, 0, 4, 0}} // singular values 0.6 and 0.8 of the norm 5
	f := func(s float64) float64 { return 2*s - 1.5*s*s*s + 0.5*math.Pow(s, 5) }
	want := []float64{f(0.6), 0, 0, 0, f(0.8), 0}
	require.InDeltaSlice(t, want, NewtonSchulz(x, q, ClampNorm).Data, 1e-12)
	require.InDeltaSlice(t, Matrix{2, 3, want}.T().Data, NewtonSchulz(x.T(), q, ClampNorm).Data, 1e-12)
}

func TestMuonByHand(t *testing.T) {
	u := Muon{LR: 0.1, Momentum: 0.5, Decay: 1, Nesterov: true, Scale: 3, Orth: func(m Matrix) Matrix { return m }}
	w := Matrix{1, 1, []float64{1}}
	u.Step(w, Matrix{1, 1, []float64{2}}) // m = 1, direction 0.5·1 + 0.5·2
	require.InDelta(t, 1-0.1-0.1*3*1.5, w.Data[0], 1e-12)
}

func TestSchedulesByHand(t *testing.T) {
	require.InDelta(t, 0.1+0.9/2, Cosine(5, 10, 0.1), 1e-12)
	require.InDelta(t, 0.1+0.9*0.75, WSD(90, 80, 40, 0.1, false), 1e-12)
	require.InDelta(t, 0.1+0.9*0.5, WSD(90, 80, 40, 0.1, true), 1e-12)
	require.InDelta(t, 0.5/(2+1e-6), ClipFactor(2, 0.5), 1e-12)
	require.Equal(t, 1.0, ClipFactor(0.4, 0.5))
}
