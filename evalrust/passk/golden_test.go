package passk

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: see passk_test.go.

type goldenCase struct {
	Name      string
	Hyper     map[string]json.RawMessage
	Tensors   map[string]string
	Tolerance struct {
		Kind  string
		Value float64
	}
}

// golden is a manifest with its arrays as float64.
type golden struct {
	Cases  []goldenCase
	arrays map[string][]float64
}

func loadGolden(t *testing.T, family string) golden {
	t.Helper()
	dir := filepath.Join("testdata", "golden")
	if env := os.Getenv("NANOCHAT_GOLDEN"); env != "" {
		dir = env
	}
	text, err := os.ReadFile(filepath.Join(dir, family+".json"))
	if os.IsNotExist(err) {
		t.Skipf("golden family %s is not in %s", family, dir)
	}
	require.NoError(t, err)
	var m struct {
		Cases []goldenCase
		File  string `json:"tensors_file"`
	}
	require.NoError(t, json.Unmarshal(text, &m))
	require.NotEmpty(t, m.Cases)
	all, err := os.ReadFile(filepath.Join(dir, filepath.Base(m.File)))
	require.NoError(t, err)
	n := binary.LittleEndian.Uint64(all)
	var header map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(all[8:8+n], &header))
	g := golden{Cases: m.Cases, arrays: map[string][]float64{}}
	for name, raw := range header {
		if name == "__metadata__" {
			continue
		}
		var h struct {
			DType   string
			Offsets [2]int `json:"data_offsets"`
		}
		require.NoError(t, json.Unmarshal(raw, &h))
		g.arrays[name] = decode(t, h.DType, all[8+int(n):][h.Offsets[0]:h.Offsets[1]])
	}
	return g
}

func decode(t *testing.T, dtype string, b []byte) (out []float64) {
	t.Helper()
	for len(b) > 0 {
		switch dtype {
		case "F64":
			out, b = append(out, math.Float64frombits(binary.LittleEndian.Uint64(b))), b[8:]
		case "I64":
			out, b = append(out, float64(int64(binary.LittleEndian.Uint64(b)))), b[8:]
		case "I32":
			out, b = append(out, float64(int32(binary.LittleEndian.Uint32(b)))), b[4:]
		case "F32":
			out, b = append(out, float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))), b[4:]
		default:
			t.Fatalf("dtype %s is not understood", dtype)
		}
	}
	return out
}

func (g golden) tensor(t *testing.T, c goldenCase, role string) []float64 {
	t.Helper()
	v, ok := g.arrays[c.Tensors[role]]
	require.True(t, ok, "case %s has no tensor %q", c.Name, role)
	return v
}

// known fails when a case has a hyper-parameter or tensor outside the lists.
func (c goldenCase) known(t *testing.T, hyper, tensors []string) {
	t.Helper()
	require.Equal(t, "abs", c.Tolerance.Kind)
	for name := range c.Hyper {
		require.Contains(t, hyper, name, "hyper-parameter is not understood")
	}
	for role := range c.Tensors {
		require.Contains(t, tensors, role, "tensor is not understood")
	}
}

func (c goldenCase) number(t *testing.T, name string) float64 {
	t.Helper()
	var v float64
	require.NoError(t, json.Unmarshal(c.Hyper[name], &v), name)
	return v
}

func TestGoldenPassk(t *testing.T) {
	g := loadGolden(t, "passk")
	for _, c := range g.Cases {
		t.Run(c.Name, func(t *testing.T) {
			switch {
			case c.Tensors["nck"] != "":
				goldenGrid(t, g, c)
			case c.Tensors["nc"] != "":
				goldenIntervals(t, g, c)
			case c.Tensors["n"] != "":
				goldenMean(t, g, c)
			default:
				t.Fatalf("case %s is not understood", c.Name)
			}
		})
	}
	t.Logf("golden passk: %d cases", len(g.Cases))
}

func goldenGrid(t *testing.T, g golden, c goldenCase) {
	c.known(t, []string{"invalid", "invalid_examples"}, []string{"nck", "value"})
	nck, want := g.tensor(t, c, "nck"), g.tensor(t, c, "value")
	require.Len(t, nck, 3*len(want))
	for i, w := range want {
		n, k, passed := int(nck[3*i]), int(nck[3*i+2]), int(nck[3*i+1])
		got, err := Estimate(n, passed, k)
		require.NoError(t, err)
		require.InDelta(t, w, got, c.Tolerance.Value, "n=%d c=%d k=%d", n, passed, k)
	}
	var invalid [][3]int
	if raw, ok := c.Hyper["invalid_examples"]; ok {
		require.NoError(t, json.Unmarshal(raw, &invalid))
	}
	for _, bad := range invalid {
		_, err := Estimate(bad[0], bad[1], bad[2])
		require.ErrorIs(t, err, ErrTooFewSamples)
	}
}

func goldenMean(t *testing.T, g golden, c goldenCase) {
	c.known(t, []string{"means"}, []string{"n", "c"})
	n, passed := g.tensor(t, c, "n"), g.tensor(t, c, "c")
	var problems []Problem
	for i := range n {
		problems = append(problems, Problem{Samples: int(n[i]), Passed: int(passed[i])})
	}
	var means map[string]float64
	require.NoError(t, json.Unmarshal(c.Hyper["means"], &means))
	require.NotEmpty(t, means)
	for name, want := range means {
		k, err := strconv.Atoi(name)
		require.NoError(t, err)
		got, err := Mean(problems, k)
		require.NoError(t, err)
		require.InDelta(t, want, got, c.Tolerance.Value, "k=%d", k)
	}
}

func goldenIntervals(t *testing.T, g golden, c goldenCase) {
	c.known(t, []string{"level", "z"}, []string{"nc", "wilson", "wilson_cc", "exact"})
	nc, level := g.tensor(t, c, "nc"), c.number(t, "level")
	z := Z(level)
	if _, ok := c.Hyper["z"]; ok {
		require.InDelta(t, c.number(t, "z"), z, 1e-12)
	}
	wilson, corrected, exact := g.tensor(t, c, "wilson"), g.tensor(t, c, "wilson_cc"), g.tensor(t, c, "exact")
	require.Len(t, wilson, len(nc))
	for i := 0; i < len(nc); i += 2 {
		n, k := int(nc[i]), int(nc[i+1])
		check := func(name string, want []float64, tolerance, lo, hi float64) {
			require.InDelta(t, want[i], lo, tolerance, "%s lower, n=%d c=%d", name, n, k)
			require.InDelta(t, want[i+1], hi, tolerance, "%s upper, n=%d c=%d", name, n, k)
		}
		lo, hi := Wilson(k, n, z)
		check("wilson", wilson, 1e-12, lo, hi) // the manifest's tighter bound for it
		lo, hi = WilsonCC(k, n, z)
		check("wilson_cc", corrected, c.Tolerance.Value, lo, hi)
		lo, hi = ClopperPearson(k, n, level)
		check("exact", exact, c.Tolerance.Value, lo, hi)
	}
}
