package exporttest

import (
	"bufio"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

//go:embed llamacpp.mjs
var script string

// LlamaCPP is a model in llama.cpp.
type LlamaCPP struct {
	t   testing.TB
	in  io.Writer
	out *bufio.Reader
}

// Open loads the file at path with room for a number of tokens. It ends with the test,
// which is skipped where there is no llama.cpp and fails where that refuses the file.
func Open(t testing.TB, path string, context int) *LlamaCPP {
	t.Helper()
	dir := os.Getenv("NODE_LLAMA_CPP_DIR")
	if dir == "" {
		t.Skip("NODE_LLAMA_CPP_DIR does not name a folder with node-llama-cpp")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "node-llama-cpp")); err != nil {
		t.Skip("NODE_LLAMA_CPP_DIR has no node-llama-cpp: ", err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node: ", err)
	}
	file := filepath.Join(t.TempDir(), "llamacpp.mjs")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(node, file, path, strconv.Itoa(context))
	var refusal strings.Builder
	command.Stderr = &refusal
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = command.Wait() // it has nothing to say any more
	})
	l := &LlamaCPP{t: t, in: in, out: bufio.NewReader(out)}
	if line, _ := l.out.ReadString('\n'); line != "ready\n" {
		in.Close()
		_ = command.Wait() // what it wrote says more
		t.Fatalf("llama.cpp does not load %s: %s%s", path, line, refusal.String())
	}
	return l
}

// ask sends a question and reads its answer.
func (l *LlamaCPP) ask(question map[string]any) (answer struct {
	Logits         string
	Greedy, Tokens []int32
	Error          string
}) {
	l.t.Helper()
	text, err := json.Marshal(question)
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.in.Write(append(text, '\n')); err != nil {
		l.t.Fatal(err)
	}
	line, err := l.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	if err != nil || answer.Error != "" {
		l.t.Fatalf("llama.cpp: %s %v", answer.Error, err)
	}
	return answer
}

// Logits returns the logits behind every token of a prompt.
func (l *LlamaCPP) Logits(tokens []int32) [][]float32 {
	l.t.Helper()
	raw, err := base64.StdEncoding.DecodeString(l.ask(map[string]any{"tokens": tokens, "logits": true}).Logits)
	if err != nil {
		l.t.Fatal(err)
	}
	rows := make([][]float32, len(tokens))
	vocab := len(raw) / 4 / len(tokens)
	for i := range rows {
		for j := range vocab {
			rows[i] = append(rows[i], math.Float32frombits(binary.LittleEndian.Uint32(raw[4*(i*vocab+j):])))
		}
	}
	return rows
}

// Greedy continues a prompt by up to n most likely tokens; one that ends a generation
// is the last.
func (l *LlamaCPP) Greedy(tokens []int32, n int) []int32 {
	l.t.Helper()
	return l.ask(map[string]any{"tokens": tokens, "greedy": n}).Greedy
}

// Tokens are the ids of a text; with special, special tokens in it are meant.
func (l *LlamaCPP) Tokens(text string, special bool) []int32 {
	l.t.Helper()
	return l.ask(map[string]any{"text": text, "special": special}).Tokens
}
