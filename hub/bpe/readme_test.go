package bpe

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: another figure or another program in README.md makes these tests
// fail.

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	return string(text)
}

// TestReadmeUsage runs the program of the README in a module of its own, outside
// the workspace and without a network.
func TestReadmeUsage(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command")
	}
	text := readme(t)
	program := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(text)
	printed := regexp.MustCompile("prints `([^`]+)`").FindStringSubmatch(text)
	require.NotNil(t, program)
	require.NotNil(t, printed)
	hub, err := filepath.Abs("..")
	require.NoError(t, err)
	dir := t.TempDir()
	const module = "github.com/nanochat-go/nanochat/hub"
	const precision = "github.com/nanochat-go/nanochat/precision"
	mod := fmt.Sprintf("module scratch\n\ngo 1.26\n\nrequire %s v0.0.0\n\nreplace %s => %q\n\nreplace %s => %q\n", module, module, hub,
		precision, filepath.Join(filepath.Dir(hub), "precision"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program[1]), 0o644))
	cmd := exec.Command(goTool, "run", ".", "main.go")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, printed[1], strings.TrimSpace(string(out)))
	_, err = Load(filepath.Join(dir, "tokenizer.json"))
	require.NoError(t, err)
}

// spread is a median with its range.
type spread struct {
	N                   int
	Median, Least, Most float64
}

// TestReadmeTable compares the table with the file that it was made from.
func TestReadmeTable(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "results", "bpe.json"))
	if os.IsNotExist(err) {
		t.Skip("the results are not here: the module stands alone")
	}
	require.NoError(t, err)
	var r struct {
		Commit   string
		Versions map[string]string
		Text     struct {
			Bytes     int
			Documents int
		}
		Summary, Ratios map[string]spread
		SameMerges      bool `json:"same_merges"`
	}
	require.NoError(t, json.Unmarshal(data, &r))
	require.True(t, r.SameMerges)
	cell := func(from map[string]spread, key string) string {
		s, ok := from[key]
		require.True(t, ok, key)
		return fmt.Sprintf("%.1f (%.1f–%.1f)", s.Median, s.Least, s.Most)
	}
	text := readme(t)
	for _, row := range []string{
		fmt.Sprintf("| encode, MB/s | %s | tiktoken | %s | %s |", cell(r.Summary, "bpe_encode_mb_per_second"),
			cell(r.Summary, "tiktoken_encode_mb_per_second"), cell(r.Ratios, "encode_over_tiktoken")),
		fmt.Sprintf("| encode, MB/s | as above | Hugging Face tokenizers | %s | %s |", cell(r.Summary, "tokenizers_encode_mb_per_second"),
			cell(r.Ratios, "encode_over_tokenizers")),
		fmt.Sprintf("| train 32 768 ids, s | %s | Hugging Face tokenizers | %s | %s |", cell(r.Summary, "bpe_train_seconds"),
			cell(r.Summary, "tokenizers_train_seconds"), cell(r.Ratios, "train_over_tokenizers")),
		fmt.Sprintf("%d rounds", r.Ratios["encode_over_tiktoken"].N),
		fmt.Sprintf("%.1f MB in %d documents", float64(r.Text.Bytes)/1e6, r.Text.Documents),
		"commit " + r.Commit, "tiktoken " + r.Versions["tiktoken"], "tokenizers " + r.Versions["tokenizers"],
	} {
		require.Contains(t, text, row)
	}
}
