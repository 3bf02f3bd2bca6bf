package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: printing the result to standard error makes TestJSON fail; printing
// text beside the object makes TestStreams fail; treating every error as a usage
// error makes TestExitCodes fail.

func call(h Handlers, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Main(args, &out, &errs, h)
	return code, out.String(), errs.String()
}

func TestJSON(t *testing.T) {
	h := Handlers{Backends: func(_ context.Context, o Common) (any, error) {
		o.Notice("looking around")
		return map[string]int{"n": 2}, nil
	}}
	code, out, errs := call(h, "backends", "--json")
	require.Zero(t, code)
	require.Equal(t, "{\"n\":2}\n", out)
	require.Equal(t, "looking around\n", errs)
	_, out, errs = call(h, "backends", "--quiet")
	require.Empty(t, out)
	require.Empty(t, errs)
}

func TestStreams(t *testing.T) {
	h := Handlers{Backends: func(_ context.Context, o Common) (any, error) {
		o.Printf("%d backends\n", 2)
		return 2, nil
	}}
	_, out, errs := call(h, "backends", "--quiet")
	require.Equal(t, "2 backends\n", out, "a result is no progress")
	require.Empty(t, errs)
	_, out, _ = call(h, "backends", "--json")
	require.Equal(t, "2\n", out, "nothing beside the object")
}

func TestExitCodes(t *testing.T) {
	h := Handlers{Backends: func(context.Context, Common) (any, error) {
		return nil, errors.Join(errors.New("first"), errors.New("second"))
	}}
	code, _, errs := call(h, "backends")
	require.Equal(t, exitError, code)
	require.Equal(t, "trainer: first; second\n", errs)
	for _, args := range [][]string{
		{"bakcends"}, {"backends", "--x"}, {"data"}, {"generate"}, {"generate", "a", "--run", "b"}, {"generate", "a", "b"}, {"train", "--steps", "many"}, {"train", "--steps", "1", "--time", "1m"},
		{"tokenizer", "encode"}, {"backends", "extra"}, {"train", "--resume"}, {"train", "--steps", "3"}, {"data", "stats"},
		{"data", "prepare", "--out", "x"}, {"train", "--column", "text"}, {"train", "--ext", "md"},
		{"train", "--data", "src", "--column", "text"}, {"train", "--data", ""},
	} {
		code, out, errs := call(h, args...)
		require.Equal(t, exitUsage, code, "%q: %s", args, errs)
		require.Empty(t, out)
		require.Regexp(t, `\ntry: trainer[a-z ]* --help\n$`, errs)
		require.NotContains(t, errs, "\n\n")
	}
	_, _, errs = call(h, "data")
	require.Equal(t, "trainer: data: which one? prepare, crates, stats\ntry: trainer data --help\n", errs)
	_, _, errs = call(h, "data", "prepare")
	require.Contains(t, errs, "try: trainer data prepare --help")
	_, _, errs = call(h, "bakcends")
	require.Contains(t, errs, "backends", "a suggestion")
	code, _, _ = call(Handlers{}, "backends")
	require.Equal(t, exitError, code)
}

// TestInterrupt: a command that gives up because of an interrupt has not failed.
func TestInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot interrupt itself on Windows")
	}
	h := Handlers{Backends: func(ctx context.Context, _ Common) (any, error) {
		self, err := os.FindProcess(os.Getpid())
		require.NoError(t, err)
		require.NoError(t, self.Signal(os.Interrupt))
		<-ctx.Done()
		return nil, fmt.Errorf("reading: %w", ctx.Err())
	}}
	code, out, errs := call(h, "backends")
	require.Equal(t, 130, code)
	require.Empty(t, out)
	require.Contains(t, errs, "trainer: interrupted: ")
	require.NotContains(t, errs, "canceled")
	h.Backends = func(context.Context, Common) (any, error) { return nil, context.Canceled }
	code, _, _ = call(h, "backends")
	require.Equal(t, exitError, code, "nobody interrupted")
}

func TestTrainFlagsBecomeSettings(t *testing.T) {
	var got TrainOptions
	h := Handlers{Train: func(_ context.Context, o TrainOptions) (any, error) { got = o; return nil, nil },
		Quickstart: func(_ context.Context, o TrainOptions) (any, error) { got = o; return nil, nil }}
	code, _, errs := call(h, "train", "--preset", "crates", "--config", "c.toml", "--data", "a", "--data", "b.parquet", "--column", "body", "--ext", "rs,md", "--time", "90s",
		"--seed", "7", "--backend", "go", "--run", "r", "--resume", "--set", "model.dim=3", "--no-reexec")
	require.Zero(t, code, errs)
	require.Equal(t, "crates", got.Preset)
	require.Equal(t, "c.toml", got.File)
	require.Equal(t, []string{"train.time=1m30s", "seed=7", "train.backend=go",
		`data.sources=[{dir = 'a', ext = ['rs', 'md']}, {parquet = 'b.parquet', column = 'body'}]`, "model.dim=3"}, got.Set)
	require.True(t, got.Resume)
	require.True(t, got.NoReexec)
	require.Equal(t, "r", got.Run)

	code, _, errs = call(h, "train", "--set", "data.sources = []")
	require.Zero(t, code, errs)
	code, _, errs = call(h, "train", "--resume", "--run", "r")
	require.Zero(t, code, errs)

	code, _, errs = call(h, "--backend", "go")
	require.Zero(t, code, errs)
	require.Equal(t, "quickstart", got.Preset)
	require.Equal(t, []string{"train.backend=go"}, got.Set)
}

func TestBenchDefaultsAreTheReferenceModel(t *testing.T) {
	var got BenchTrainOptions
	h := Handlers{BenchTrain: func(_ context.Context, o BenchTrainOptions) (any, error) { got = o; return nil, nil }}
	code, _, _ := call(h, "bench", "train")
	require.Zero(t, code)
	got.Common = Common{}
	require.Equal(t, BenchTrainOptions{Layers: 4, Dim: 256, Heads: 4, Vocab: 4096, Seq: 256, Batch: 8, Steps: 20, MLP: "silu", Backend: "auto", Rank: 128, Optimizers: []string{"adamw"}}, got)
}

func TestEvalFlags(t *testing.T) {
	var got EvalOptions
	h := Handlers{EvalBPB: func(_ context.Context, o EvalOptions) (any, error) { got = o; return nil, nil }}
	code, _, errs := call(h, "eval", "bpb", "--run", "r", "--data", "a", "--data", "b", "--ext", "md,txt", "--column", "body", "--backend", "go")
	require.Zero(t, code, errs)
	got.Common = Common{}
	require.Equal(t, EvalOptions{Run: "r", Data: []string{"a", "b"}, Ext: []string{"md", "txt"}, Column: "body", Backend: "go"}, got)
}

func TestEveryCommandHasHelp(t *testing.T) {
	for _, args := range []string{"", "train", "compare", "plan", "config", "data", "data prepare", "data crates", "data stats", "tokenizer", "tokenizer train",
		"tokenizer encode", "tokenizer decode", "eval", "eval bpb", "eval rust", "generate", "export", "export hf", "export gguf", "report", "backends", "bench", "bench train", "bench tokenizer", "bench memory", "bench grid", "bench optim", "bench precision", "bench kernels", "bench decode"} {
		code, out, errs := call(Handlers{}, append(strings.Fields(args), "--help")...)
		require.Zero(t, code, args)
		require.Empty(t, errs)
		require.Contains(t, out, "Usage:", args)
		require.Greater(t, len(out), 150, args)
		require.NotRegexp(t, `--[a-z-]+ (string|stringArray|strings|int|duration|float)\b`, out, "%s: the value of a flag has a name of its own", args)
		if !strings.Contains(out, "Available Commands:") && args != "" {
			require.Contains(t, out, "Examples:", args)
		}
	}
}
