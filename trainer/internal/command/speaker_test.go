package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: encoding a prompt without the folder's tokenizer, or stopping at the
// special tokens of runs, makes this test fail.

// TestGenerateFolder continues a prompt with a model that transformers wrote, as
// transformers does.
func TestGenerateFolder(t *testing.T) {
	dir := "../folder/testdata/hf"
	text, err := os.ReadFile(filepath.Join(dir, "hf.json"))
	require.NoError(t, err)
	var manifest struct {
		Cases []struct {
			Hyper struct {
				Folder string
				Text   *struct{ Prompt, Continuation string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &manifest))
	c, out, _ := common("")
	checked := 0
	for _, m := range manifest.Cases {
		want := m.Hyper.Text
		if want == nil {
			continue
		}
		checked++
		r, err := Generate(t.Context(), cli.GenerateOptions{Common: c, Run: filepath.Join(dir, m.Hyper.Folder), Prompt: want.Prompt, MaxTokens: 24})
		require.NoError(t, err)
		require.Equal(t, want.Continuation, r.(*GenerateResult).Text)
		require.Contains(t, out.String(), want.Prompt+want.Continuation)
		_, err = Generate(t.Context(), cli.GenerateOptions{Common: c, Run: filepath.Join(dir, m.Hyper.Folder), MaxTokens: 24})
		require.ErrorContains(t, err, "--prompt")
	}
	require.NotZero(t, checked)
	_, err = Generate(t.Context(), cli.GenerateOptions{Common: c, Run: filepath.Join(dir, "bitnet"), Prompt: "a", MaxTokens: 1})
	require.ErrorContains(t, err, "tokenizer.json")
}
