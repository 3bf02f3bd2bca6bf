package rustgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Mutation: making one of numPreds compare with >= instead of > makes TestCompileAndPass fail.

var (
	familyPrefix = flag.String("rustgen.family", "", "families that TestFamilies looks at, by the beginning of their names")
	each         = flag.Int("rustgen.each", 1, "programs of each family in TestFamilies")
)

var (
	full     = flag.Bool("rustgen.full", false, "compile 10 000 programs one by one and run all their tests")
	seeds    = flag.String("rustgen.seeds", "0:10", "half-open range of seeds for -rustgen.full")
	recordTo = flag.String("rustgen.record", "", "JSON file to add a record of -rustgen.full to")
)

func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// run executes a command in dir and returns what it printed.
func run(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// crate puts programs into one file, each in a module of its own, and their doc examples behind them as tests.
func crate(programs []Program) (text []byte, tests int) {
	var b bytes.Buffer
	for i, p := range programs {
		fmt.Fprintf(&b, "pub mod p%d {\n%s\n%s}\n", i, p.Items(), p.Tests())
		tests += len(p.Tasks)
		for j, task := range p.Tasks {
			if code := docCode(task); code != "" {
				fmt.Fprintf(&b, "#[test]\nfn doc_%d_%d() {\n%s}\n", i, j, strings.ReplaceAll(code, "use "+CrateName+"::", fmt.Sprintf("use crate::p%d::", i)))
				tests++
			}
		}
	}
	return b.Bytes(), tests
}

// docCode is the code of a task's doc examples, without the slashes and fences.
func docCode(t *Task) string {
	var b strings.Builder
	for line := range strings.Lines(string(t.appendDocExamples(nil, 0))) {
		if code := strings.TrimPrefix(line, "/// "); code != line && code[0] != '`' && code[0] != '#' {
			b.WriteString(code)
		}
	}
	return b.String()
}

func take(g *Generator, n int) []Program {
	ps := make([]Program, n)
	for i := range ps {
		ps[i] = g.Next()
	}
	return ps
}

// checkTests compiles programs as one crate with warnings denied, runs their unit tests and doc examples and returns how many
// there are.
func checkTests(t *testing.T, rustc string, programs []Program) int {
	t.Helper()
	dir := t.TempDir()
	text, tests := crate(programs)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "all.rs"), text, 0o644))
	out, err := run(dir, rustc, "--edition=2021", "--crate-type=lib", "--emit=metadata", "-Dwarnings", "all.rs")
	require.NoError(t, err, "%s", out)
	out, err = run(dir, rustc, "--edition=2021", "--test", "-Cdebuginfo=0", "-Dwarnings", "-o", "all.test", "all.rs")
	require.NoError(t, err, "%s", out)
	out, err = run(dir, filepath.Join(dir, "all.test"), "-q")
	require.NoError(t, err, "%s", out)
	require.Contains(t, out, fmt.Sprintf("test result: ok. %d passed; 0 failed", tests))
	return tests
}

// alone compiles one program with warnings denied and says what the compiler prints.
func alone(rustc, dir, text string) error {
	if err := os.WriteFile(filepath.Join(dir, "p.rs"), []byte(text), 0o644); err != nil {
		return err
	}
	out, err := run(dir, rustc, "--edition=2021", "--crate-type=lib", "--emit=metadata", "-Dwarnings", "p.rs")
	if err != nil || out != "" {
		return fmt.Errorf("%v\n%s\n%s", err, out, text)
	}
	return nil
}

func checkAlone(t *testing.T, rustc, text string) {
	t.Helper()
	require.NoError(t, alone(rustc, t.TempDir(), text))
}

func TestCompileAndPass(t *testing.T) {
	t.Parallel()
	rustc := tool(t, "rustc")
	for level := 1; level <= MaxLevel; level++ {
		programs := take(generator(t, Config{Level: level, Seed: 21}), 60)
		programs = append(programs, take(generator(t, Config{Level: level, Seed: 22, HeldOut: true}), 15)...)
		checkTests(t, rustc, programs)
		checkAlone(t, rustc, programs[0].Text)
		checkAlone(t, rustc, programs[1].Tasks[0].Source()+programs[1].Tasks[0].Tests())
	}
}

// drawFamily is programs of one family at the levels that have it.
func drawFamily(f *family, n int) []Program {
	var ps []Program
	for i := 0; len(ps) < n; i++ {
		level := MaxLevel - i%MaxLevel
		if f.weights[level] == 0 {
			continue
		}
		r := newRNG(uint64(i), 0xfa)
		p := Program{Index: uint64(i)}
		p.add(f.make(&ctx{rng: r, level: level, family: f}), f, r, level)
		ps = append(ps, p)
	}
	return ps
}

// TestFamilies compiles, formats and tests programs of every family, held out or not.
func TestFamilies(t *testing.T) {
	t.Parallel()
	rustc := tool(t, "rustc")
	var ps []Program
	names := map[string]bool{}
	for i := range registry {
		if f := &registry[i]; strings.HasPrefix(f.name, *familyPrefix) {
			require.False(t, names[f.name], "two families are called %s", f.name)
			names[f.name] = true
			for _, p := range drawFamily(f, *each) {
				require.NotEmpty(t, p.Tasks, f.name)
				for _, task := range p.Tasks {
					require.NotEmpty(t, task.Examples(3), "%s has no examples\n%s", f.name, p.Items())
					if !task.private {
						task.examples = 2
					}
				}
				ps = append(ps, p)
			}
		}
	}
	require.NotEmpty(t, ps)
	if rustfmt, err := exec.LookPath("rustfmt"); err == nil {
		checkFormat(t, rustfmt, ps)
	}
	checkTests(t, rustc, ps)
}

// checkFormat holds programs to rustfmt's layout.
func checkFormat(t *testing.T, rustfmt string, ps []Program) {
	t.Helper()
	var b bytes.Buffer
	for i, p := range ps {
		fmt.Fprintf(&b, "%s\n%s// %d\n", p.Items(), p.Tests(), i)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "p.rs"), b.Bytes(), 0o644))
	out, err := run(dir, rustfmt, "--edition=2021", "--check", "--color=never", "p.rs")
	require.NoError(t, err, "%s", out)
}

// TestTenThousand compiles each of 10 000 programs over 10 seeds on its own and runs their tests: 200 of each level and seed.
func TestTenThousand(t *testing.T) {
	if !*full {
		t.Skip("takes minutes; run with -rustgen.full, and with -rustgen.seeds=A:B for some of the seeds 0 to 9")
	}
	rustc := tool(t, "rustc")
	var from, to uint64
	_, err := fmt.Sscanf(*seeds, "%d:%d", &from, &to)
	require.NoError(t, err, "-rustgen.seeds=%s, want A:B", *seeds)
	version, err := run("", rustc, "--version")
	require.NoError(t, err)
	r := compileRecord{Command: "go test ./rustgen -count=1 -timeout 0 -run TenThousand -rustgen.full -rustgen.seeds " + *seeds, Commit: commit(), Compiler: strings.TrimSpace(version),
		Machine: machine()}
	start := time.Now()
	for seed := from; seed < to; seed++ {
		r.Seeds = append(r.Seeds, seed)
		for level := 1; level <= MaxLevel; level++ {
			programs := take(generator(t, Config{Level: level, Seed: seed}), 200)
			checkEachAlone(t, rustc, programs)
			r.Tests += checkTests(t, rustc, programs)
			r.Programs += len(programs)
		}
	}
	r.Seconds = round(time.Since(start).Seconds())
	t.Logf("%d programs compiled alone without a warning and passed their %d tests", r.Programs, r.Tests)
	if *recordTo != "" {
		r.append(t, *recordTo)
	}
}

// compileRecord is what one run of TestTenThousand saw.
type compileRecord struct {
	Command  string   `json:"command"`
	Commit   string   `json:"commit"`
	Compiler string   `json:"compiler"`
	Machine  string   `json:"machine"`
	Seeds    []uint64 `json:"seeds"`
	Programs int      `json:"programs"` // each compiled alone, 200 of each level and seed
	Tests    int      `json:"tests"`
	Failures int      `json:"failures"`
	Seconds  float64  `json:"seconds"`
}

// append adds the record to a file of them.
func (r compileRecord) append(t *testing.T, path string) {
	var all []compileRecord
	if b, err := os.ReadFile(path); err == nil {
		require.NoError(t, json.Unmarshal(b, &all))
	}
	b, err := json.MarshalIndent(append(all, r), "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(b, '\n'), 0o644))
}

// checkEachAlone compiles programs one by one, as many at a time as there are processors.
func checkEachAlone(t *testing.T, rustc string, programs []Program) {
	t.Helper()
	work := make(chan string)
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range errs {
		dir := t.TempDir()
		wg.Go(func() {
			for text := range work {
				if err := alone(rustc, dir, text); err != nil {
					errs[i] = errors.Join(errs[i], err)
				}
			}
		})
	}
	for _, p := range programs {
		work <- p.Text
	}
	close(work)
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}

// TestFormatted holds programs to rustfmt's layout.
func TestFormatted(t *testing.T) {
	t.Parallel()
	rustfmt := tool(t, "rustfmt")
	for level := 1; level <= MaxLevel; level++ {
		checkFormat(t, rustfmt, take(generator(t, Config{Level: level, Seed: 31}), 200))
	}
}

// TestDocExamples runs doc examples against the crate they import.
func TestDocExamples(t *testing.T) {
	t.Parallel()
	rustc, rustdoc := tool(t, "rustc"), tool(t, "rustdoc")
	for level := 1; level <= MaxLevel; level++ {
		g := generator(t, Config{Level: level, Seed: 41})
		p := g.Next()
		for !slices.ContainsFunc(p.Tasks, func(t *Task) bool { return !t.private }) { // a trait's method has no examples
			p = g.Next()
		}
		for _, task := range p.Tasks {
			if !task.private {
				task.examples = 2
			}
		}
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "p.rs"), p.appendItems(nil), 0o644))
		out, err := run(dir, rustc, "--edition=2021", "--crate-name="+CrateName, "--crate-type=lib", "p.rs")
		require.NoError(t, err, "%s", out)
		out, err = run(dir, rustdoc, "--edition=2021", "--crate-name="+CrateName, "--extern="+CrateName+"=lib"+CrateName+".rlib", "-L.", "--test", "p.rs")
		if err != nil && strings.Contains(out, "linker") {
			t.Skip("doc examples need a linker")
		}
		require.NoError(t, err, "%s", out)
		require.NotContains(t, out, "running 0 tests")
	}
}
