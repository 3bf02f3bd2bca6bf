package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/hub/safetensors"

	"github.com/nanochat-go/nanochat/trainer/internal/checkpoint"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// Mutation: leaving the loader's state out of trainer.restore makes
// TestResumeIsExact fail; skipping compare in finish makes TestJourney fail.

// messages collects what a command tells the user.
type messages struct {
	mu  sync.Mutex
	all []string
}

func (m *messages) add(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, fmt.Sprintf(format, args...))
}

// small are the settings of a run that takes a second or two.
var small = []string{
	"data.sources=[{rustgen={level=1, megabytes=0.15}}]", "data.val_fraction=0.1", "tokenizer.vocab=300", "model.layers=1", "model.dim=32",
	"model.heads=2", "model.kv_heads=1", "model.context=64", "model.ternary=true", "train.batch=4", "checkpoint.every=2", "eval.every=4", "eval.samples=4",
	"eval.step_samples=2",
}

func trainOptions(dir string, resume bool, set ...string) (cli.TrainOptions, *messages) {
	m := &messages{}
	o := cli.TrainOptions{Run: dir, Resume: resume}
	o.Quiet, o.NoReexec, o.Notice, o.Out = true, true, m.add, &bytes.Buffer{}
	o.Set = append(append([]string{"train.backend=" + backendName()}, small...), set...)
	return o, m
}

func mustTrain(t *testing.T, o cli.TrainOptions) *TrainResult {
	t.Helper()
	r, err := Train(t.Context(), o)
	require.NoError(t, err)
	return r.(*TrainResult)
}

func TestJourney(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	o, m := trainOptions(dir, false, "train.steps=6", "data.dedup=\"none\"", "optim.health_every=3")
	r := mustTrain(t, o)
	require.Equal(t, 6, r.Steps)
	require.Positive(t, r.Tokens)
	require.Positive(t, r.ValBPB)
	for _, file := range []string{"config.toml", "manifest.json", "metrics.jsonl", "tokenizer.json", "data/data.json", "report.html",
		"checkpoints/step-00000006/model.safetensors", "checkpoints/step-00000006/optimizer.safetensors", "samples/step-00000006/003.rs",
		"export/hf/config.json", "export/hf/model.safetensors", "export/hf/tokenizer.json"} {
		require.FileExists(t, filepath.Join(dir, file))
	}
	records, err := track.Read(filepath.Join(dir, track.MetricsFile))
	require.NoError(t, err)
	count := map[track.Kind]int{}
	for _, rec := range records {
		count[rec.Kind]++
		if rec.Kind == track.KindTrain {
			_, measured := rec.Values[track.UpdateRMS+"0.muon"]
			require.Equal(t, rec.Step%3 == 0, measured, "step %d", rec.Step)
		}
	}
	require.Equal(t, 6, count[track.KindTrain])
	require.Equal(t, 2, count[track.KindVal], "after step 4 and at the end")
	if r.Rust != nil { // a compiler is here
		require.Equal(t, 2, count[track.KindRust])
		require.Equal(t, 4, r.Rust.Samples)
		require.GreaterOrEqual(t, r.Rust.Novel, 0)
		require.LessOrEqual(t, r.Rust.Novel, r.Rust.Compiled)
		require.FileExists(t, filepath.Join(dir, "eval/rust.json"))
	} else {
		t.Log("no rustc: samples were not compiled")
	}
	require.Contains(t, m.all[len(m.all)-2], "go run ./trainer", "it says what to type next")

	t.Run("config repeats the run", func(t *testing.T) {
		again := filepath.Join(t.TempDir(), "again")
		o, _ := trainOptions(again, false)
		o.Set, o.File = nil, filepath.Join(dir, "config.toml")
		mustTrain(t, o)
		requireSameBytes(t, dir, again, 6)
	})
	t.Run("generate", func(t *testing.T) {
		gen := func(seed int64) *GenerateResult {
			o := cli.GenerateOptions{Common: o.Common, Run: dir, Prompt: "pub fn ", MaxTokens: 12, Temperature: 1, Seed: seed}
			r, err := Generate(t.Context(), o)
			require.NoError(t, err)
			return r.(*GenerateResult)
		}
		a, b, c := gen(1), gen(1), gen(2)
		require.Equal(t, a.IDs, b.IDs)
		require.NotEqual(t, a.IDs, c.IDs)
	})
	t.Run("bits per byte", func(t *testing.T) {
		o := cli.EvalOptions{Common: o.Common, Run: dir, Backend: backendName()}
		got, err := EvalBPB(t.Context(), o)
		require.NoError(t, err)
		require.InEpsilon(t, r.ValBPB, got.(*BPBResult).BPB, 1e-5, "the run's own validation text")

		folder := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(folder, "a.rs"), []byte("pub fn a() -> i32 {\n    1\n}\n"), 0o644))
		o.Data = []string{folder}
		got, err = EvalBPB(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, int64(28), got.(*BPBResult).Bytes)
		require.Equal(t, 1, got.(*BPBResult).Documents)
	})
	t.Run("report", func(t *testing.T) {
		require.NoError(t, os.Mkdir(filepath.Join(dir, "peers"), 0o755))
		peer := filepath.Join(dir, "peers", "torch.json")
		require.NoError(t, os.WriteFile(peer, []byte(`{"name":"another program","command":"x --y","seconds":[1,2],"bpb":[3,2]}`), 0o644))
		got, err := Report(t.Context(), cli.ReportOptions{Common: o.Common, Run: dir})
		require.NoError(t, err)
		require.Equal(t, []string{"another program"}, got.(*ReportResult).Peers)
		page, err := os.ReadFile(filepath.Join(dir, "report.html"))
		require.NoError(t, err)
		require.Contains(t, string(page), "Against peers")
		require.Contains(t, string(page), "Size of the updates")
		require.Contains(t, string(page), "rustgen level 1")
		require.NoError(t, os.WriteFile(peer, []byte(`{"name":"short","seconds":[1,2],"bpb":[3]}`), 0o644))
		_, err = Report(t.Context(), cli.ReportOptions{Common: o.Common, Run: dir})
		require.ErrorContains(t, err, "torch.json")
	})
	t.Run("export", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "hf")
		eo := cli.ExportOptions{Common: o.Common, Run: dir, Out: out, Dequantised: true}
		_, err := ExportHF(t.Context(), eo)
		require.NoError(t, err)
		f, err := safetensors.Open(filepath.Join(out, "model.safetensors"))
		require.NoError(t, err)
		defer f.Close()
		v, err := f.Float32("model.layers.0.mlp.up_proj.weight")
		require.NoError(t, err)
		values := map[float32]bool{}
		for _, x := range v {
			values[x] = true
		}
		require.LessOrEqual(t, len(values), 4, "ternary values, zero with two signs")
	})
}

// requireSameBytes compares the tensors of two runs' checkpoints.
func requireSameBytes(t *testing.T, a, b string, step int) {
	t.Helper()
	for _, file := range []string{checkpoint.ModelFile, checkpoint.OptimizerFile} {
		name := filepath.Join("checkpoints", fmt.Sprintf("step-%08d", step), file)
		x, err := os.ReadFile(filepath.Join(a, name))
		require.NoError(t, err)
		y, err := os.ReadFile(filepath.Join(b, name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(x, y), name)
	}
}

func TestResumeIsExact(t *testing.T) {
	straight, stopped := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	light := []string{"eval.samples=0", "eval.step_samples=0", "export.formats=[]", "optim.accumulate=2", "checkpoint.keep=9",
		"optim.momentum_warmup=8", "optim.health_every=4"}
	o, _ := trainOptions(straight, false, append(light, "train.steps=9")...)
	mustTrain(t, o)

	// Three sittings with growing budgets of a constant schedule's warm-up would
	// change the rate, so the budget stays and the run is cut instead.
	o, _ = trainOptions(stopped, false, append(light, "train.steps=9")...)
	mustTrain(t, o)
	for _, keep := range []int{2, 6} {
		for step := keep + 1; step <= 9; step++ {
			require.NoError(t, os.RemoveAll(filepath.Join(stopped, "checkpoints", fmt.Sprintf("step-%08d", step))))
		}
		o, _ := trainOptions(stopped, true, append(light, "train.steps=9")...)
		r := mustTrain(t, o)
		require.Equal(t, 9, r.Steps)
		requireSameBytes(t, straight, stopped, 9)
	}

	t.Run("damaged checkpoint", func(t *testing.T) {
		file := filepath.Join(stopped, "checkpoints", "step-00000009", checkpoint.ModelFile)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		text[len(text)/2] ^= 1
		require.NoError(t, os.WriteFile(file, text, 0o644))
		o, _ := trainOptions(stopped, true, append(light, "train.steps=9")...)
		mustTrain(t, o)
		requireSameBytes(t, straight, stopped, 9)
	})
	t.Run("from the beginning", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(filepath.Join(stopped, "checkpoints")))
		o, _ := trainOptions(stopped, true, append(light, "train.steps=9")...)
		mustTrain(t, o)
		requireSameBytes(t, straight, stopped, 9)
	})
	t.Run("another configuration", func(t *testing.T) {
		o, _ := trainOptions(stopped, true, append(light, "train.steps=9", "model.dim=64")...)
		_, err := Train(t.Context(), o)
		require.ErrorContains(t, err, "dim")
	})
	t.Run("without resume", func(t *testing.T) {
		o, _ := trainOptions(stopped, false, "train.steps=9")
		_, err := Train(t.Context(), o)
		require.ErrorContains(t, err, "--resume")
	})
}
