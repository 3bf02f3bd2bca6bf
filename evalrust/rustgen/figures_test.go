package rustgen

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/evalrust/rustlex"
)

// Mutation: swapping bytes and packed in ratio makes TestRatio fail; a wrong figure in the README makes TestREADMETable fail.

var (
	figures   = flag.String("rustgen.figures", "", "write measured figures to this JSON file")
	crateText = flag.String("rustgen.crates", "", "folder of .rs files to compare with, for -rustgen.figures")
)

const (
	figureSeeds     = 5       // repetitions of each measurement
	figureFunctions = 100_000 // drawn for the shares of distinct functions
	figureBytes     = 8 << 20 // of text for identifiers and compression
)

// spread is a repeated measurement.
type spread struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
}

func spreadOf(xs []float64) spread {
	slices.Sort(xs)
	return spread{len(xs), round(xs[len(xs)/2]), round(xs[0]), round(xs[len(xs)-1])}
}

func round(x float64) float64 { return float64(int(x*1000+0.5)) / 1000 }

// levelFigures are those of one level; shares are of figureFunctions drawn functions, over seeds.
type levelFigures struct {
	Level         int    `json:"level"`
	Families      int    `json:"families"`
	HeldOut       int    `json:"held_out_families"`
	Speed         spread `json:"mb_per_second"`
	Functions     spread `json:"distinct_functions"`
	AllFunctions  spread `json:"distinct_functions_with_constructors_and_helpers"`
	Bodies        spread `json:"distinct_bodies"`
	Names         spread `json:"distinct_names"`
	FunctionLines spread `json:"median_function_lines"`
	textFigures
}

// textFigures are those of the first figureBytes of a text.
type textFigures struct {
	Bytes       int     `json:"bytes"`
	Identifiers int     `json:"distinct_identifiers"`
	Tokens      int     `json:"tokens"`
	Flate       float64 `json:"flate_ratio"` // bytes by compressed bytes, level 9
}

type figureFile struct {
	Module  string         `json:"module"`
	Command string         `json:"command"`
	Commit  string         `json:"commit"`
	Date    string         `json:"date"`
	Machine string         `json:"machine"`
	Levels  []levelFigures `json:"levels"`
	Crates  *textFigures   `json:"crates,omitempty"`
}

// ratio is how much smaller flate makes text.
func ratio(text []byte) float64 {
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestCompression)
	_, _ = w.Write(text)
	_ = w.Close()
	return float64(len(text)) / float64(packed.Len())
}

func TestRatio(t *testing.T) {
	require.Greater(t, ratio(bytes.Repeat([]byte("fn f() {}\n"), 1000)), 50.0)
	require.Less(t, ratio([]byte("fn f() {}\n")), 1.0)
}

func figuresOf(text []byte) textFigures {
	seen, tokens := map[string]bool{}, 0
	for _, tok := range rustlex.Code(string(text)) {
		tokens++
		if tok.Kind == rustlex.Ident {
			seen[tok.Text] = true
		}
	}
	return textFigures{len(text), len(seen), tokens, round(ratio(text))}
}

// sampleText is figureBytes of a level's text.
func sampleText(t *testing.T, level int) []byte {
	g := generator(t, Config{Level: level})
	var text []byte
	for len(text) < figureBytes {
		text = append(g.AppendText(text), '\n')
	}
	return text[:figureBytes]
}

// measureLevel repeats every measurement over seeds, on one processor.
func measureLevel(t *testing.T, level int) levelFigures {
	f := levelFigures{Level: level, textFigures: figuresOf(sampleText(t, level))}
	for i := range registry {
		if registry[i].weights[level] > 0 {
			f.Families++
			f.HeldOut += int(bit(registry[i].heldOut))
		}
	}
	var speed, functions, all, bodies, names, lines []float64
	for seed := range uint64(figureSeeds) {
		g, text, total := generator(t, Config{Level: level, Seed: seed}), []byte(nil), 0
		for range 2000 {
			text = g.AppendText(text[:0])
		}
		start := time.Now()
		for total < figureBytes {
			text = g.AppendText(text[:0])
			total += len(text)
		}
		speed = append(speed, float64(total)/1e6/time.Since(start).Seconds())
		d := drawDistinct(t, level, seed, figureFunctions, true)
		functions, bodies, names = append(functions, d.share(d.functions)), append(bodies, d.share(d.bodies)), append(names, d.share(d.names))
		all = append(all, allDistinct(t, level, seed, figureFunctions))
		slices.Sort(d.lines)
		lines = append(lines, float64(d.lines[len(d.lines)/2]))
	}
	f.Speed, f.Functions, f.AllFunctions, f.Bodies = spreadOf(speed), spreadOf(functions), spreadOf(all), spreadOf(bodies)
	f.Names, f.FunctionLines = spreadOf(names), spreadOf(lines)
	return f
}

// distinct counts different functions, bodies and names among those drawn.
type distinct struct {
	total                    int
	functions, bodies, names map[[16]byte]bool
	lines                    []int
	repeats                  map[string]int // by family
}

func (d *distinct) share(seen map[[16]byte]bool) float64 {
	return float64(len(seen)) / float64(d.total)
}

func digest(s string) [16]byte {
	sum := sha256.Sum256([]byte(s))
	return [16]byte(sum[:16])
}

// drawDistinct draws n functions; all asks for more than whether they differ.
func drawDistinct(t *testing.T, level int, seed uint64, n int, all bool) *distinct {
	d := &distinct{functions: map[[16]byte]bool{}, bodies: map[[16]byte]bool{}, names: map[[16]byte]bool{}, repeats: map[string]int{}}
	for g := generator(t, Config{Level: level, Seed: seed}); d.total < n; {
		for _, task := range g.Next().Tasks {
			key := digest(task.Code())
			if d.functions[key] {
				d.repeats[task.Family]++
			}
			d.functions[key] = true
			if d.total++; all {
				d.bodies[digest(task.Body)], d.names[digest(task.Name)] = true, true
				task.examples = 0
				d.lines = append(d.lines, strings.Count(task.Function(), "\n"))
			}
		}
	}
	return d
}

// allDistinct is the share of different functions among n in the text, with constructors, helpers and what a trait needs besides
// its task, which are not drawn as tasks are.
func allDistinct(t *testing.T, level int, seed uint64, n int) float64 {
	seen, total := map[[16]byte]bool{}, 0
	for g := generator(t, Config{Level: level, Seed: seed}); total < n; {
		p := g.Next()
		for _, f := range functionTexts(p.Items()) {
			seen[digest(f)] = true
			total++
		}
	}
	return float64(len(seen)) / float64(total)
}

// functionTexts are the functions with a body in a source, as tokens.
func functionTexts(source string) []string {
	var out []string
	tokens := rustlex.Code(source)
	for i := range tokens {
		if tokens[i].Kind != rustlex.Ident || tokens[i].Text != "fn" {
			continue
		}
		var b strings.Builder
		for j, depth := i, 0; j < len(tokens); j++ {
			b.WriteString(tokens[j].Text)
			b.WriteByte(' ')
			if tokens[j].Is('{') {
				depth++
			} else if tokens[j].Is('}') {
				depth--
			}
			if tokens[j].Is(';') && depth == 0 {
				break // a declaration, or a type
			}
			if tokens[j].Is('}') && depth == 0 {
				out = append(out, b.String())
				break
			}
		}
	}
	return out
}

func TestFunctionTexts(t *testing.T) {
	require.Equal(t, []string{"fn f ( ) { { } } ", "fn g ( ) { } "}, functionTexts("trait A { fn a(&self); }\npub fn f() { {} }\nimpl A { fn g() {} }"))
}

// crateFigures reads whole files in order of their paths' hashes, so that every crate is in the sample.
func crateFigures(t *testing.T, dir string) *textFigures {
	var paths []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) == ".rs" {
			paths = append(paths, path)
		}
		return err
	}))
	rel := func(p string) [16]byte { return digest(strings.TrimPrefix(p, dir)) }
	slices.SortFunc(paths, func(a, b string) int {
		x, y := rel(a), rel(b)
		return bytes.Compare(x[:], y[:])
	})
	var text []byte
	for _, p := range paths {
		if len(text) >= figureBytes {
			break
		}
		b, err := os.ReadFile(p)
		require.NoError(t, err)
		text = append(text, b...)
	}
	f := figuresOf(text[:min(figureBytes, len(text))])
	return &f
}

// commit is the one that is checked out, with a plus where this package differs from it.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	if changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no", ".").Output(); err != nil || len(changed) > 0 {
		name += "+"
	}
	return name
}

func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(b), "model name\t: "); ok {
			model, _, _ = strings.Cut(rest, "\n")
		}
	}
	return fmt.Sprintf("%s, %d cores, shared with other work while measuring; %s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.Version())
}

// TestFigures measures speed and diversity and writes them.
func TestFigures(t *testing.T) {
	if *figures == "" {
		t.Skip("measures for minutes; run with -rustgen.figures FILE and -rustgen.crates DIR")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f := figureFile{
		Module: "evalrust/rustgen", Command: "go test ./rustgen -count=1 -run TestFigures -rustgen.figures ../../docs/results/rustgen.json -rustgen.crates DIR, DIR being the folder of `trainer data crates`",
		Commit: commit(), Date: time.Now().UTC().Format(time.DateOnly), Machine: machine(),
	}
	for level := 1; level <= MaxLevel; level++ {
		f.Levels = append(f.Levels, measureLevel(t, level))
	}
	if *crateText != "" {
		f.Crates = crateFigures(t, *crateText)
	}
	b, err := json.MarshalIndent(f, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(*figures, append(b, '\n'), 0o644))
}

// readFigures reads a file of docs/results, or skips where the module stands alone.
func readFigures(t *testing.T, name string, into any) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "results", name))
	if os.IsNotExist(err) {
		t.Skip("the module alone: no docs/results")
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, into))
}

// TestREADMETable holds the README's tables to the measured figures.
func TestREADMETable(t *testing.T) {
	var f figureFile
	readFigures(t, "rustgen.json", &f)
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	percent := func(s spread) string { return fmt.Sprintf("%.1f %%", 100*s.Median) }
	for _, l := range f.Levels {
		require.Contains(t, string(readme), fmt.Sprintf("| %d | %d (%d) | %.0f (%.0f–%.0f) | %.0f | %s | %s | %s | %s | %d | %.1f |\n", l.Level, l.Families, l.HeldOut, l.Speed.Median, l.Speed.Least,
			l.Speed.Most, l.FunctionLines.Median, percent(l.Functions), percent(l.AllFunctions), percent(l.Bodies), percent(l.Names), l.Identifiers, l.Flate))
	}
	if f.Crates != nil {
		require.Contains(t, string(readme), fmt.Sprintf("| crates | | | | | | | | %d | %.1f |\n", f.Crates.Identifiers, f.Crates.Flate))
	}
	require.Contains(t, string(readme), f.Commit)
	var c []compileRecord
	readFigures(t, "rustgen-compile.json", &c)
	programs, tests, failures := 0, 0, 0
	for _, r := range c {
		programs, tests, failures = programs+r.Programs, tests+r.Tests, failures+r.Failures
	}
	require.Contains(t, string(readme), fmt.Sprintf("%d programs", programs))
	require.Contains(t, string(readme), fmt.Sprintf("%d unit tests", tests))
	require.Zero(t, failures)
}
