package report

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nanochat-go/nanochat/trainer/internal/track"
	"github.com/stretchr/testify/require"
)

// Mutation: turning template.HTMLEscapeString(p.Title) in draw into p.Title
// makes TestWrite_Escapes fail; dropping the interval's numbers from the
// template makes TestWrite_Contents fail.

// records are those of a plausible run.
func records(steps int) []track.Record {
	rng := rand.New(rand.NewPCG(1, 2))
	var out []track.Record
	for i := 1; i <= steps; i++ {
		f := float64(i) / float64(steps)
		bpb := 0.9 + 5.5*math.Exp(-7*f) + 0.12*rng.NormFloat64()*math.Exp(-2*f)
		r := track.Record{Kind: track.KindTrain, Step: i, Tokens: int64(i) * 3072, Elapsed: 4 + 0.15*float64(i), Values: track.Values{
			track.TrainLoss: bpb * 1.9, track.TrainBPB: bpb, track.TrainLR: min(1, float64(i)/20) * min(1, 2*(1-f)), track.GradNorm: 0.4 + 2*math.Exp(-20*f) + 0.1*rng.Float64(),
			track.TokensPerS: 21000 + 1500*rng.NormFloat64(), track.MFU: 0.31 + 0.02*rng.NormFloat64(), track.DataWait: 0.01 * rng.Float64(),
		}}
		if i == steps/2 {
			r.Values[track.TrainLoss] = math.NaN()
			r.Values[track.GradNorm] = math.Inf(1)
		}
		if i%7 == 1 {
			r.Values[track.RSSBytes] = 4.1e8 + 2e8*(1-math.Exp(-float64(i)/30))
		}
		if i%10 == 0 {
			r.Values[track.UpdateRMS+"0.muon"], r.Values[track.WeightRMS+"0.muon"], r.Values[track.StorageError+"0.muon"] = 2e-3*(1-f)+1e-6, 0.05+0.1*f, 0.02+0.01*f
			r.Values[track.UpdateRMS+"1.adamw"], r.Values[track.WeightRMS+"1.adamw"] = 1e-3*(1-f)+1e-6, 0.3
			for j, measure := range []string{track.QuantError, track.QuantUnderflow, track.QuantClipped, track.QuantBias} {
				r.Values[measure+"fprop.x"], r.Values[measure+"wgrad.dy"] = 0.01, 0.1*float64(j+1)
			}
			for k := range 12 {
				r.Values[fmt.Sprintf("%sfprop.x/%02d", track.QuantSpread, k)] = math.Exp2(-float64(k)-1) * f
			}
		}
		if i%(steps/3) == 0 {
			r.Values[track.Skipped] = 1
		}
		out = append(out, r)
		if i%(steps/6) == 0 {
			out = append(out, track.Record{Kind: track.KindVal, Step: i, Elapsed: r.Elapsed, Values: track.Values{track.ValBPB: bpb + 0.05}},
				track.Record{Kind: track.KindRust, Step: i, Elapsed: r.Elapsed, Values: track.Values{track.CompileRate: 0.95 * f}})
		}
	}
	return append(out, track.Record{Kind: track.KindNote, Step: steps, Text: "1 update skipped: gradient not finite"})
}

const hostile = "<script>alert(1)</script>\" onload='x' </pre></code><style>*{display:none}</style> {{.Config}} \x1b[31m\u202e </title>"

func sampleData() Data {
	peer := Peer{Name: "PyTorch AdamW", Command: "python trainer/bench/peers/torch.py --time 60"}
	for s := 10.0; s <= 60; s += 10 {
		peer.Seconds, peer.BPB = append(peer.Seconds, s), append(peer.BPB, 1.1+4*math.Exp(-s/15))
	}
	d := Data{
		Title: "quickstart", Subtitle: "go run ./trainer, seed 1, backend XLA (CPU)", Generated: time.Date(2026, 1, 2, 15, 4, 0, 0, time.UTC),
		Headline: []Fact{{"Validation", "1.043 bpb", "bits per byte, held-out documents"}, {"Compile rate", "91.4 %", "of 256 samples"}, {"Parameters", "1.05 M", ""},
			{"Tokens", "1.54 M", "3m00s of training"}, {"Speed", "21.3k tok/s", "MFU 31 %"}},
		Plots: Curves(records(420), peer), Peers: []Peer{peer},
		Rust: &CompileRate{Samples: 256, Compiled: 234, Novel: 150, Lo: 0.8732, Hi: 0.9424, Level: 0.95,
			ByCode: map[string]int{"E0308": 12, "E0425": 6, "syntax": 3, "refused": 1}, Note: "Temperature 0.8, seed 99; rustc 1.95.0, edition 2021, metadata only."},
		Corpus:    []Fact{{"Source", "rustgen level 2", "generated"}, {"Documents", "12 345", ""}, {"Bytes", "16.0 MiB", "after filters"}},
		Tokenizer: []Fact{{"Vocabulary", "1024", "byte-level BPE, llama3 split"}, {"Bytes per token", "2.71", ""}},
		Config:    "seed = 1\n\n[model]\nlayers = 4\ndim = 128\nheads = 4 # a comment that is longer than a phone is wide, to see what happens with it\n",
		Environment: []Fact{{"System", "linux/amd64", "6.18.0"}, {"Processor", "Some Processor With A Long Name @ 2.00GHz", ""}, {"Backend", "xla:cpu", ""},
			{"Commit", "0123456789abcdef0123456789abcdef01234567", ""}},
		Next:  []Fact{{"go run ./trainer generate --run runs/quickstart --prompt 'pub fn ' --max-tokens 100 --temperature 0.8", "Draw more text:", ""}},
		Notes: []string{"1 update skipped: gradient not finite"},
	}
	code := "/// Sums the even numbers of a slice.\npub fn sum_even(values: &[i64]) -> i64 {\n    values.iter().filter(|v| *v % 2 == 0).sum()\n}\n"
	d.Samples = []Sample{
		{Prompt: "/// Sums the even", Code: strings.TrimPrefix(code, "/// Sums the even"), Judged: true, Compiled: true, Novel: true},
		{Code: strings.Replace(code, "i64 {", "String {", 1), Judged: true, Codes: []string{"E0308"}, Message: "error[E0308] at 3:5: mismatched types"},
		{Code: hostile, Judged: true, Codes: []string{"syntax"}, Message: hostile},
		{Code: "fn a() {}\n"},
	}
	for i := range 4 {
		for _, w := range []string{"self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj"} {
			d.Parameters = append(d.Parameters, Parameter{fmt.Sprintf("model.layers.%d.%s.weight", i, w), "matrix", "128 × 128", 16384, "muon", "ternary"})
		}
	}
	d.Parameters = append(d.Parameters, Parameter{"model.embed_tokens.weight", "embedding", "1024 × 128", 131072, "adamw", "f32"})
	return d
}

func render(t testing.TB, d Data) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, d))
	if out := os.Getenv("REPORT_TEST_OUT"); out != "" { // to look at it
		require.NoError(t, os.WriteFile(filepath.Join(out, strings.ReplaceAll(t.Name(), "/", "-")+".html"), b.Bytes(), 0o644))
	}
	return b.String()
}

func TestWrite_Contents(t *testing.T) {
	text := render(t, sampleData())
	for _, want := range []string{"<h1>quickstart</h1>", "Bits per byte", "Against peers", "PyTorch AdamW (peer)", "Learning rate", "Gradient norm", "Skipped updates", "Size of the updates", "Size of the weights", "Error of stored momentum", "0.muon", "1.adamw", "Throughput", "Memory",
		"91.4 %", "234 of 256 samples compile", "87.3 % to 94.2 %", "150 of those that compile", "E0308", "[model]", "layers = 4", "rustgen level 2", "2.71",
		"model.layers.3.mlp.gate_proj.weight", "327\u202f680 parameters in 13 tensors", "0123456789abcdef", "go run ./trainer generate", "2 January 2026",
		"compiles, new", "does not compile: E0308", "prefers-color-scheme: dark", "1 update skipped"} {
		require.True(t, strings.Contains(text, want), "no %q", want)
	}
}

// TestCurves_Health: one curve for each group that was measured, the count of
// skipped updates up to each step, and no plot of what was not recorded.
// TestCurves_Objectives: what objectives report is plotted by pass and distance.
func TestCurves_Objectives(t *testing.T) {
	plots := map[string]Plot{}
	all := []track.Record{
		{Kind: track.KindTrain, Step: 1, Values: track.Values{track.PassLoss + "1": 3, track.PassLoss + "2": 2, track.PassExit + "1": 0.25,
			track.PassExit + "2": 0.75, track.LaterLoss + "2": 4}},
		{Kind: track.KindRust, Step: 1, Values: track.Values{track.Acceptance: 1.5}},
	}
	for _, p := range Curves(all) {
		plots[p.Title] = p
	}
	for title, want := range map[string]map[string]float64{"Loss of each pass": {"1": 3, "2": 2}, "Exits": {"1": 0.25, "2": 0.75},
		"Loss of later tokens": {"2": 4}, "Acceptance length": {"drafts by the heads for later tokens": 1.5}} {
		require.Len(t, plots[title].Series, len(want), title)
		for _, s := range plots[title].Series {
			require.Equal(t, []float64{want[s.Name]}, s.Y, title)
		}
	}
}

func TestCurves_Health(t *testing.T) {
	plots := map[string]Plot{}
	for _, p := range Curves(records(30)) {
		plots[p.Title] = p
	}
	names := func(p Plot) (all []string) {
		for _, s := range p.Series {
			all = append(all, s.Name)
		}
		return all
	}
	require.Equal(t, []string{"0.muon", "1.adamw"}, names(plots["Size of the updates"]))
	require.Equal(t, []string{"0.muon", "1.adamw"}, names(plots["Size of the weights"]))
	require.Equal(t, []string{"0.muon"}, names(plots["Error of stored momentum"]))
	require.Equal(t, []float64{10, 20, 30}, plots["Size of the updates"].Series[0].X)
	require.InDeltaSlice(t, []float64{0.02 + 0.01/3, 0.02 + 0.02/3, 0.03}, plots["Error of stored momentum"].Series[0].Y, 1e-12)
	for i, title := range []string{"Error of quantised operands", "Values quantised to zero", "Values clipped", "Bias of rounding"} {
		require.Equal(t, []string{"fprop.x", "wgrad.dy"}, names(plots[title]))
		require.Equal(t, 0.1*float64(i+1), plots[title].Series[1].Y[0])
	}
	scales := plots["Scales of blocks"]
	require.Equal(t, []string{"fprop.x"}, names(scales))
	require.Equal(t, []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, scales.Series[0].X)
	require.Equal(t, []float64{0.5, 0.25}, scales.Series[0].Y[:2]) // of the last step
	require.Contains(t, scales.Note, "step 30")
	count := plots["Skipped updates"].Series[0]
	require.Len(t, count.Y, 30)
	require.Equal(t, []float64{0, 1, 1, 2, 3}, []float64{count.Y[8], count.Y[9], count.Y[18], count.Y[19], count.Y[29]})

	var without []track.Record
	for _, r := range records(30) {
		for name := range r.Values {
			if strings.HasPrefix(name, track.Optim) || strings.HasPrefix(name, track.Precision) || name == track.Skipped {
				delete(r.Values, name)
			}
		}
		without = append(without, r)
	}
	for _, p := range Curves(without) {
		require.NotContains(t, []string{"Error of quantised operands", "Values quantised to zero", "Values clipped", "Bias of rounding", "Scales of blocks", "Skipped updates", "Size of the updates", "Size of the weights", "Error of stored momentum"}, p.Title)
	}
}

func TestWrite_Empty(t *testing.T) {
	text := render(t, Data{Title: "empty"})
	require.Contains(t, text, "<h1>empty</h1>")
	require.False(t, strings.Contains(text, "<h2"))
	require.False(t, strings.Contains(text, "<svg"))
}

func TestWrite_Escapes(t *testing.T) {
	d := sampleData()
	d.Title, d.Subtitle, d.Config, d.Notes = hostile, hostile, hostile, []string{hostile}
	d.Headline = []Fact{{hostile, hostile, hostile}}
	d.Parameters[0] = Parameter{hostile, hostile, hostile, 1, hostile, hostile}
	d.Rust.ByCode[hostile], d.Rust.Note = 1, hostile
	d.Peers[0].Name, d.Peers[0].Command = hostile, hostile
	d.Plots[0].Title, d.Plots[0].YLabel, d.Plots[0].XLabel, d.Plots[0].Note, d.Plots[0].Series[0].Name = hostile, hostile, hostile, hostile, hostile
	d.Corpus, d.Environment, d.Next = []Fact{{hostile, hostile, hostile}}, []Fact{{hostile, hostile, hostile}}, []Fact{{hostile, hostile, ""}}
	text := render(t, d)
	require.False(t, strings.Contains(text, "<script"))
	require.False(t, strings.Contains(strings.ToLower(text), "onload='x'"))
	require.Equal(t, 1, strings.Count(text, "<style>"))
	require.Equal(t, 1, strings.Count(text, "</title>")-strings.Count(text, `-t">`), "one title of the page, one of each plot")
	require.False(t, strings.Contains(text, "<no value>"))
	require.Contains(t, text, `\u{1b}[31m\u{202e}`, "what cannot be seen is written out")
}

// TestWrite_SelfContained looks for anything that a browser would fetch.
func TestWrite_SelfContained(t *testing.T) {
	text := render(t, sampleData())
	for _, bad := range []string{"http:", "https:", "//cdn", "@import", "url(", "<script", "src="} {
		require.False(t, strings.Contains(strings.ReplaceAll(text, "img-src data:", ""), bad), bad)
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`\bid="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		require.False(t, ids[m[1]], "id %s twice", m[1])
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby=")([^"]+)"`).FindAllStringSubmatch(text, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			require.True(t, ids[id], "no element %s", id)
		}
	}
	require.Less(t, len(text), 400_000)
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	require.NoError(t, WriteFile(path, sampleData()))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.HasSuffix(bytes.TrimSpace(text), []byte("</html>")))
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Error(t, WriteFile(filepath.Join(t.TempDir(), "none", "report.html"), Data{}))
}

func TestFromRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	require.NoError(t, os.Mkdir(dir, 0o755))
	_, err := FromRun(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	r, err := track.Open(track.Options{Dir: dir})
	require.NoError(t, err)
	for i := 1; i <= 20; i++ {
		r.Step(track.Step{Position: track.Position{Step: i, Tokens: int64(100 * i), Elapsed: time.Duration(i) * time.Second}, Loss: 5 / float64(i), BPB: 4 / float64(i), TokensPerSecond: 100})
	}
	r.Log(track.KindVal, track.Position{Step: 20, Elapsed: 20 * time.Second}, track.Values{track.ValBPB: 0.75})
	r.Note(track.Position{Step: 20}, "a note")
	require.NoError(t, r.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.toml"), []byte("seed = 7\n"), 0o644))

	d, err := FromRun(dir, Peer{Name: "other", Seconds: []float64{1, 2}, BPB: []float64{3, 2}})
	require.NoError(t, err)
	require.Equal(t, "mine", d.Title)
	require.Equal(t, "seed = 7\n", d.Config)
	require.Equal(t, []string{"a note"}, d.Notes)
	titles := map[string]Plot{}
	for _, p := range d.Plots {
		titles[p.Title] = p
	}
	require.Equal(t, []float64{0.75}, titles["Bits per byte"].Series[1].Y)
	require.Equal(t, []float64{20}, titles["Against peers"].Series[0].X, "seconds of training")
	require.Equal(t, "other", titles["Against peers"].Series[1].Name)
	require.NotContains(t, titles, "Compile rate of samples")
	require.Contains(t, render(t, d), "seed = 7")
}

// luminance is the relative luminance of WCAG 2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	require.NoError(t, err)
	part := func(shift int) float64 {
		c := float64(n>>shift&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestStyle_Contrast(t *testing.T) {
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\n\s*\}`).FindAllStringSubmatch(styleText, -1)
	require.Len(t, blocks, 2, "light and dark")
	for i, block := range blocks {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z0-9]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(block[1], -1) {
			colours[m[1]] = m[2]
		}
		for _, ground := range []string{"bg", "card"} {
			for _, name := range []string{"text", "soft", "link", "good", "bad"} {
				require.GreaterOrEqual(t, contrast(t, colours[name], colours[ground]), 4.5, "block %d: %s on %s", i, name, ground)
			}
			for n := 1; n <= palette; n++ {
				require.GreaterOrEqual(t, contrast(t, colours[fmt.Sprintf("s%d", n)], colours[ground]), 3.0, "block %d: series %d", i, n)
			}
		}
	}
}
