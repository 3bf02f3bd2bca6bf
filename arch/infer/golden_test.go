package infer

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/golden"
)

// Mutation: applying the query and key norms after RoPE in rotate, or taking
// the embedding for an untied head, makes this test fail.

// loadHF makes an engine from a Hugging Face folder.
func loadHF(t *testing.T, dir string) *Engine {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	c, err := lm.ConfigFromHF(text)
	require.NoError(t, err)
	arrays := golden.ReadFile(t, filepath.Join(dir, "model.safetensors"))
	e, err := New(c,
		SourceFunc(func(name string) ([]float32, []int, error) {
			data, shape := arrays.F32(name)
			return data, shape, nil
		}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func TestGoldenLlama(t *testing.T) {
	family := golden.Load(t, "llama", "../lm/testdata/golden")
	family.Run(t, func(t *testing.T, c *golden.Case) {
		c.Known("folder", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
			"head_dim", "vocab_size", "tie_word_embeddings", "rms_norm_eps", "rope_theta", "rope", "gqa", "qk_norm", "parameters")
		e := loadHF(t, filepath.Join(family.Dir, c.Text("folder")))
		shape := c.Shape("input_ids")
		length := shape[len(shape)-1]
		var logits []float32
		for ids := range slices.Chunk(c.I32("input_ids"), length) {
			logits = append(logits, logitsAlone(t, e, ids)...)
		}
		c.Check("logits", golden.Widen(logits))
		c.Check("logits_f64", golden.Widen(logits))

		greedy := c.I32("greedy")
		s := e.NewSession(1)
		next, err := s.Extend(0, greedy[:length])
		require.NoError(t, err)
		for _, want := range greedy[length:] {
			require.Equal(t, want, int32(slices.Index(next, slices.Max(next))))
			next, err = s.Extend(0, []int32{want})
			require.NoError(t, err)
		}
	})
}
