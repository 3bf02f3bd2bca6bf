package pack

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: taking the oldest instead of the newest open row in place, or
// starting smallest at need+1, fails TestPlaceEqualsNaive; making dissolve
// return at once fails TestUtilisation.

// naive packs by looking at every row for every piece.
func naive(length int, bos bool, pieces []Piece) [][]Piece {
	type row struct {
		pieces  []Piece
		space   int
		changed int
	}
	var rows []*row
	for clock, p := range pieces {
		var best *row
		for _, r := range rows {
			if r.space < p.cost(bos) {
				continue
			}
			if best == nil || r.space < best.space || r.space == best.space && r.changed > best.changed {
				best = r
			}
		}
		if best == nil {
			best = &row{space: length}
			rows = append(rows, best)
		}
		best.pieces = append(best.pieces, p)
		best.space -= p.cost(bos)
		best.changed = clock
	}
	var out [][]Piece
	for _, r := range rows {
		out = append(out, r.pieces)
	}
	return out
}

func TestPlaceEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.IntRange(2, 200).Draw(t, "length")
		bos := rapid.Bool().Draw(t, "bos")
		docs := rapid.SliceOfN(rapid.IntRange(0, 3*length), 0, 80).Draw(t, "docs")
		p := &planner{length: length, bos: bos, open: make([][]int, length+1), some: make([]uint64, length/64+1)}
		var pieces []Piece
		for i, n := range docs {
			pieces = cut(pieces, i, n-1, length, bos)
		}
		slices.SortFunc(pieces, func(a, b Piece) int {
			return cmp.Or(b.cost(bos)-a.cost(bos), a.Doc-b.Doc, a.From-b.From)
		})
		for _, piece := range pieces {
			p.place(piece)
		}
		require.Equal(t, naive(length, bos, pieces), p.rows)
	})
}

// covers checks that rows hold every target of every document once and that no
// row is too long or empty.
func covers(t require.TestingT, length int, bos bool, first int, lengths []int, rows [][]Piece) (padding int) {
	var all []Piece
	for _, row := range rows {
		require.NotEmpty(t, row)
		used := 0
		for _, p := range row {
			require.Positive(t, p.N)
			used += p.cost(bos)
			all = append(all, p)
		}
		require.LessOrEqual(t, used, length)
		padding += length - used
	}
	slices.SortFunc(all, func(a, b Piece) int { return cmp.Or(a.Doc-b.Doc, a.From-b.From) })
	for i, n := range lengths {
		at := 0
		for len(all) > 0 && all[0].Doc == first+i {
			require.Equal(t, at, all[0].From)
			at += all[0].N
			all = all[1:]
		}
		require.Equal(t, max(n-1, 0), at, "document %d", i)
	}
	require.Empty(t, all)
	return padding
}

func TestPlanCoversEveryTargetOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.IntRange(2, 150).Draw(t, "length")
		bos := rapid.Bool().Draw(t, "bos")
		most := rapid.SampledFrom([]int{length / 2, length, 2 * length, 10 * length}).Draw(t, "most")
		lengths := rapid.SliceOfN(rapid.IntRange(0, most), 0, 100).Draw(t, "lengths")
		covers(t, length, bos, 17, lengths, plan(length, bos, 17, lengths))
	})
}

// Documents of a little more than half a row fit no two together, which leaves
// 40 % of best fit empty; and the laws of real corpora.
func TestUtilisation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name   string
		length int
		draw   func() int
		most   float64 // padding, as a share
		more   float64 // positions spent on repeated BOS, as a share
	}{
		{"all of 0.6 T", 256, func() int { return 154 }, 0.01, 0.01},
		{"half to whole rows", 256, func() int { return 128 + rng.IntN(129) }, 0.02, 0.01},
		{"long files", 256, func() int { return 2 + int(3000*rng.ExpFloat64()) }, 0.005, 0.01},
		{"short functions", 512, func() int { return 20 + rng.IntN(200) }, 0.005, 0.005},
		{"long rows", 2048, func() int { return 2 + int(900*rng.ExpFloat64()) }, 0.005, 0.005},
	} {
		t.Run(c.name, func(t *testing.T) {
			lengths := make([]int, 3000)
			targets := 0
			for i := range lengths {
				lengths[i] = c.draw()
				targets += lengths[i] - 1
			}
			rows := plan(c.length, true, 0, lengths)
			padding := covers(t, c.length, true, 0, lengths, rows)
			all := float64(len(rows) * c.length)
			require.Less(t, float64(padding)/all, c.most)
			require.Less(t, (all-float64(padding+targets))/all, c.more)
		})
	}
}

func BenchmarkPlan(b *testing.B) {
	for _, mean := range []int{100, 3000} {
		b.Run(fmt.Sprintf("mean=%d", mean), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			var lengths []int
			tokens := 0
			for tokens < 1<<22 {
				n := 2 + int(float64(mean)*rng.ExpFloat64())
				lengths = append(lengths, n)
				tokens += n
			}
			b.ReportAllocs()
			rows := 0
			for b.Loop() {
				rows += len(plan(256, true, 0, lengths))
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
