package claims

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: leaving the projectors out of planState, or printing savings of the
// whole model as those of the matrices, fails here.

var write = flag.Bool("claims.write", false, "write docs/results/claims.json and the tables of docs/claims.md")

const (
	results  = "../../../docs/results/claims.json"
	document = "../../../docs/claims.md"
)

// section finds a table behind its mark.
func section(t *testing.T, text, name string) (from, to int) {
	t.Helper()
	mark := "<!-- " + name + ", from docs/results/claims.json -->\n\n"
	from = strings.Index(text, mark)
	require.GreaterOrEqual(t, from, 0, "no table %s", name)
	from += len(mark)
	for to = from; strings.HasPrefix(text[to:], "|"); {
		line, _, _ := strings.Cut(text[to:], "\n")
		to += len(line) + 1
	}
	return from, to
}

// TestDocument: the JSON is what the planner says, and the document's tables are
// those of the JSON.
func TestDocument(t *testing.T) {
	planned, err := Plan()
	require.NoError(t, err)
	want, err := json.MarshalIndent(planned, "", " ")
	require.NoError(t, err)
	if *write {
		require.NoError(t, os.WriteFile(results, append(want, '\n'), 0o644))
	}
	found, err := os.ReadFile(results)
	if os.IsNotExist(err) {
		t.Skip("the module alone: no docs/results")
	}
	require.NoError(t, err)
	require.Equal(t, string(want), string(bytes.TrimSpace(found)))

	var report Report
	require.NoError(t, json.Unmarshal(found, &report))
	tables := report.Tables()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if from, to := section(t, string(text), name); *write {
			text = slices.Concat(text[:from], []byte(tables[name]), text[to:])
		}
	}
	if *write {
		require.NoError(t, os.WriteFile(document, text, 0o644))
	}
	for name, table := range tables {
		from, to := section(t, string(text), name)
		require.Equal(t, table, string(text[from:to]), name)
	}
	checkProse(t, string(text), tables)
}

var (
	figure = regexp.MustCompile(`\d+(?:\.\d+)? (?:%|GB)`)
	number = regexp.MustCompile(`-?\d+(?:\.\d+)?`)
)

// checkProse: every percentage and every size with a decimal in the text outside
// the tables is a figure of one of them.
func checkProse(t *testing.T, text string, tables map[string]string) {
	known := map[string]bool{}
	for _, table := range tables {
		text = strings.Replace(text, table, "", 1)
		for _, n := range number.FindAllString(table, -1) {
			known[n] = true
		}
	}
	quoted := 0
	for _, f := range figure.FindAllString(text, -1) {
		n, _, _ := strings.Cut(f, " ")
		if strings.Contains(n, ".") {
			quoted++
			require.True(t, known[n], "%s is in no table", f)
		}
	}
	require.NotZero(t, quoted, "the text quotes figures")
}

// TestPublishedBytes holds plans of all shapes to bytes that were computed
// elsewhere from the formulas of the papers, besides the counters and settings
// of the optimizer: 12 bytes and 12 for each of three groups.
func TestPublishedBytes(t *testing.T) {
	r, err := Plan()
	require.NoError(t, err)
	want := map[string][]int64{
		"adamw":      {464588800, 1297188864, 10712662016, 21486653440, 40954789888, 53907324928},
		"muon":       {363401216, 957450240, 5881020416, 11399352320, 21526773760, 28003303424},
		"muon8-lion": {156453120, 393956352, 1734959008, 3182776320, 5915869184, 7538294784},
		"galore":     {327487488, 910264320, 4169842688, 3916713984, 6798475264, 10454335488},
		"foam":       {312807424, 787580928, 3465494528, 6355701760, 11812765696, 15051292672},
		"foam-8":     {263024640, 620365824, 1087388672, 1391022080, 2250539008, 2301657088},
	}
	parameters := []int64{58073600, 162148608, 1339082752, 2685831680, 5119348736, 6738415616}
	matrices := []int64{25296896, 84934656, 1207910400, 2521825280, 4857004032, 6476005376}
	for i, s := range r.Shapes {
		require.Equal(t, parameters[i], s.Parameters)
		require.Equal(t, matrices[i], s.Matrices)
	}
	seen := 0
	for _, m := range r.Methods {
		if bytes, ok := want[m.Name]; ok {
			seen++
			for i, s := range m.State {
				require.Equal(t, bytes[i]+48, s.Whole, "%s %s", m.Name, s.Shape)
			}
		}
	}
	require.Equal(t, len(want), seen)
}

// TestFormulas holds what the published bytes leave out to the formulas for one
// matrix, s×L with s ≤ L, rank r and blocks of 256.
func TestFormulas(t *testing.T) {
	r, err := Plan()
	require.NoError(t, err)
	blocks := func(n int) int64 { return int64(n + 4*((n+255)/256)) }
	formulas := map[string]func(short, long, rank, quarter int) int64{
		"muon-bf16":            func(s, l, _, _ int) int64 { return 2 * int64(s*l) },
		"muon8":                func(s, l, _, _ int) int64 { return blocks(s * l) },
		"galore-quarter":       func(s, l, _, q int) int64 { return 4 * int64(s*q+2*l*q) },
		"galore8-quarter":      func(s, l, _, q int) int64 { return 2*int64(s*q) + 2*blocks(l*q) },
		"galore-muon8":         func(s, l, r, _ int) int64 { return 2*int64(s*r) + blocks(l*r) },
		"galore-muon8-quarter": func(s, l, _, q int) int64 { return 2*int64(s*q) + blocks(l*q) },
	}
	seen := 0
	for _, m := range r.Methods {
		bytes, ok := formulas[m.Name]
		if !ok {
			continue
		}
		seen++
		for i, s := range r.Shapes {
			layer := 4*bytes(s.Dim, s.Dim, s.Rank, s.Dim/4) + 3*bytes(s.Dim, s.Hidden, s.Rank, s.Dim/4)
			require.Equal(t, int64(s.Layers)*layer, m.State[i].Matrices, "%s %s", m.Name, s.Name)
			rest := 8 * (s.Parameters - s.Matrices)
			if m.Name == "galore8-quarter" {
				rest = 4*blocks(s.Vocabulary*s.Dim) + 8*int64((2*s.Layers+1)*s.Dim)
			}
			require.Equal(t, m.State[i].Matrices+rest+48, m.State[i].Whole, "%s %s", m.Name, s.Name)
		}
	}
	require.Equal(t, len(formulas), seen)
}

// TestStepBytes holds the largest shape's steps to sums by hand.
func TestStepBytes(t *testing.T) {
	s := planShape(shapes[len(shapes)-1])
	const n = 6738415616
	require.Equal(t, "7B", s.Name)
	row := int64(context * 4096) // values of a row at the model's width
	// a block: nine times its width and four times the MLP's; the input of each
	// block; a row of scores sees 1088 keys in the mean of its blocks of 128
	inside := 9*row + 4*context*11008 + 32*row + 32*1088*context
	logits := int64(2*lossChunk*32000) + 5*row
	// the backward pass of a block beyond the logits, and packed operands
	working := 3*context*11008 + 7*row + 32*1088*context - logits + 4*context*11008
	require.Equal(t, Step{4 * n, 4 * n, 4 * (inside + working + logits)}, s.Steps[Float32])
	require.Equal(t, Step{2 * n, 2 * n, 2*(inside+working) + 4*logits}, s.Steps[BFloat16])
	require.Equal(t, Step{2 * n, 2 * 32000 * 4096, 2*(inside+working) + 4*logits}, s.Steps[Released])
}
