package command

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/generate"
	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/hub/export"
	"github.com/nanochat-go/nanochat/hub/export/exporttest"
	"github.com/nanochat-go/nanochat/precision/ggml"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: exporting the latent weights instead of Quantise's, an engine of a file
// without WithOperands, or stopping at other tokens than llama.cpp fails these tests.

// blocky are the settings of a model whose rows are whole blocks of every type.
var blocky = []string{"model.layers=2", "model.dim=256", "model.heads=4", "model.kv_heads=2", "model.hidden=512", "model.context=64", "eval.samples=0",
	"eval.step_samples=0", "checkpoint.every=0", "eval.every=0"}

func TestExportGGUF(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "first")
	o, m := trainOptions(dir, false, append(blocky, "train.steps=3", `export.formats=["gguf"]`, "model.qk_norm=true")...)
	r := mustTrain(t, o)
	require.Nil(t, r.Export)
	require.Len(t, r.GGUF.Models, 1)
	require.FileExists(t, filepath.Join(dir, "export", "gguf", "first-TQ2_0.gguf"))
	require.Contains(t, strings.Join(m.all, "\n"), "first-TQ2_0.gguf: qwen3 with")

	out := filepath.Join(t.TempDir(), "out")
	c, _, notices := common("")
	eo := cli.ExportGGUFOptions{Common: c, Run: dir, Out: out, Types: []string{"tq1_0", "F32"}, Name: "mine"}
	got, err := ExportGGUF(t.Context(), eo)
	require.NoError(t, err)
	require.Contains(t, notices.String(), "14 tensors of TQ1_0, scales rounded to binary16; read back and compared")
	for i, want := range []string{"mine-TQ1_0", "mine-F32"} {
		proof := got.(*GGUFResult).Models[i]
		require.Equal(t, want+".gguf", proof.File.Name)
		require.Equal(t, 2*(256*256*2+2*128*256+3*512*256), proof.Ternary.Weights)
		text, err := os.ReadFile(filepath.Join(out, want+".proof.json"))
		require.NoError(t, err)
		var stored struct {
			File  export.File
			Check LogitsProof
		}
		require.NoError(t, json.Unmarshal(text, &stored))
		require.Equal(t, proof.File, stored.File)
		require.Less(t, stored.Check.Difference, 0.1*stored.Check.Size)
		require.Greater(t, stored.Check.Positions, 20)
		require.Greater(t, stored.Check.SameTop, 0.8)
	}
	_, err = ExportGGUF(t.Context(), eo)
	require.ErrorIs(t, err, export.ErrExists)

	eo.Overwrite, eo.Types = true, []string{"tq2_0"}
	eo.Exact, eo.Embedding = true, "f32"
	got, err = ExportGGUF(t.Context(), eo)
	require.NoError(t, err)
	require.Zero(t, got.(*GGUFResult).Models[0].Error, "every value is the trained one")
	require.Equal(t, &export.TernaryProof{Weights: 2 * (256*256*2 + 2*128*256 + 3*512*256), Scale: "float32"}, got.(*GGUFResult).Models[0].Ternary)
	eo.Types = []string{"q1_58"}
	_, err = ExportGGUF(t.Context(), eo)
	require.ErrorContains(t, err, `--type: ggml: type "Q1_58" is not one of F32`)
	eo.Types, eo.Embedding = nil, "x"
	_, err = ExportGGUF(t.Context(), eo)
	require.ErrorContains(t, err, "--embedding: ")

	file := filepath.Join(out, "mine-F32.gguf")
	gr, err := Generate(t.Context(), cli.GenerateOptions{Common: c, Run: file, Prompt: "pub fn ", MaxTokens: 8})
	require.NoError(t, err)
	require.Len(t, gr.(*GenerateResult).IDs, 8)
	_, err = Generate(t.Context(), cli.GenerateOptions{Common: c, Run: file + "x.gguf", MaxTokens: 8})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestGGUFType(t *testing.T) {
	for _, c := range []struct {
		ternary bool
		dim     int
		want    ggml.Type
	}{{true, 512, ggml.TQ2_0}, {true, 128, ggml.Q2_0}, {true, 32, ggml.F16}, {false, 512, ggml.F16}} {
		require.Equal(t, c.want, ggufType(export.Spec{Ternary: c.ternary, Dim: c.dim}))
	}
}

// TestSpecOf: what a GGUF file holds of a model comes back, and what it does not hold is
// an extra.
func TestSpecOf(t *testing.T) {
	c := lm.Config{VocabSize: 300, NumLayers: 2, Dim: 64, NumHeads: 4, NumKVHeads: 2, HeadDim: 16, HiddenDim: 96, Context: 32, MLP: lm.SwiGLU, Tied: true,
		QKNorm: true, RopeTheta: 500, NormEps: 1e-6, Loop: lm.Loop{Loops: 3}}
	require.Equal(t, c, configOf(specOf(c)))
	require.Empty(t, specOf(c).Extras)
	c.SandwichNorm, c.Loop.Gate = true, true
	require.True(t, specOf(c).ExitGate)
	require.Len(t, specOf(c).Extras, 1)
}

// prompts are n beginnings of texts, as ids.
func prompts(t *testing.T, s *speaker, n int) [][]int32 {
	text := rustText(n)
	var all [][]int32
	for i, line := range strings.SplitAfter(text, "\n") {
		if len(all) < n && len(line) > 12 {
			ids, err := s.prompt(line[:6+i%(len(line)-6)])
			require.NoError(t, err)
			all = append(all, ids[:min(len(ids), 24)])
		}
	}
	require.Len(t, all, n)
	return all
}

// greedy continues a prompt by the most likely tokens.
func greedy(t *testing.T, e *infer.Engine, prompt []int32, n int, stop []int32) []int32 {
	out, err := generate.Generate(t.Context(), e, [][]int32{prompt}, generate.Options{MaxTokens: n, Stop: stop}, nil)
	require.NoError(t, err)
	return out[0].IDs
}

// TestLlamaCPPRun: stock llama.cpp loads a run's exports, computes the engine's logits
// and writes the same text.
func TestLlamaCPPRun(t *testing.T) {
	if os.Getenv("NODE_LLAMA_CPP_DIR") == "" {
		t.Skip("NODE_LLAMA_CPP_DIR does not name a folder with node-llama-cpp")
	}
	dir := filepath.Join(t.TempDir(), "run")
	o, _ := trainOptions(dir, false, append(blocky, "train.steps=20", "export.formats=[]")...)
	mustTrain(t, o)
	c, _, _ := common("")
	for _, kind := range []string{"TQ2_0", "TQ1_0", "Q8_0", "F16", "F32"} {
		t.Run(kind, func(t *testing.T) {
			out := t.TempDir()
			_, err := ExportGGUF(t.Context(), cli.ExportGGUFOptions{Common: c, Run: dir, Out: out, Types: []string{kind}, Name: "m"})
			require.NoError(t, err)
			share := 1e-3
			if kind == "TQ2_0" || kind == "TQ1_0" || kind == "Q8_0" {
				share = 1e-2 // their operands are int8
			}
			compareWithLlamaCPP(t, filepath.Join(out, "m-"+kind+".gguf"), 50, 24, share)
		})
	}
}

// compareWithLlamaCPP compares logits, within a share of the largest, and the greedy texts
// of n prompts. Texts are equal up to ties: where they part, llama.cpp's choice is within
// the difference of the logits of ours. Where a product's operands are int8, the order of
// sums decides now and then which of two codes a number gets, and a token keeps what it got
// for all that follow; TestLlamaCPP of package export has logits without such accidents.
func compareWithLlamaCPP(t *testing.T, path string, n, length int, share float64) {
	s, err := openSpeaker(path, t.Logf)
	require.NoError(t, err)
	defer s.close()
	s.LM.Context = min(s.LM.Context, 64)
	e, err := s.engine()
	require.NoError(t, err)
	defer e.Close()
	peer := exporttest.Open(t, path, 64)
	parted, size := 0, 0.0
	var differences []float64
	for i, prompt := range prompts(t, s, n) {
		mine := greedy(t, e, prompt, length, s.Stop)
		theirs := peer.Greedy(prompt, length)
		if k := len(theirs) - 1; slices.Contains(s.Stop, theirs[k]) {
			theirs = theirs[:k]
		}
		equal := slices.Equal(mine, theirs)
		if !equal {
			parted++
		}
		if i%10 > 0 && equal {
			continue
		}
		all := append(slices.Clone(prompt), theirs...)
		x, err := logits(e, all)
		require.NoError(t, err)
		for at, row := range peer.Logits(all) {
			worst := 0.0
			for j, z := range row {
				size, worst = max(size, math.Abs(float64(z))), max(worst, math.Abs(float64(z-x[at][j])))
			}
			differences = append(differences, worst)
		}
		for at, id := range theirs {
			z := x[len(prompt)-1+at]
			require.LessOrEqual(t, float64(slices.Max(z)-z[id]), 2*slices.Max(differences), "token %d", at)
		}
	}
	slices.Sort(differences)
	worst := slices.Max(differences)
	t.Logf("%d prompts, %d part at a tie; logits of %.3g: %d positions, half of them differ by less than %.3g, one by %.3g",
		n, parted, size, len(differences), differences[len(differences)/2], worst)
	require.LessOrEqual(t, worst, share*size)
	require.LessOrEqual(t, parted, n/10)
}
