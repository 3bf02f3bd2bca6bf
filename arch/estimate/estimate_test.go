package estimate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/arch/mhc"
)

// Mutation: counting the gate of a two-matrix MLP, leaving the tied head out of
// Matmul, or ignoring the window makes these tests fail.

// TestCountEqualsParams: the formula equals the list that the model is built from.
func TestCountEqualsParams(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := lm.Config{
			VocabSize: rapid.IntRange(1, 300).Draw(rt, "V"), NumLayers: rapid.IntRange(1, 5).Draw(rt, "L"),
			NumKVHeads: rapid.IntRange(1, 4).Draw(rt, "kv"), HeadDim: 2 * rapid.IntRange(1, 9).Draw(rt, "d"),
			Dim: rapid.IntRange(1, 90).Draw(rt, "C"), HiddenDim: rapid.IntRange(0, 70).Draw(rt, "f"), Context: 8,
			MLP:  rapid.SampledFrom([]string{lm.SwiGLU, lm.ReLU2GLU, lm.ReLU2, lm.SiLU}).Draw(rt, "mlp"),
			Tied: rapid.Bool().Draw(rt, "tied"), QKNorm: rapid.Bool().Draw(rt, "norm"), SandwichNorm: rapid.Bool().Draw(rt, "sandwich"),
			SubLN: rapid.Bool().Draw(rt, "subln"),
		}
		for _, option := range []*bool{&c.NoGain, &c.EmbedNorm, &c.Smear, &c.ValueEmbed, &c.ResidualScalars} {
			*option = rapid.Bool().Draw(rt, "option")
		}
		if c.Loop.Loops = rapid.IntRange(0, 3).Draw(rt, "loops"); c.Loop.Loops > 0 {
			c.Loop.Gate = rapid.Bool().Draw(rt, "gate")
		}
		if n := rapid.IntRange(0, 4).Draw(rt, "streams"); n > 0 {
			c.MHC = mhc.Config{Streams: n, Mixing: rapid.SampledFrom([]string{mhc.Birkhoff, mhc.Sinkhorn, mhc.Free}).Draw(rt, "mixing")}
		}
		c.Backout = c.Passes() == 1 && rapid.Bool().Draw(rt, "backout")
		if heads := rapid.IntRange(0, 3).Draw(rt, "mtp"); heads > 0 {
			c.MTP = lm.MTP{Heads: heads, Kind: rapid.SampledFrom([]string{lm.Parallel, lm.Sequential}).Draw(rt, "kind")}
		}
		c.NumHeads = c.NumKVHeads * rapid.IntRange(1, 3).Draw(rt, "group")
		got := Count(c)
		byClass, total, matmul, later := map[lm.Class]int{}, 0, 0, c.MTP.Heads*c.VocabSize*c.Dim
		if c.Loop.Gate {
			later += (c.Passes() - 1) * (c.VocabSize*c.Dim + c.Dim)
		}
		for _, p := range c.Params() {
			byClass[p.Class] += p.Size()
			total += p.Size()
			switch {
			case p.Block >= c.NumLayers && p.Class == lm.Matrix:
				later += p.Size()
			case p.Class == lm.Matrix: // runs in every pass
				matmul += c.Passes() * p.Size()
			case p.Class == lm.Head || c.Tied && p.Name == "model.embed_tokens.weight":
				matmul += p.Size()
			}
		}
		require.Equal(rt, byClass, got.ByClass)
		require.Equal(rt, total, got.Total)
		require.Equal(rt, matmul, got.Matmul)
		require.Equal(rt, later, got.Heads)
		require.Equal(rt, total-byClass[lm.Embedding]-byClass[lm.Head], got.NonEmbedding)
	})
}

// TestPresets holds published shapes: parameters, non-embedding parameters,
// training GFLOP per token at a length, cache bytes per token (here of
// float32, twice those of bfloat16).
func TestPresets(t *testing.T) {
	for _, p := range []struct {
		name        string
		c           lm.Config
		total, body float64 // millions
		seqLen      int
		gflops      float64
		cacheKiB    int64
	}{
		{"nano_125m train", lm.Config{Dim: 768, NumLayers: 12, NumHeads: 12, HiddenDim: 2176, VocabSize: 50257, Tied: true}, 127.1, 88.5, 512, 0.82, 72},
		{"nano_125m infer", lm.Config{Dim: 768, NumLayers: 12, NumHeads: 12, HiddenDim: 2048, VocabSize: 50257}, 162.1, 85.0, 2048, 0.97, 72},
		{"nano_275m", lm.Config{Dim: 1024, NumLayers: 20, NumHeads: 16, NumKVHeads: 4, HiddenDim: 3072, VocabSize: 4096, Tied: true}, 245.4, 241.2, 1024, 1.72, 40},
		{"nano_1b", lm.Config{Dim: 2048, NumLayers: 20, NumHeads: 16, HiddenDim: 5504, VocabSize: 50257, Tied: true}, 1114.9, 1012.0, 1024, 7.19, 320},
		{"large_7b", lm.Config{Dim: 4096, NumLayers: 32, NumHeads: 32, NumKVHeads: 8, HiddenDim: 11008, VocabSize: 128000, Tied: true}, 6195.3, 5671.0, 4096, 43.6, 256},
	} {
		t.Run(p.name, func(t *testing.T) {
			n := Count(p.c)
			require.InDelta(t, p.total, float64(n.Total)/1e6, 0.06)
			require.InDelta(t, p.body, float64(n.NonEmbedding)/1e6, 0.06)
			require.InDelta(t, p.gflops, TrainFLOPs(p.c, p.seqLen)/1e9, p.gflops*0.007)
			require.Equal(t, p.cacheKiB*1024, KVCache(p.c, 1))
		})
	}
}

// TestFLOPsByHand: C=4, one layer, 2 heads of 2, 1 KV head, f=6, V=10.
//
//	q 16 + k 8 + v 8 + o 16 + 3·24 + head 40 = 160 weights → 320 operations
//	T=5: scores 5·4·2 and values 5·4·2 = 80
func TestFLOPsByHand(t *testing.T) {
	c := lm.Config{VocabSize: 10, NumLayers: 1, Dim: 4, NumHeads: 2, NumKVHeads: 1, HeadDim: 2, HiddenDim: 6, Context: 8}
	require.Equal(t, 400.0, ForwardFLOPs(c, 5))
	require.Equal(t, 1200.0, TrainFLOPs(c, 5))
	require.Equal(t, 336.0, DecodeFLOPs(c, 1))
	mtp := c // a block of 120 weights and the head of 40, attention of 80
	mtp.MTP = lm.MTP{Heads: 2, Kind: lm.Parallel}
	require.Equal(t, 1200.0+3*2*(320+80), TrainFLOPs(mtp, 5))
	require.Equal(t, 400.0, ForwardFLOPs(mtp, 5))
	mtp.MTP.Kind = lm.Sequential // and M of 32
	require.Equal(t, 1200.0+3*2*(320+64+80), TrainFLOPs(mtp, 5))
	c.Window = 2
	require.Equal(t, 352.0, ForwardFLOPs(c, 5))
	require.Equal(t, 336.0, DecodeFLOPs(c, 1))
	c.Tied = true
	require.Equal(t, 352.0, ForwardFLOPs(c, 5))
	c.MLP = lm.ReLU2
	require.Equal(t, 304.0, ForwardFLOPs(c, 5))
	require.Equal(t, 0.5, MFU(c, 5, 1000, 1824000))
	require.Zero(t, MFU(c, 5, 1000, 0))
}

// TestMemoryByHand: the same model on 3 rows of 5 tokens.
func TestMemoryByHand(t *testing.T) {
	c := lm.Config{VocabSize: 10, NumLayers: 2, Dim: 4, NumHeads: 2, NumKVHeads: 1, HeadDim: 2, HiddenDim: 6, Context: 8}
	// weights: 2·(120 + 8) + 2·40 + 4 = 340; a token and layer keep 24+4+8+18 = 54 values
	want := Memory{Weights: 1360, Gradients: 1360, Activations: 4 * 15 * 2 * 54, Scores: 8 * 15 * 2 * 2 * 5, Logits: 12 * 15 * 10}
	require.Equal(t, want, Train(c, 3, 5))
	require.Equal(t, int64(1360*2+6480+2400+1800), want.Total())
	mtp := c
	mtp.MTP = lm.MTP{Heads: 2, Kind: lm.Parallel} // as two layers more, 128 weights each
	require.Equal(t, Memory{Weights: 1360 + 8*128, Gradients: 1360 + 8*128, Activations: 2 * want.Activations, Scores: 2 * want.Scores,
		Logits: want.Logits}, Train(mtp, 3, 5))
	loop := c
	loop.Loop.Loops = 3
	want.Activations, want.Scores = 3*want.Activations, 3*want.Scores
	require.Equal(t, want, Train(loop, 3, 5))
	require.Equal(t, int64(3*8*2*2*7+4*4*7), KVCache(loop, 7))
	want.Activations, want.Scores = want.Activations/3, want.Scores/3
	c.LossChunk = 4
	want.Logits = 12 * 4 * 10
	require.Equal(t, want, Train(c, 3, 5))
	c.Remat = 2
	want.Activations, want.Scores = 4*15*54+4*15*4*2, 8*15*2*5
	require.Equal(t, want, Train(c, 3, 5))
	require.Equal(t, int64(8*2*2*7), KVCache(c, 7))
	require.Equal(t, int64(1360), Serving(c))
	c.Ternary = true
	// 100 values stay: embedding, head and norms. Each of a layer's seven weights is padded
	// to 32 outputs of 64 inputs, with two bits a code and a scale an output.
	require.Equal(t, int64(4*100+2*7*(32*64/4+4*32)), Serving(c))
}

// TestStreamsByHand: the model of TestFLOPsByHand with two streams.
func TestStreamsByHand(t *testing.T) {
	c := lm.Config{VocabSize: 10, NumLayers: 1, Dim: 4, NumHeads: 2, NumKVHeads: 1, HeadDim: 2, HiddenDim: 6, Context: 8}
	plain, plainParams, plainBytes := ForwardFLOPs(c, 5), Count(c).Total, Train(c, 3, 5)
	c.MHC.Streams = 2
	// φ is 6×8: 48 parameters, 6 biases and 3 gates for each of two sublayers
	require.Equal(t, plainParams+2*57, Count(c).Total)
	// φ 96, the norm 16, reading 16, mixing 32, writing 16
	require.Equal(t, plain+2*(96+16+16+32+16), ForwardFLOPs(c, 5))
	require.Equal(t, 3*ForwardFLOPs(c, 5), TrainFLOPs(c, 5))
	// 8 values of the streams, 6 products, 6 logits and 4 of R, twice for each of 15 tokens
	require.Equal(t, plainBytes.Activations+4*15*2*(8+6+6+4), Train(c, 3, 5).Activations)
	one := Train(c, 3, 5).Activations
	c.Remat = 2
	require.Equal(t, one+4*15*8, Train(c, 3, 5).Activations)
	c.MHC.Mixing = mhc.Free // φ is 4×4 and applied to both
	require.Equal(t, plainParams+2*(16+8+3), Count(c).Total)
	require.Equal(t, plain+2*(64+80), ForwardFLOPs(c, 5))
	c.Loop.Loops = 2
	require.Equal(t, int64(2*8*2+4*8), KVCache(c, 1))
}

func Example() {
	c := lm.Config{VocabSize: 1024, NumLayers: 4, Dim: 128, NumHeads: 4, NumKVHeads: 2, Context: 192, Ternary: true}
	n := Count(c)
	fmt.Println(n.Total, n.NonEmbedding, n.Matmul)
	fmt.Printf("%.3g FLOPs per token\n", TrainFLOPs(c, 192))
	fmt.Println(Serving(c), "bytes to serve,", KVCache(c, 192), "for a full row")
	// Output:
	// 1049728 787584 917504
	// 6.68e+06 FLOPs per token
	// 1270272 bytes to serve, 393216 for a full row
}
