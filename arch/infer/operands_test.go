package infer

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"
)

// Mutation: rounding the rows of o_proj by the rounder of q_proj, or not those of the
// head, fails TestOperands.

// step rounds to multiples of itself.
type step float32

func (s step) Round(x []float32) error {
	for i, v := range x {
		x[i] = float32(math.Round(float64(v)/float64(s))) * float32(s)
	}
	return nil
}

// TestOperands: every weight's rounder is asked for and used, those of weights that read
// the same rows must be equal, and a ternary model takes none. What it gives is compared
// with llama.cpp where that is installed.
func TestOperands(t *testing.T) {
	c := lm.Config{VocabSize: 7, NumLayers: 1, Dim: 4, NumHeads: 2, HiddenDim: 3, Context: 8}
	src := FromGraph(c, func(name string) ([]float32, error) {
		for _, p := range c.Params() {
			if p.Name == name {
				return p.Init(3), nil
			}
		}
		return nil, errors.New("none")
	})
	run := func(opts ...Option) []float32 {
		e, err := New(c, src, opts...)
		require.NoError(t, err)
		defer e.Close()
		s := e.NewSession(1)
		logits, err := s.Forward(Span{Row: s.Open(), Tokens: []int32{1, 5, 2}})
		require.NoError(t, err)
		return logits[0]
	}
	plain := run()
	require.Equal(t, plain, run(WithOperands(func(string) Rounder { return nil })))
	seen := map[string]bool{}
	for _, weight := range []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"} {
		with := run(WithOperands(func(name string) Rounder {
			seen[name] = true
			group := weight
			for _, same := range []string{"q_proj k_proj v_proj", "gate_proj up_proj"} {
				if strings.Contains(same, weight) {
					group = same
				}
			}
			for part := range strings.FieldsSeq(group) {
				if strings.Contains(name, part) {
					return step(0.25)
				}
			}
			return nil
		}))
		require.NotEqual(t, plain, with, weight)
		for i := range with {
			require.InDelta(t, plain[i], with[i], 0.5)
		}
	}
	require.Len(t, seen, 8)
	_, err := New(c, src, WithOperands(func(name string) Rounder {
		if strings.Contains(name, "k_proj") {
			return step(1)
		}
		return step(2)
	}))
	require.ErrorContains(t, err, "k_proj.weight reads rows that are rounded to 2, not to 1")
	c.Ternary = true
	_, err = New(c, src, WithOperands(func(string) Rounder { return nil }))
	require.ErrorContains(t, err, "ternary")
}
