package command

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// Mutation: letting settle accept any directory, or leaving discard out of
// prepare, makes TestBadInput fail.

// badInput is a command line that must fail. In args, the words of a command
// are separated by spaces and DIR stands for the test's directory.
type badInput struct {
	name string
	args string
	want []string // what the line must say: the cause, and what to do
}

var badInputs = []badInput{
	{"unknown preset", "train --preset quickstrat", []string{"quickstrat", "there are crates, quickstart"}},
	{"configuration file not there", "train --config gone.toml", []string{"gone.toml", "no such file", "trainer config"}},
	{"unknown key", "train --data src --set model.layer=3", []string{"model.layer", `the nearest is "model.layers"`}},
	{"unknown key in a file", "train --config unknown.toml --run new", []string{"unknown.toml:2", `the nearest is "model.layers"`}},
	{"wrong type", "train --data src --set model.layers=two --run new", []string{"--set model.layers=two: key model.layers: want a whole number"}},
	{"wrong type in a file", "train --config type.toml --run new", []string{"type.toml:2", "model.layers", "want a whole number"}},
	{"value out of range", "train --data src --set train.batch=0 --run new", []string{"train.batch = 0", "more than 0"}},
	{"several at once", "train --data src --set train.batch=0 --set model.dim=0 --run new", []string{"train.batch = 0", "dimension 0"}},
	{"plan with an unknown key", "plan --set optim.lrr=3", []string{`the nearest is "optim.lr"`}},
	{"config with an unknown key", "config --set optim.lrr=3", []string{`the nearest is "optim.lr"`}},

	{"data not there", "train --data gone --run new", []string{"data gone", "exists"}},
	{"list of crates without cargo", "train --data crates.txt --run new", []string{"cargo", "install Rust"}},
	{"no files", "train --data bare --run new", []string{"bare", "no .rs files", "--ext"}},
	{"empty files", "train --data empty --run new", []string{"empty", "--ext"}},
	{"invalid UTF-8", "train --data latin1 --run new", []string{"utf8", "give data"}},
	{"vocabulary too large", "train --data src --run new --set tokenizer.vocab=50000", []string{"tokenizer.vocab = 50000", "lower"}},
	{"sequence too long", "train --data src --run new --set tokenizer.vocab=300 --set model.context=4000 --set data.val_fraction=0.3", []string{"model.context = 4000", "lower model.context"}},
	{"one document", "train --data src/f000.rs --run new --set tokenizer.vocab=260", []string{"give more data"}},
	{"tokenizer not there", "train --data src --run new --set tokenizer.path=gone.json", []string{"tokenizer.path", "gone.json", "name a tokenizer.json"}},
	{"stats of nothing", "data stats --data bare", []string{"no .rs files", "--ext"}},
	{"prepare over other files", "data prepare --data src --out full", []string{"full", "choose another folder"}},
	{"prepare from nothing", "data prepare --data latin1 --out prepared", []string{"utf8", "give data"}},
	{"crates without cargo", "data crates --list crates.txt --out new", []string{"cargo", "install Rust"}},
	{"crates over other files", "data crates --list crates.txt --out full", []string{"full", "choose another folder"}},
	{"list not there", "data crates --list gone.txt --out new", []string{"gone.txt", "data crates --help"}},

	{"run directory below a file", "train --data src --run notes.txt/run", []string{"notes.txt/run", "choose another --run"}},
	{"run directory with other files", "train --data src --run full", []string{"full", "choose another --run"}},
	{"run directory is a file", "train --data src --run notes.txt", []string{"notes.txt", "choose another --run"}},
	{"run there already", "train --data src --run old", []string{"old", "add --resume"}},
	{"resume something else", "train --data src --run old --resume", []string{"old/config.toml", "data.sources", "choose another --run"}},
	{"no plugin", "train --data src --run new --backend xla", []string{"no XLA", ": "}},
	{"no plugin for a benchmark", "bench train --backend xla", []string{"no XLA", ": "}},
	{"no plugin for a plan", "plan --backend xla", []string{"no XLA", ": "}},
	{"unknown backend", "train --data src --run new --backend tpu", []string{"tpu", `"xla"`}},

	{"text not there", "tokenizer train --text gone", []string{"text gone", "exists"}},
	{"empty text", "tokenizer train --text empty", []string{"no UTF-8 text"}},
	{"text is not UTF-8", "tokenizer train --text latin1/a.rs", []string{"byte 6 is not UTF-8", "convert"}},
	{"vocabulary too large for the text", "tokenizer train --text src --vocab 50000", []string{"50000", "lower"}},
	{"tokenizer there already", "tokenizer train --text src --vocab 300 --out notes.txt", []string{"notes.txt", "--out"}},
	{"no such split", "tokenizer train --text src --split words", []string{"words", "llama3"}},
	{"no tokenizer", "tokenizer encode text", []string{"tokenizer.json", "--tokenizer"}},
	{"tokenizer that is none", "tokenizer decode 1 --tokenizer notes.txt", []string{"notes.txt"}},
	{"benchmark without text", "bench tokenizer --text empty", []string{"no UTF-8 text"}},

	{"no rustc", "eval rust --run old", []string{"rustc", "install Rust"}},
	{"no run to measure", "eval bpb --run gone --backend go", []string{"gone", "trainer train"}},
	{"no run to sample", "generate --run gone", []string{"gone", "trainer train"}},
	{"no run to export", "export hf --run gone --out new", []string{"gone", "trainer train"}},
	{"nothing trained yet", "generate --run old", []string{"old", "--resume"}},
}

// badInputDir makes a directory with everything that the command lines mention.
func badInputDir(t *testing.T) string {
	dir := t.TempDir()
	for i := range 40 {
		writeFile(t, dir, fmt.Sprintf("src/f%03d.rs", i), fmt.Sprintf("/// Returns %d.\npub fn f%d() -> u32 {\n    %s1\n}\n", i, i, strings.Repeat("1 + ", i+1)))
	}
	for name, text := range map[string]string{
		"unknown.toml": "[model]\nlayer = 3\n", "type.toml": "[model]\nlayers = \"two\"\n", "notes.txt": "remember\n", "full/photo.jpg": "\xff\xd8",
		"empty/a.rs": "", "latin1/a.rs": "// caf\xe9\n", "latin1/b.rs": "// \xfcber\n", "crates.txt": "anyhow\t1.0.104\tMIT\n",
	} {
		writeFile(t, dir, name, text)
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bare"), 0o755))
	c, _, _ := common("")
	o := cli.TrainOptions{Common: c, Run: filepath.Join(dir, "old")}
	r, _, err := openRun(o) // a run that has only begun
	require.NoError(t, err)
	r.close()
	return dir
}

// snapshot is every name below dir with a hash of its content.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			fmt.Fprintln(&b, path)
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %x\n", path, sha256.Sum256(text))
		return err
	}))
	return b.String()
}

func TestBadInput(t *testing.T) {
	dir := badInputDir(t)
	t.Chdir(dir)
	t.Setenv("PATH", filepath.Join(dir, "bare")) // no cargo, no rustc
	t.Setenv("CARGO_HOME", filepath.Join(dir, "bare"))
	t.Setenv("RUSTC", "")
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", filepath.Join(dir, "bare"))
	t.Setenv("GOMLX_NO_AUTO_INSTALL", "1")
	for _, c := range badInputs {
		t.Run(c.name, func(t *testing.T) {
			before := snapshot(t, dir)
			args := append(strings.Fields(c.args), "--quiet", "--no-reexec")
			if args[0] == "train" && !strings.Contains(c.args, "--backend") {
				args = append(args, "--backend", "go")
			}
			var out, errs bytes.Buffer
			code := cli.Main(args, &out, &errs, Handlers())
			line := errs.String()
			require.Equal(t, 1, code, line)
			require.Empty(t, out.String())
			require.Equal(t, 1, strings.Count(line, "\n"), line)
			require.True(t, strings.HasPrefix(line, "trainer: "), line)
			for _, want := range c.want {
				require.Contains(t, line, want)
			}
			require.Less(t, len(line), 500, line)
			require.Equal(t, before, snapshot(t, dir), "nothing is overwritten or left behind")
			t.Log(line)
		})
	}
}
