package rustgen

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: seeding newRNG from g.next instead of i makes TestAtEqualsNext and TestGolden fail.

var update = flag.Bool("update", false, "rewrite golden files")

func generator(t testing.TB, cfg Config) *Generator {
	t.Helper()
	g, err := New(cfg)
	require.NoError(t, err)
	return g
}

func TestConfig(t *testing.T) {
	_, err := New(Config{Level: 6})
	require.ErrorContains(t, err, "level 6 is not in 1..5")
	_, err = New(Config{Level: -1})
	require.Error(t, err)
	require.Equal(t, generator(t, Config{}).At(3).Text, generator(t, Config{Level: 1}).At(3).Text)
}

// TestGolden holds the bytes of the first programs of each level and seed across releases and machines.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "golden.json")
	got := map[string]string{}
	for level := 1; level <= MaxLevel; level++ {
		for _, cfg := range []Config{{Level: level}, {Level: level, Seed: 7, Tests: true}, {Level: level, Seed: 1 << 63, HeldOut: true}} {
			h, g := sha256.New(), generator(t, cfg)
			for range 500 {
				fmt.Fprintln(h, g.Next().Text)
			}
			got[fmt.Sprintf("level=%d seed=%d tests=%t heldout=%t", level, cfg.Seed, cfg.Tests, cfg.HeldOut)] = hex.EncodeToString(h.Sum(nil)[:12])
		}
	}
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, append(b, '\n'), 0o644))
	}
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	want := map[string]string{}
	require.NoError(t, json.Unmarshal(b, &want))
	require.Equal(t, want, got, "programs changed; run go test -update if that is meant and note it in the changelog")
}

func TestAtEqualsNext(t *testing.T) {
	for level := 1; level <= MaxLevel; level++ {
		cfg := Config{Level: level, Seed: 3}
		a, b, c := generator(t, cfg), generator(t, cfg), generator(t, cfg)
		var text []byte
		for i := range uint64(200) {
			p := a.Next()
			require.Equal(t, i, p.Index)
			require.Equal(t, b.At(i).Text, p.Text)
			text = c.AppendText(text[:0])
			require.Equal(t, p.Text, string(text))
		}
		c.Seek(7)
		require.Equal(t, a.At(7).Text, c.Next().Text)
	}
}

// TestConfigMatters has every setting change the stream.
func TestConfigMatters(t *testing.T) {
	first := func(cfg Config) string { return generator(t, cfg).At(0).Text + generator(t, cfg).At(1).Text }
	base := Config{Level: 3}
	for _, cfg := range []Config{{Level: 3, Seed: 1}, {Level: 4}, {Level: 3, HeldOut: true}, {Level: 3, Tests: true}} {
		require.NotEqual(t, first(base), first(cfg), "%+v", cfg)
	}
	g := generator(t, Config{Level: 2, Tests: true})
	require.Contains(t, g.Next().Text, "#[test]")
}

// TestHeldOut shows that no family is on both sides and that every level has some of both.
func TestHeldOut(t *testing.T) {
	held := map[string]bool{}
	names := map[string]bool{}
	for _, f := range Families() {
		require.False(t, names[f.Name], "two families are called %s", f.Name)
		names[f.Name] = true
		held[f.Name] = f.HeldOut
		require.Equal(t, HeldOut(f.Name), f.HeldOut)
	}
	for level := 1; level <= MaxLevel; level++ {
		require.True(t, slices.ContainsFunc(Families(), func(f FamilyInfo) bool { return f.Level == level && f.HeldOut }), "no family that begins at level %d is held out", level)
		for _, side := range []bool{false, true} {
			g, seen := generator(t, Config{Level: level, HeldOut: side}), map[string]bool{}
			for range 2000 {
				for _, task := range g.Next().Tasks {
					require.Equal(t, side, held[task.Family], task.Family)
					seen[task.Family] = true
				}
			}
			require.GreaterOrEqual(t, len(seen), 2, "level %d, held out %t", level, side)
			t.Logf("level %d, held out %t: %d families drawn", level, side, len(seen))
		}
	}
}

// TestDistinct draws functions and counts those that occurred before: the code without doc comment, so names and bodies.
func TestDistinct(t *testing.T) {
	t.Parallel()
	n := 100_000
	if testing.Short() {
		n = 20_000
	}
	for level := 2; level <= MaxLevel; level++ {
		d := drawDistinct(t, level, 0, n, false)
		share := d.share(d.functions)
		t.Logf("level %d: %d of %d distinct (%.1f %%); repeats %v", level, len(d.functions), d.total, 100*share, top(d.repeats, 6))
		require.GreaterOrEqual(t, share, 0.95, "level %d", level)
	}
}

func top(counts map[string]int, n int) []string {
	keys := make([]string, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return counts[b] - counts[a] })
	for i, k := range keys {
		keys[i] = fmt.Sprintf("%s=%d", k, counts[k])
	}
	return keys[:min(n, len(keys))]
}

// TestLines holds functions short enough to learn from, and every line within rustfmt's width.
func TestLines(t *testing.T) {
	for level := 1; level <= MaxLevel; level++ {
		g := generator(t, Config{Level: level})
		var fns, programs []int
		for range 3000 {
			p := g.Next()
			programs = append(programs, len(p.Text))
			for line := range strings.Lines(p.Text) {
				require.LessOrEqual(t, len(line), lineWidth+1, "%s", p.Text)
				require.False(t, strings.HasSuffix(line, " \n"), "trailing space in %q", line)
			}
			for _, task := range p.Tasks {
				task.examples = 0
				fns = append(fns, strings.Count(task.Function(), "\n"))
			}
		}
		slices.Sort(fns)
		slices.Sort(programs)
		median := fns[len(fns)/2]
		t.Logf("level %d: median function %d lines, 95th percentile %d; median program %d bytes, 95th percentile %d", level, median,
			fns[len(fns)*95/100], programs[len(programs)/2], programs[len(programs)*95/100])
		if level > 1 {
			require.GreaterOrEqual(t, median, 6)
		}
		require.LessOrEqual(t, median, 15)
	}
}

// TestExamples has every drawn task offer defined, distinct examples that its tests use.
func TestExamples(t *testing.T) {
	for level := 1; level <= MaxLevel; level++ {
		for _, side := range []bool{false, true} {
			g := generator(t, Config{Level: level, Seed: 11, HeldOut: side})
			for range 400 {
				for _, task := range g.Next().Tasks {
					es := task.Examples(4)
					require.NotEmpty(t, es, "%s\n%s", task.Family, task.Function())
					require.Equal(t, es[:1], task.Examples(1))
					for _, e := range es {
						got, err := task.Eval(e.Args)
						require.NoError(t, err)
						require.True(t, got.Equal(e.Want), task.Function())
					}
					require.Contains(t, task.Tests(), "assert")
				}
			}
		}
	}
	_, err := generator(t, Config{}).At(0).Tasks[0].Eval(nil)
	require.ErrorContains(t, err, "arguments")
}

func TestPromptAndComplete(t *testing.T) {
	for level := 1; level <= MaxLevel; level++ {
		g := generator(t, Config{Level: level, Seed: 5})
		for range 300 {
			for _, task := range g.Next().Tasks {
				prompt := task.Prompt()
				require.True(t, strings.HasSuffix(prompt, "{\n"), prompt)
				require.True(t, strings.HasPrefix(task.Source(), prompt))
				depth := strings.Repeat("    ", task.depth())
				body := strings.ReplaceAll(strings.TrimSuffix(task.Body, "\n"), "\n", "\n"+depth)
				require.Equal(t, task.Source(), task.Complete(depth+body))
			}
		}
	}
}

func BenchmarkAppendText(b *testing.B) {
	for level := 1; level <= MaxLevel; level++ {
		b.Run(fmt.Sprintf("level=%d", level), func(b *testing.B) {
			g := generator(b, Config{Level: level})
			var text []byte
			total := 0
			b.ReportAllocs()
			for b.Loop() {
				text = g.AppendText(text[:0])
				total += len(text)
			}
			b.SetBytes(int64(total / b.N))
		})
	}
}
