package ref

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: rounding halves away from zero in absmean, or j >= i in sees,
// makes these tests fail.

// TestByHand is a model of one layer whose numbers can be followed: with a zero
// output projection and a zero MLP the logits are norm(embedding)·head.
func TestByHand(t *testing.T) {
	m := &Model{
		Config: Config{Vocab: 2, Layers: 1, Dim: 2, Heads: 1, KVHeads: 1, HeadDim: 2, Hidden: 1, MLP: "silu", RopeTheta: 10000},
		Weights: map[string][]float64{
			"model.embed_tokens.weight":                      {3, 4, 1, -1},
			"model.layers.0.input_layernorm.weight":          {1, 1},
			"model.layers.0.post_attention_layernorm.weight": {1, 1},
			"model.layers.0.self_attn.q_proj.weight":         {1, 0, 0, 1},
			"model.layers.0.self_attn.k_proj.weight":         {1, 0, 0, 1},
			"model.layers.0.self_attn.v_proj.weight":         {1, 0, 0, 1},
			"model.layers.0.self_attn.o_proj.weight":         {0, 0, 0, 0},
			"model.layers.0.mlp.up_proj.weight":              {0, 0},
			"model.layers.0.mlp.down_proj.weight":            {0, 0},
			"model.norm.weight":                              {1, 2},
			"lm_head.weight":                                 {1, 0, 0, 1},
		},
	}
	rms := math.Sqrt(12.5)
	got := m.Logits(Batch{Tokens: []int{0}, Seg: []int{1}})
	require.InDeltaSlice(t, []float64{3 / rms, 8 / rms}, got[0], 1e-12)
	// RMSNorm([3,4]) as published for this pair
	require.InDelta(t, 0.848528137, got[0][0], 1e-9)

	// An output projection of one: a single row sees itself alone, so that its
	// softmax is 1 and attention adds its normed self.
	m.Weights["model.layers.0.self_attn.o_proj.weight"] = []float64{1, 0, 0, 1}
	x, y := 3+3/rms, 4+4/rms
	rms = math.Sqrt((x*x + y*y) / 2)
	require.InDeltaSlice(t, []float64{x / rms, 2 * y / rms}, m.Logits(Batch{Tokens: []int{0}, Seg: []int{1}})[0], 1e-12)
}

func TestQuantisers(t *testing.T) {
	require.InDeltaSlice(t, []float64{0.3625, 0, 0, -0.3625}, absmean([]float64{0.4, -0.1, 0.05, -0.9}), 1e-12)
	require.Equal(t, []float64{0, 2, 0, -2, 2, -2}, absmean([]float64{1, 3, -1, -3, 2, -2}), "halves go to even")
	require.InDeltaSlice(t, []float64{1, -64.0 / 127}, tokenInt8([]float64{1, -0.505}), 1e-12)
}

// TestStraightThrough: with frozen offsets the derivative of a ternary linear
// is that of the linear with quantised operands.
func TestStraightThrough(t *testing.T) {
	m := &Model{Config: Config{Ternary: true}, Weights: map[string][]float64{"w": {0.4, -0.1, 0.05, -0.9}}}
	x := [][]float64{{1, -0.505}}
	m.offsets, m.recording = map[string][]float64{}, true
	base := m.linear("w", x, 2)
	m.recording = false
	q := tokenInt8(x[0])
	const h = 1e-6
	for i := range 4 {
		m.Weights["w"][i] += h
		got := m.linear("w", x, 2)
		m.Weights["w"][i] -= h
		require.InDelta(t, q[i/2], (got[0][i%2]-base[0][i%2])/h, 1e-6)
	}
	require.InDelta(t, 0.3625, base[0][0], 1e-12)
}
