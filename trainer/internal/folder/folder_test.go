package folder

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/generate"
	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/golden"
)

// Mutation: ignoring rope_parameters or the norms of BitNet in lm, or reading
// only the first file of an index, makes these tests fail.

// TestPublished loads checkpoints that transformers wrote and compares with its
// logits and its greedy continuation, see testdata/hf/make.py.
func TestPublished(t *testing.T) { published(t, "testdata/hf") }

// TestPeer does the same with checkpoints that are written now, by the Python
// that PEER_PYTHON names, with other weights.
func TestPeer(t *testing.T) {
	python := os.Getenv("PEER_PYTHON")
	if python == "" {
		t.Skip("PEER_PYTHON does not name a Python with torch and transformers")
	}
	dir := t.TempDir()
	script, err := filepath.Abs("testdata/hf/make.py")
	require.NoError(t, err)
	if err := exec.Command(python, "-c", "import torch, transformers, tokenizers").Run(); err != nil {
		t.Skip("the Python that PEER_PYTHON names has no torch, transformers and tokenizers: ", err)
	}
	out, err := exec.Command(python, script, dir, "7").CombinedOutput()
	require.NoError(t, err, "%s", out)
	published(t, dir)
}

func published(t *testing.T, dir string) {
	family := golden.Load(t, "hf", dir)
	family.Run(t, func(t *testing.T, c *golden.Case) {
		c.Known("folder", "text")
		f, err := Open(filepath.Join(family.Dir, c.Text("folder")))
		require.NoError(t, err)
		defer f.Close()
		ids, greedy := c.I32("input_ids"), c.I32("greedy")
		checkGraph(t, c, f, ids, greedy)

		e, err := infer.New(f.LM, f.Source())
		require.NoError(t, err)
		defer e.Close()
		logits, err := e.NewSession(1).Forward(infer.Span{Tokens: ids, All: true})
		require.NoError(t, err)
		c.Check("logits", golden.Widen(logits[0]))
		out, err := generate.Generate(context.Background(), e, [][]int32{greedy[:8]}, generate.Options{MaxTokens: len(greedy) - 8}, nil)
		require.NoError(t, err)
		require.Equal(t, greedy[8:], out[0].IDs)
		if text, ok := c.Hyper["text"].(map[string]any); ok {
			checkText(t, f, e, text["prompt"].(string), text["continuation"].(string))
		}
	})
}

// checkGraph compares the training graph on the backend of the test.
func checkGraph(t *testing.T, c *golden.Case, f *Folder, ids, greedy []int32) {
	cfg := f.LM
	cfg.Context = max(len(ids), len(greedy)) // its rotary table is a constant of the graph
	m, err := lm.New(cfg)
	require.NoError(t, err)
	store := model.NewStore()
	require.NoError(t, m.Load(store, f.Source()))
	exec, err := model.NewExec(device, store, func(scope *model.Scope, tokens *Node) *Node {
		return m.Logits(scope, tokens, ZerosLike(tokens), OnesLike(tokens))
	})
	require.NoError(t, err)
	defer exec.Finalize()
	logits := func(ids []int32) []float32 {
		out, err := exec.Call1(tensors.FromFlatDataAndDimensions(ids, 1, len(ids)))
		require.NoError(t, err)
		return tensors.MustCopyFlatData[float32](out)
	}
	c.Check("logits", golden.Widen(logits(ids)))
	rows := slices.Collect(slices.Chunk(logits(greedy), cfg.VocabSize))
	for i, want := range greedy[8:] {
		row := rows[7+i]
		require.Equal(t, want, int32(slices.Index(row, slices.Max(row))), "token %d", 8+i)
	}
}

func checkText(t *testing.T, f *Folder, e *infer.Engine, prompt, want string) {
	require.NotNil(t, f.Tokenizer)
	require.NotEmpty(t, f.Stop)
	ids := f.Tokenizer.Encode(slices.Clone(f.Begin), []byte(prompt))
	out, err := generate.Generate(context.Background(), e, [][]int32{ids}, generate.Options{MaxTokens: 24, Stop: f.Stop}, nil)
	require.NoError(t, err)
	require.Equal(t, want, string(f.Tokenizer.Decode(out[0].IDs)))
}

// changed is a copy of the case text in which change edits a file.
func changed(t *testing.T, file string, change func(v map[string]any)) string {
	dir := filepath.Join(t.TempDir(), "model")
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/hf/text")))
	path := filepath.Join(dir, file)
	v := map[string]any{}
	if text, err := os.ReadFile(path); err == nil {
		require.NoError(t, json.Unmarshal(text, &v))
	}
	change(v)
	text, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o644))
	return dir
}

// TestTokens: who decides on the tokens at the beginning and the end.
func TestTokens(t *testing.T) {
	template := func(v map[string]any) {
		v["post_processor"] = map[string]any{"type": "Sequence", "processors": []any{map[string]any{"type": "TemplateProcessing",
			"single":         []any{map[string]any{"SpecialToken": map[string]any{"id": "<|begin|>", "type_id": 0}}, map[string]any{"Sequence": map[string]any{"id": "A"}}},
			"special_tokens": map[string]any{"<|begin|>": map[string]any{"id": "<|begin|>", "ids": []int{298}}}}}}
	}
	for _, c := range []struct {
		name, file  string
		change      func(v map[string]any)
		begin, stop []int32
	}{
		{"nothing says so", ConfigFile, func(map[string]any) {}, nil, []int32{299}},
		{"add_bos_token", "tokenizer_config.json", func(v map[string]any) { v["add_bos_token"] = true }, []int32{298}, []int32{299}},
		{"template", "tokenizer.json", template, []int32{298}, []int32{299}},
		{"several ends", "generation_config.json", func(v map[string]any) { v["eos_token_id"] = []int{299, 7} }, nil, []int32{299, 7}},
		{"end in the other file", "generation_config.json", func(v map[string]any) { delete(v, "eos_token_id") }, nil, []int32{299}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Open(changed(t, c.file, c.change))
			require.NoError(t, err)
			defer f.Close()
			require.Equal(t, c.begin, f.Begin)
			require.Equal(t, c.stop, f.Stop)
		})
	}
}

func TestErrors(t *testing.T) {
	require.True(t, Is("testdata/hf/text"))
	require.False(t, Is("testdata"))
	_, err := Open("testdata")
	require.ErrorIs(t, err, os.ErrNotExist)
	for want, change := range map[string]func(v map[string]any){
		"attention_bias":       func(v map[string]any) { v["attention_bias"] = true },
		"4 key-value heads":    func(v map[string]any) { v["num_attention_heads"], v["num_key_value_heads"] = 6, 4 },
		"lacks model.layers.2": func(v map[string]any) { v["num_hidden_layers"] = 3 },
		"does not use: model":  func(v map[string]any) { v["num_hidden_layers"] = 1 },
		"has 300 tokens":       func(v map[string]any) { v["vocab_size"] = 200 },
	} {
		_, err := Open(changed(t, ConfigFile, change))
		require.ErrorContains(t, err, want)
	}
	dir := changed(t, ConfigFile, func(map[string]any) {})
	require.NoError(t, os.Remove(filepath.Join(dir, "model.safetensors")))
	_, err = Open(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	dir = changed(t, "tokenizer.json", func(v map[string]any) { v["normalizer"] = map[string]any{"type": "NFC"} })
	_, err = Open(dir)
	require.ErrorContains(t, err, "normalizer")
}
