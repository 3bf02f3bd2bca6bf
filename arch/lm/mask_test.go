package lm

import (
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/mhc"
)

// Mutation: AddScalar(distance, 1) in place of distance in within, or leaving
// the segments out of bias, makes TestNothingLeaks fail; ignoring
// a field of Config makes its case of TestEveryOptionMatters fail.

// logitsOf returns the logits [length, V] of one row.
func logitsOf(t *testing.T, c Config, tokens, pos, seg []int32) []float64 {
	t.Helper()
	m, err := New(c)
	require.NoError(t, err)
	store := model.NewStore()
	require.NoError(t, m.InitStore(store, 7))
	if v := store.GetVariable("/model.smear_lambda"); v != nil { // which begins at 0
		require.NoError(t, v.SetValue(tensorOf([]float32{0.7}, []int{1})))
	}
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, in []*Node) *Node {
		return m.Logits(scope, in[0], in[1], in[2])
	})
	require.NoError(t, err)
	dims := []int{1, len(tokens)}
	out, err := exec.Call1(tensorOf(tokens, dims), tensorOf(pos, dims), tensorOf(seg, dims))
	require.NoError(t, err)
	return wide(out)
}

// small is a model with fewer key than query heads, longer than a query block.
func small() Config {
	return Config{VocabSize: 40, NumLayers: 2, Dim: 32, NumHeads: 4, NumKVHeads: 2, Context: 160, DocumentMask: true}
}

// row is a row of random tokens in documents of the given lengths.
func row(rng *rand.Rand, vocab int, lengths ...int) (tokens, pos, seg []int32) {
	for i, n := range lengths {
		for p := range n {
			tokens, pos, seg = append(tokens, rng.Int32N(int32(vocab))), append(pos, int32(p)), append(seg, int32(i+1))
		}
	}
	return tokens, pos, seg
}

// differs lists the positions at which two rows of logits differ by more than
// float32 rounding of another order of summation.
func differs(a, b []float64, vocab int) map[int]bool {
	positions := map[int]bool{}
	for i := range a {
		if d := a[i] - b[i]; d > 1e-5 || d < -1e-5 {
			positions[i/vocab] = true
		}
	}
	return positions
}

// TestNothingLeaks changes one token: what comes before it stays, and so does
// every other document; what may see it changes.
func TestNothingLeaks(t *testing.T) {
	for name, change := range map[string]func(c *Config){
		"plain":   func(*Config) {},
		"ternary": func(c *Config) { c.Ternary = true },
		"qk norm": func(c *Config) { c.QKNorm = true },
		"window":  func(c *Config) { c.Window = 8 },
		"remat":   func(c *Config) { c.Remat = 2 },
		"subln":   func(c *Config) { c.SubLN, c.MLP = true, ReLU2GLU },
		"smear":   func(c *Config) { c.Smear = true },
		"values":  func(c *Config) { c.ValueEmbed = true },
		"scalars": func(c *Config) { c.ResidualScalars, c.Backout = true, true },
		"nanochat": func(c *Config) {
			nano(c)
			c.DocumentMask, c.HiddenDim, c.Window = true, 0, 8
		},
		"loops":    func(c *Config) { c.Loop.Loops = 3 },
		"streams":  func(c *Config) { c.MHC.Streams = 4 },
		"sinkhorn": func(c *Config) { c.MHC = mhc.Config{Streams: 3, Mixing: mhc.Sinkhorn} },
		"free":     func(c *Config) { c.MHC = mhc.Config{Streams: 3, Mixing: mhc.Free} },
	} {
		t.Run(name, func(t *testing.T) {
			c := small()
			change(&c)
			tokens, pos, seg := row(rand.New(rand.NewPCG(1, 1)), c.VocabSize, 50, 70, 40)
			before := logitsOf(t, c, tokens, pos, seg)
			const at = 60 // in the second document, which ends before 120
			tokens[at] = (tokens[at] + 1) % int32(c.VocabSize)
			changed := differs(before, logitsOf(t, c, tokens, pos, seg), c.VocabSize)
			require.True(t, changed[at])
			last := 119
			if c.Window > 0 && c.WindowPattern == "" { // two layers see at most twice the window
				last = at + 2*(c.Window-1)
			}
			for p := range changed {
				require.GreaterOrEqual(t, p, at, "a later token is seen")
				require.LessOrEqual(t, p, last, "another document, or what lies behind the window, is seen")
			}
			require.True(t, changed[at+1], "the next row sees it")
		})
	}
}

// TestEveryOptionMatters changes one field of the configuration at a time: the
// logits change with it.
func TestEveryOptionMatters(t *testing.T) {
	base := small()
	tokens, pos, seg := row(rand.New(rand.NewPCG(2, 2)), base.VocabSize, 50, 70, 40)
	want := logitsOf(t, base, tokens, pos, seg)
	for name, change := range map[string]func(c *Config){
		"NumKVHeads":   func(c *Config) { c.NumKVHeads = 4 },
		"HeadDim":      func(c *Config) { c.HeadDim = 16 },
		"HiddenDim":    func(c *Config) { c.HiddenDim = 48 },
		"MLP":          func(c *Config) { c.MLP = ReLU2 },
		"Tied":         func(c *Config) { c.Tied = true },
		"Ternary":      func(c *Config) { c.Ternary = true },
		"QKNorm":       func(c *Config) { c.QKNorm = true },
		"DocumentMask": func(c *Config) { c.DocumentMask = false },
		"Window":       func(c *Config) { c.Window = 4 },
		"SandwichNorm": func(c *Config) { c.SandwichNorm = true },
		"Loop":         func(c *Config) { c.Loop.Loops = 2 },
		"SoftCap":      func(c *Config) { c.SoftCap = 0.5 },
		"RopeTheta":    func(c *Config) { c.RopeTheta = 100 },
		"NormEps":      func(c *Config) { c.NormEps = 0.5 },
		"SubLN":        func(c *Config) { c.SubLN = true },
		"EmbedNorm":    func(c *Config) { c.EmbedNorm = true },
		"Smear":        func(c *Config) { c.Smear = true },
		"ValueEmbed":   func(c *Config) { c.ValueEmbed = true },
		"Residual":     func(c *Config) { c.ResidualScalars = true },
		"Backout":      func(c *Config) { c.Backout = true },
		"Pattern":      func(c *Config) { c.WindowPattern, c.Window = "S", 4 },
		"QKScale":      func(c *Config) { c.QKNorm, c.QKScale = true, 1.3 },
		"RopeScaling":  func(c *Config) { c.RopeScaling = RopeScaling{Kind: ScalingLinear, Factor: 4} },
		"Init":         func(c *Config) { c.Init = InitNanoChat },
	} {
		t.Run(name, func(t *testing.T) {
			c := base
			change(&c)
			require.NotEmpty(t, differs(want, logitsOf(t, c, tokens, pos, seg), c.VocabSize))
		})
	}
	for name, change := range map[string]func(c *Config){
		"LossChunk": func(c *Config) { c.LossChunk = 16 },
		"Remat":     func(c *Config) { c.Remat = 2 },
	} {
		t.Run(name+" changes no value", func(t *testing.T) {
			c := base
			change(&c)
			require.Empty(t, differs(want, logitsOf(t, c, tokens, pos, seg), c.VocabSize))
		})
	}
}
