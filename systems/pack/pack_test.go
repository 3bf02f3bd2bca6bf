package pack_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/systems/pack"
)

// Mutation: scoring the position of a repeated BOS, or starting a continuation
// at From+1, fails TestConservation; leaving the row out of Restore fails
// TestResumeAnywhere.

const bos, eos = 0, 1

// memory is documents in memory.
type memory [][]int32

func (m memory) NumDocs() int     { return len(m) }
func (m memory) DocLen(i int) int { return len(m[i]) }
func (m memory) AppendTokens(dst []int32, i, from, to int) ([]int32, error) {
	return append(dst, m[i][from:to]...), nil
}

// documents of the given numbers of ordinary tokens, each token telling its
// document and place.
func documents(sizes []int) memory {
	m := make(memory, len(sizes))
	for i, n := range sizes {
		m[i] = []int32{bos}
		for j := range n {
			m[i] = append(m[i], token(i, j+1))
		}
		m[i] = append(m[i], eos)
	}
	return m
}

func token(doc, at int) int32 { return int32(10 + doc*10_000 + at) }

func newRow(n int) pack.Row {
	return pack.Row{Tokens: make([]int32, n), Targets: make([]int32, n), Positions: make([]int32, n), Segments: make([]int32, n)}
}

// epoch reads rows to the end.
func epoch(t require.TestingT, p *pack.Packer, length int) []pack.Row {
	var rows []pack.Row
	for {
		row := newRow(length)
		err := p.Next(row)
		if errors.Is(err, io.EOF) {
			return rows
		}
		require.NoError(t, err)
		rows = append(rows, row)
	}
}

func drawConfig(t *rapid.T) pack.Config {
	return pack.Config{
		Length:      rapid.IntRange(2, 64).Draw(t, "length"),
		BOS:         bos,
		BlockTokens: rapid.SampledFrom([]int{0, 1, 40, 300}).Draw(t, "block"),
		Shuffle:     rapid.Bool().Draw(t, "shuffle"),
		Seed:        rapid.Uint64().Draw(t, "seed"),
	}
}

var sizes = rapid.SliceOfN(rapid.IntRange(0, 150), 0, 40)

func TestConservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := drawConfig(t)
		docs := documents(sizes.Draw(t, "sizes"))
		p, err := pack.New(docs, cfg)
		require.NoError(t, err)
		scored := map[int32]int{}
		for _, row := range epoch(t, p, cfg.Length) {
			checkRow(t, docs, row, scored)
		}
		ends := 0
		for i, d := range docs {
			ends++
			for j := 1; j < len(d)-1; j++ {
				require.Equal(t, 1, scored[token(i, j)], "document %d, token %d", i, j)
				delete(scored, token(i, j))
			}
		}
		require.Equal(t, ends, scored[eos], "every document's end is scored once")
		delete(scored, eos)
		require.Empty(t, scored)
	})
}

// checkRow holds one row against the package comment, position by position.
func checkRow(t *rapid.T, docs memory, row pack.Row, scored map[int32]int) {
	segment, padding := int32(0), false
	for i, tok := range row.Tokens {
		seg, pos, target := row.Segments[i], row.Positions[i], row.Targets[i]
		if seg == 0 {
			padding = true
			require.Equal(t, []int32{0, -1, 0}, []int32{tok, target, pos})
			continue
		}
		require.False(t, padding, "text after padding")
		if pos == 0 {
			require.Equal(t, segment+1, seg)
			require.EqualValues(t, bos, tok, "a segment begins with BOS")
			segment = seg
		} else {
			require.Equal(t, segment, seg)
			require.Equal(t, row.Positions[i-1]+1, pos)
			if row.Targets[i-1] >= 0 {
				require.Equal(t, row.Targets[i-1], tok, "an input is the target before it")
			}
		}
		if target < 0 {
			require.Zero(t, pos, "only a repeated BOS is not scored")
			require.Less(t, i+1, len(row.Tokens))
			require.Equal(t, seg, row.Segments[i+1], "a repeated BOS has text behind it")
			continue
		}
		scored[target]++
		if tok >= 10 { // the pair is adjacent in its document
			doc, at := int(tok-10)/10_000, int(tok-10)%10_000
			require.Equal(t, docs[doc][at+1], target)
		}
	}
	require.NotZero(t, row.Segments[0], "an empty row")
}

func TestWithoutBOS(t *testing.T) {
	docs := memory{{5, 6, 7, 8, 9}, {4}, {}}
	p, err := pack.New(docs, pack.Config{Length: 3, BOS: -1})
	require.NoError(t, err)
	rows := epoch(t, p, 3)
	require.Equal(t, []pack.Row{
		{Tokens: []int32{5, 6, 7}, Targets: []int32{6, 7, 8}, Positions: []int32{0, 1, 2}, Segments: []int32{1, 1, 1}},
		{Tokens: []int32{8, 0, 0}, Targets: []int32{9, -1, -1}, Positions: []int32{0, 0, 0}, Segments: []int32{1, 0, 0}},
	}, rows)
}

func TestResumeAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := drawConfig(t)
		docs := documents(sizes.Draw(t, "sizes"))
		straight, err := pack.New(docs, cfg)
		require.NoError(t, err)
		var states []pack.State
		var rows []pack.Row
		for {
			states = append(states, straight.State())
			row := newRow(cfg.Length)
			if err := straight.Next(row); err == io.EOF {
				break
			}
			rows = append(rows, row)
		}
		for i, s := range states {
			p, err := pack.New(docs, cfg)
			require.NoError(t, err)
			require.NoError(t, p.Restore(s))
			require.Equal(t, s, p.State())
			require.Equal(t, append([]pack.Row{}, rows[i:]...), append([]pack.Row{}, epoch(t, p, cfg.Length)...), "from %+v", s)
		}
	})
}

// Seed and Shuffle act: the same rows in another order.
func TestShuffle(t *testing.T) {
	docs := documents([]int{500, 30, 200, 77, 90, 10, 400})
	rows := func(cfg pack.Config) (order []string) {
		cfg.Length, cfg.BOS = 16, bos
		p, err := pack.New(docs, cfg)
		require.NoError(t, err)
		for _, r := range epoch(t, p, 16) {
			order = append(order, fmt.Sprint(r))
		}
		return order
	}
	plain, one, two := rows(pack.Config{}), rows(pack.Config{Shuffle: true, Seed: 1}), rows(pack.Config{Shuffle: true, Seed: 2})
	require.ElementsMatch(t, plain, one)
	require.ElementsMatch(t, plain, two)
	require.NotEqual(t, plain, one)
	require.NotEqual(t, one, two)
	require.Equal(t, one, rows(pack.Config{Shuffle: true, Seed: 1}))
}

func TestRefuses(t *testing.T) {
	for _, cfg := range []pack.Config{{Length: 1}, {Length: 8, BOS: -2}, {Length: 8, BlockTokens: -1}} {
		_, err := pack.New(memory{}, cfg)
		require.Error(t, err)
	}
	p, err := pack.New(memory{{7, 8, 9}}, pack.Config{Length: 4, BOS: bos})
	require.NoError(t, err)
	require.ErrorContains(t, p.Next(newRow(4)), "begins with id 7, not with BOS 0")
	require.ErrorContains(t, p.Next(newRow(5)), "a row of 4 positions written into 5")
	require.Error(t, p.Restore(pack.State{Doc: 2}))
	require.Error(t, p.Restore(pack.State{Row: 2}))
	require.Error(t, p.Restore(pack.State{Row: -1}))
}

func Example() {
	docs := memory{{bos, 10, 11, 12, 13, 14, eos}, {bos, 20, eos}}
	p, err := pack.New(docs, pack.Config{Length: 5, BOS: bos})
	if err != nil {
		panic(err)
	}
	row := newRow(5)
	for p.Next(row) == nil {
		fmt.Println("tokens  ", row.Tokens)
		fmt.Println("targets ", row.Targets)
		fmt.Println("segments", row.Segments)
	}
	// Output:
	// tokens   [0 10 11 12 13]
	// targets  [10 11 12 13 14]
	// segments [1 1 1 1 1]
	// tokens   [0 14 0 20 0]
	// targets  [-1 1 20 1 -1]
	// segments [1 1 2 2 0]
}

func BenchmarkNext(b *testing.B) {
	for _, length := range []int{256, 2048} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			var lengths []int
			for range 2000 {
				lengths = append(lengths, int(2000*rng.ExpFloat64()))
			}
			docs := documents(lengths)
			cfg := pack.Config{Length: length, BOS: bos, Shuffle: true}
			p, err := pack.New(docs, cfg)
			require.NoError(b, err)
			row := newRow(length)
			b.SetBytes(int64(length) * 4 * 4)
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Next(row); err == io.EOF {
					require.NoError(b, p.Restore(pack.State{}))
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
