package lm

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: seeding Init without the name, or dividing the writing projections
// by the root of NumLayers, makes these tests fail.

// TestInit: values depend on seed and name, not on order; they have the
// documented deviation, and the sizes of names do not correlate.
func TestInit(t *testing.T) {
	c := Config{VocabSize: 512, NumLayers: 8, Dim: 128, NumHeads: 4, NumKVHeads: 2, Context: 16, QKNorm: true, Loop: Loop{Loops: 2, Gate: true}}
	params := c.Params()
	read, write := 1/math.Sqrt(128.), 1/math.Sqrt(128.)/4 // √(2·8) = 4
	want := map[string]float64{
		"model.embed_tokens.weight": 0.02, "lm_head.weight": read,
		"q_proj": read, "k_proj": read, "v_proj": read, "o_proj": write, "gate_proj": read, "up_proj": read,
		"down_proj": 1 / math.Sqrt(float64(c.WithDefaults().HiddenDim)) / 4,
	}
	for _, p := range params {
		v := p.Init(1)
		require.Len(t, v, p.Size())
		require.Equal(t, v, p.Init(1), p.Name)
		if p.Class == Vector {
			for _, x := range v {
				want := float32(1)
				if strings.Contains(p.Name, "gate.") {
					want = 0
				}
				require.Equal(t, want, x, p.Name)
			}
			continue
		}
		require.NotEqual(t, v, p.Init(2), p.Name)
		std, found := want[p.Name]
		for key, s := range want {
			if strings.Contains(p.Name, "."+key+".") {
				std, found = s, true
			}
		}
		require.True(t, found, p.Name)
		var sum, square float64
		for _, x := range v {
			sum += float64(x)
			square += float64(x) * float64(x)
		}
		n := float64(len(v))
		require.InDelta(t, 0, sum/n, 5*std/math.Sqrt(n), p.Name) // five standard errors
		require.InDelta(t, std, math.Sqrt(square/n), 5*std/math.Sqrt(2*n), p.Name)
	}
	q, k := params[2].Init(1), params[3].Init(1)
	require.Contains(t, params[2].Name, "layers.0.self_attn.q_proj")
	require.NotEqual(t, q[:len(k)], k, "another name has other values")
}

// TestParams checks what other packages rely on: names are unique, shapes have
// the fan axes they claim, blocks and classes agree with the names.
func TestParams(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := Config{
			VocabSize: rapid.IntRange(1, 50).Draw(rt, "V"), NumLayers: rapid.IntRange(1, 4).Draw(rt, "L"), Context: 4,
			NumKVHeads: rapid.IntRange(1, 3).Draw(rt, "kv"), HeadDim: 2 * rapid.IntRange(1, 4).Draw(rt, "d"),
			Dim: rapid.IntRange(1, 20).Draw(rt, "C"), MLP: rapid.SampledFrom(mlps).Draw(rt, "mlp"),
			Tied: rapid.Bool().Draw(rt, "tied"), QKNorm: rapid.Bool().Draw(rt, "norm"), SandwichNorm: rapid.Bool().Draw(rt, "sandwich"),
			SubLN: rapid.Bool().Draw(rt, "subln"),
		}
		for _, option := range []*bool{&c.NoGain, &c.EmbedNorm, &c.Smear, &c.ValueEmbed, &c.ResidualScalars} {
			*option = rapid.Bool().Draw(rt, "option")
		}
		if rapid.Bool().Draw(rt, "nanochat") {
			c.Init = InitNanoChat
		}
		if c.Loop.Loops = rapid.IntRange(0, 3).Draw(rt, "loops"); c.Loop.Loops > 0 {
			c.Loop.Gate = rapid.Bool().Draw(rt, "gate")
		}
		if heads := rapid.IntRange(0, 3).Draw(rt, "mtp"); heads > 0 {
			c.MTP = MTP{Heads: heads, Kind: rapid.SampledFrom([]string{Parallel, Sequential}).Draw(rt, "kind")}
		}
		c.MHC.Streams = rapid.IntRange(0, 4).Draw(rt, "streams")
		c.NumHeads = c.NumKVHeads * rapid.IntRange(1, 3).Draw(rt, "group")
		require.NoError(rt, c.Validate())
		seen := map[string]bool{}
		for _, p := range c.Params() {
			require.False(rt, seen[p.Name], p.Name)
			seen[p.Name] = true
			require.Equal(rt, p.Block >= 0, strings.Contains(p.Name, ".layers."), p.Name)
			switch p.Class {
			case Vector:
				require.Equal(rt, []int{-1, -1}, []int{p.FanIn, p.FanOut})
				if !p.Linear && !strings.HasSuffix(p.Name, "_mhc.phi") { // a gate is [C, 1] and read as [1, C]
					require.Zero(rt, p.Std)
					require.Len(rt, p.Shape, 1)
					require.Equal(rt, p.Shape, p.DiskShape())
				}
			case Matrix, Head:
				require.True(rt, p.Linear)
				require.Equal(rt, []int{p.Shape[1], p.Shape[0]}, p.DiskShape())
				require.Equal(rt, []int{0, 1}, []int{p.FanIn, p.FanOut})
			case Embedding:
				require.False(rt, p.Linear)
				require.Equal(rt, p.Shape, p.DiskShape())
			default:
				rt.Fatalf("class %q", p.Class)
			}
		}
		require.Equal(rt, !c.Tied, seen["lm_head.weight"])
		require.Equal(rt, c.SandwichNorm && !c.NoGain, seen["model.layers.0.post_attention_layernorm_2.weight"])
		require.Equal(rt, c.Loop.Gate, seen["model.early_exit_gate.bias"])
		require.Equal(rt, c.MHC.Streams > 1, seen["model.layers.0.mlp_mhc.phi"])
		require.Equal(rt, c.QKNorm && !c.NoGain, seen["model.layers.0.self_attn.q_norm.weight"])
		require.Equal(rt, c.SubLN && !c.NoGain, seen["model.layers.0.mlp.ffn_sub_norm.weight"])
		require.Equal(rt, c.ValueEmbed, seen[fmt.Sprintf("model.layers.%d.value_embed.weight", c.NumLayers-1)])
		require.Equal(rt, c.Smear, seen["model.smear_lambda"])
		require.Equal(rt, c.ResidualScalars, seen["model.layers.0.x0_lambda"])
		require.Equal(rt, c.EmbedNorm && !c.NoGain, seen["model.embed_norm.weight"])
		last := fmt.Sprintf("model.layers.%d.", c.NumLayers+c.MTP.Heads-1)
		require.Equal(rt, !c.NoGain, seen[last+"input_layernorm.weight"])
		require.Equal(rt, c.MTP.Heads > 0 && c.MTP.Kind == Sequential, seen[last+"eh_proj.weight"])
		require.Equal(rt, c.Gated(), seen["model.layers.0.mlp.gate_proj.weight"])
	})
}

// TestNanoChat holds the numbers of its source: initial values, factors, and
// which layers have a value embedding.
func TestNanoChat(t *testing.T) {
	c := NanoChat(12)
	c.VocabSize = 500
	require.NoError(t, c.Validate())
	require.Equal(t, 768, c.Dim)
	require.Equal(t, 6, c.NumHeads)
	require.Equal(t, 1280, NanoChat(20).Dim)
	require.Equal(t, 512, c.WithDefaults().Window)
	for l := range 12 {
		want := 512
		if l == 3 || l == 7 || l == 11 {
			want = 0
		}
		require.Equal(t, want, c.LayerWindow(l), l)
	}
	byName := map[string]Param{}
	for _, p := range c.Params() {
		byName[p.Name] = p
		require.NotContains(t, p.Name, "norm", "there are no gains")
	}
	root := 1 / math.Sqrt(768)
	for name, want := range map[string][3]float64{ // mean, deviation, bound
		"model.embed_tokens.weight":                  {0, 0.8, math.Inf(1)},
		"lm_head.weight":                             {0, 0.001, math.Inf(1)},
		"model.layers.4.self_attn.q_proj.weight":     {0, root, math.Sqrt(3) * root},
		"model.layers.4.mlp.up_proj.weight":          {0, 0.4 * root, 0.4 * math.Sqrt(3) * root},
		"model.layers.4.self_attn.o_proj.weight":     {0, 0, 0},
		"model.layers.4.mlp.down_proj.weight":        {0, 0, 0},
		"model.layers.5.value_embed.weight":          {0, root, math.Sqrt(3) * root},
		"model.layers.5.self_attn.value_gate.weight": {0.01, 0.02 / math.Sqrt(12), 0.02},
		"model.smear_gate.weight":                    {0.01, 0.02 / math.Sqrt(12), 0.02},
		"model.smear_lambda":                         {0, 0, 0},
		"model.backout_lambda":                       {0.2, 0, 0.2},
		"model.layers.0.resid_lambda":                {1.15, 0, 1.15},
		"model.layers.11.resid_lambda":               {1.05, 0, 1.05},
		"model.layers.0.x0_lambda":                   {0.2, 0, 0.2},
		"model.layers.11.x0_lambda":                  {0.05, 0, 0.05},
	} {
		p, ok := byName[name]
		require.True(t, ok, name)
		v := p.Init(1)
		var sum, square, top float64
		for _, x := range v {
			sum += float64(x)
			top = max(top, math.Abs(float64(x)))
		}
		n := float64(len(v))
		for _, x := range v {
			square += (float64(x) - sum/n) * (float64(x) - sum/n)
		}
		require.InDelta(t, want[0], sum/n, 1e-6+5*want[1]/math.Sqrt(n), name)
		require.InDelta(t, want[1], math.Sqrt(square/n), 1e-6+5*want[1]/math.Sqrt(2*n), name)
		require.LessOrEqual(t, top, want[2]+1e-6, name)
	}
	require.NotContains(t, byName, "model.layers.4.value_embed.weight")
	require.Contains(t, byName, "model.layers.1.value_embed.weight")
}

func TestInitStore(t *testing.T) {
	m, err := New(referenceConfig())
	require.NoError(t, err)
	store := model.NewStore()
	require.NoError(t, m.InitStore(store, 3))
	for _, p := range m.Params() {
		v := store.GetVariable("/" + p.Name)
		require.NotNil(t, v, p.Name)
		require.True(t, v.Trainable)
		value, err := v.Value()
		require.NoError(t, err)
		require.Equal(t, p.Init(3), tensors.MustCopyFlatData[float32](value))
	}
	require.ErrorContains(t, m.InitStore(store, 3), "model.embed_tokens.weight")
}

// TestValidate: every field out of range is named with what is wanted, and all
// of them at once.
func TestValidate(t *testing.T) {
	require.NoError(t, referenceConfig().Validate())
	for want, change := range map[string]func(c *Config){
		"vocabulary size 0":                  func(c *Config) { c.VocabSize = 0 },
		"-1 MTP heads":                       func(c *Config) { c.MTP = MTP{Heads: -1, Kind: Parallel} },
		"9 MTP heads in a context":           func(c *Config) { c.MTP = MTP{Heads: 9, Kind: Parallel} },
		`MTP kind "shared"`:                  func(c *Config) { c.MTP = MTP{Heads: 1, Kind: "shared"} },
		`"parallel" without heads`:           func(c *Config) { c.MTP.Kind = Parallel },
		"5 streams with mixing \"birkhoff\"": func(c *Config) { c.MHC.Streams = 5 },
		"-2 loops":                           func(c *Config) { c.Loop.Loops = -2 },
		"loop with 0 passes":                 func(c *Config) { c.Loop.Gate = true },
		"-1 layers":                          func(c *Config) { c.NumLayers = -1 },
		"dimension 0":                        func(c *Config) { c.Dim = 0 },
		"0 heads":                            func(c *Config) { c.NumHeads = 0 },
		"context 0":                          func(c *Config) { c.Context = 0 },
		"hidden dimension -4":                func(c *Config) { c.HiddenDim = -4 },
		"head dimension 5":                   func(c *Config) { c.HeadDim = 5 },
		"4 query heads over 3":               func(c *Config) { c.NumKVHeads = 3 },
		`MLP "gelu"`:                         func(c *Config) { c.MLP = "gelu" },
		"window -1":                          func(c *Config) { c.Window = -1 },
		"loss chunk -2":                      func(c *Config) { c.LossChunk = -2 },
		"-1 sublayers recomputed":            func(c *Config) { c.Remat = -1 },
		"QK scale -1":                        func(c *Config) { c.QKNorm, c.QKScale = true, -1 },
		"without QK-norm":                    func(c *Config) { c.QKScale = 2 },
		`window pattern "SSX"`:               func(c *Config) { c.WindowPattern = "SSX" },
		"backout with 2 loops":               func(c *Config) { c.Backout, c.Loop.Loops = true, 2 },
		`initial values "zero"`:              func(c *Config) { c.Init = "zero" },
		`RoPE scaling "yarn"`:                func(c *Config) { c.RopeScaling.Kind = "yarn" },
		"has no kind":                        func(c *Config) { c.RopeScaling.Factor = 2 },
		"scaling factor 0":                   func(c *Config) { c.RopeScaling.Kind = ScalingLinear },
		"frequency factors 4 and 1":          func(c *Config) { c.RopeScaling = RopeScaling{ScalingLlama3, 2, 4, 1, 9} },
		"from a context of 0":                func(c *Config) { c.RopeScaling = RopeScaling{ScalingLlama3, 2, 1, 4, 0} },
		"soft cap -3":                        func(c *Config) { c.SoftCap = -3 },
		"RoPE theta -1":                      func(c *Config) { c.RopeTheta = -1 },
		"norm epsilon -1":                    func(c *Config) { c.NormEps = -1 },
		"4 query heads over -2":              func(c *Config) { c.NumKVHeads = -2 },
		"want a positive even number":        func(c *Config) { c.HeadDim = -2 },
	} {
		c := referenceConfig()
		change(&c)
		require.ErrorContains(t, c.Validate(), want)
		_, err := New(c)
		require.ErrorContains(t, err, want)
		var field *FieldError
		require.ErrorAs(t, err, &field)
		require.ErrorContains(t, err, "lm: "+field.Field+": "+field.Reason)
	}
	err := Config{}.Validate()
	for _, want := range []string{"vocabulary", "layers", "dimension", "heads", "context"} {
		require.ErrorContains(t, err, want)
	}
}

func TestWithDefaults(t *testing.T) {
	c := Config{Dim: 96, NumHeads: 3}.WithDefaults()
	require.Equal(t, Config{Dim: 96, NumHeads: 3, NumKVHeads: 3, HeadDim: 32, HiddenDim: 256, MLP: SwiGLU, RopeTheta: 10000, NormEps: 1e-5}, c)
	require.Equal(t, c, c.WithDefaults())
	require.Equal(t, 384, Config{Dim: 96, NumHeads: 3, MLP: ReLU2}.WithDefaults().HiddenDim)
}

// TestExtras: every option that Llama and Qwen3 lack is named.
func TestExtras(t *testing.T) {
	plain := referenceConfig()
	plain.QKNorm, plain.Tied, plain.DocumentMask, plain.Window, plain.SoftCap = true, true, true, 3, 2
	require.Empty(t, plain.Extras())
	require.Len(t, NanoChat(2).Extras(), 8)
	c := plain
	c.SubLN, c.SandwichNorm, c.Loop.Loops, c.RopeScaling.Kind = true, true, 1, ScalingLinear
	require.Len(t, c.Extras(), 4)
}
