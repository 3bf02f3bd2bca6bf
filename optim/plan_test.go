package optim_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/lion"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Mutation: rounding the number of blocks down in storage, or counting a state
// tensor twice in Specs, fails here.

// shape is a decoder with SwiGLU, as many key-value heads as query heads, and
// an untied head.
type shape struct{ dim, layers, hidden, vocab int }

var planShapes = map[string]shape{
	"60M": {512, 8, 1376, 32000}, "125M": {768, 12, 2048, 50257}, "1B": {2048, 24, 5461, 32000}, "7B": {4096, 32, 11008, 32000},
}

func (s shape) params() []optim.Param {
	matrix := func(name, class string, in, out int) optim.Param {
		return optim.Param{Name: name, Shape: []int{in, out}, Class: class, FanIn: 0, FanOut: 1}
	}
	gain := func(name string) optim.Param {
		return optim.Param{Name: name, Shape: []int{s.dim}, Class: "vector", FanIn: -1, FanOut: -1}
	}
	all := []optim.Param{matrix("embed", "embedding", s.vocab, s.dim), matrix("head", "head", s.dim, s.vocab), gain("norm")}
	for l := range s.layers {
		at := func(name string) string { return fmt.Sprintf("layers.%d.%s", l, name) }
		for _, name := range []string{"q", "k", "v", "o"} {
			all = append(all, matrix(at(name), "matrix", s.dim, s.dim))
		}
		all = append(all, matrix(at("gate"), "matrix", s.dim, s.hidden), matrix(at("up"), "matrix", s.dim, s.hidden),
			matrix(at("down"), "matrix", s.hidden, s.dim), gain(at("norm1")), gain(at("norm2")))
	}
	return all
}

// TestPlannedBytes holds the planner to bytes that were computed elsewhere from
// the formulas: of whole models, and of their matrices alone.
func TestPlannedBytes(t *testing.T) {
	matrices := func(r update.Rule, s update.Storage) optim.Group {
		return optim.Group{Class: []string{"matrix"}, Rule: r, LR: 1, Storage: s}
	}
	vectors := optim.Group{Class: []string{"vector"}, Rule: adamw.New(), LR: 1}
	rest := func(r update.Rule, s update.Storage) optim.Group { return optim.Group{Rule: r, LR: 1, Storage: s} }
	eight := storage.Linear8(2048)
	for name, c := range map[string]struct {
		groups []optim.Group
		want   map[string]int64
	}{
		"adamw": {[]optim.Group{rest(adamw.New(), nil)},
			map[string]int64{"60M": 464588800, "125M": 1297188864, "1B": 10712662016, "7B": 53907324928}},
		"lion": {[]optim.Group{rest(lion.New(), nil)},
			map[string]int64{"60M": 232294400, "125M": 648594432, "1B": 5356331008, "7B": 26953662464}},
		"muon": {[]optim.Group{matrices(muon.New(), nil), rest(adamw.New(), nil)},
			map[string]int64{"60M": 363401216, "125M": 957450240, "1B": 5881020416, "7B": 28003303424}},
		"8-bit muon": {[]optim.Group{matrices(muon.New(), eight), rest(adamw.New(), nil)},
			map[string]int64{"60M": 287559936, "125M": 702812160, "1B": 2259648416, "7B": 8587935744}},
		"8-bit muon, lion": {[]optim.Group{matrices(muon.New(), eight), rest(lion.New(), nil)},
			map[string]int64{"60M": 156453120, "125M": 393956352, "1B": 1734959008, "7B": 7538294784}},
		"8-bit adamw": {[]optim.Group{vectors, rest(adamw.New(), storage.Dynamic8(256))},
			map[string]int64{"60M": 118013952, "125M": 329478960, "1B": 2720610816, "7B": 13688995840}},
	} {
		for size, want := range c.want {
			o, err := optim.New(planShapes[size].params(), optim.Config{Groups: c.groups})
			require.NoError(t, err)
			scalars := int64(12 + 12*len(c.groups)) // counters, multiplier, each group's settings
			require.Equal(t, want+scalars, o.PlanStateBytes(), "%s %s", name, size)
		}
	}
}
