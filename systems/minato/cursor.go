package minato

import (
	"errors"
	"fmt"
	"io"

	"github.com/nanochat-go/nanochat/systems/pack"
	"github.com/nanochat-go/nanochat/systems/shard"
	"github.com/nanochat-go/nanochat/systems/shuffle"
)

// Batch is B rows of T positions, row after row. Package pack says what the
// four numbers of a position mean. A batch belongs to its receiver.
type Batch struct {
	Tokens, Targets, Positions, Segments []int32
	B, T                                 int
	Scored                               int    // targets that are not -1
	Epoch                                uint64 // of the last row
}

func newBatch(b, t int) *Batch {
	all := make([]int32, 4*b*t)
	part := func(i int) []int32 { return all[i*b*t : (i+1)*b*t : (i+1)*b*t] }
	return &Batch{Tokens: part(0), Targets: part(1), Positions: part(2), Segments: part(3), B: b, T: t}
}

// row is where row i is written.
func (b *Batch) row(i int) pack.Row {
	from, to := i*b.T, (i+1)*b.T
	return pack.Row{
		Tokens: b.Tokens[from:to], Targets: b.Targets[from:to],
		Positions: b.Positions[from:to], Segments: b.Segments[from:to],
	}
}

func (b *Batch) count() {
	b.Scored = 0
	for _, t := range b.Targets {
		if t >= 0 {
			b.Scored++
		}
	}
}

// permuted is the documents of a set in the order of a permutation, or the
// first n of them.
type permuted struct {
	*shard.Set
	perm shuffle.Perm
	n    int
}

func (p permuted) NumDocs() int     { return p.n }
func (p permuted) at(i int) int     { return int(p.perm.At(uint64(i))) }
func (p permuted) DocLen(i int) int { return p.Set.DocLen(p.at(i)) }
func (p permuted) AppendTokens(dst []int32, i, from, to int) ([]int32, error) {
	return p.Set.AppendTokens(dst, p.at(i), from, to)
}

// place is a point between two rows of the endless sequence.
type place struct {
	Epoch uint64     `json:"epoch"`
	Pack  pack.State `json:"pack"`
}

// cursor walks the endless sequence of rows.
type cursor struct {
	set    *shard.Set
	cfg    Config
	epoch  uint64
	packer *pack.Packer
}

func newCursor(set *shard.Set, cfg Config, at place) (*cursor, error) {
	c := &cursor{set: set, cfg: cfg}
	if err := c.open(at.Epoch); err != nil {
		return nil, err
	}
	if at.Pack == (pack.State{}) {
		return c, nil
	}
	return c, c.packer.Restore(at.Pack)
}

func (c *cursor) open(epoch uint64) (err error) {
	key := shuffle.Mix(c.cfg.Seed + (epoch+1)*0x9E3779B97F4A7C15)
	n := c.set.NumDocs()
	c.epoch = epoch
	c.packer, err = pack.New(permuted{c.set, shuffle.New(uint64(n), key), n}, pack.Config{
		Length: c.cfg.Length, BOS: c.set.Header().BOS, BlockTokens: c.cfg.BlockTokens, Shuffle: true, Seed: key,
	})
	return err
}

func (c *cursor) place() place { return place{c.epoch, c.packer.State()} }

// batch reads the next rows, over the end of the epoch if need be.
func (c *cursor) batch() (*Batch, error) {
	b := newBatch(c.cfg.Batch, c.cfg.Length)
	for i, fresh := 0, false; i < b.B; {
		err := c.packer.Next(b.row(i))
		switch {
		case err == nil:
			i, fresh = i+1, false
		case !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("minato: epoch %d: %w", c.epoch, err)
		case fresh:
			return nil, fmt.Errorf("minato: epoch %d has no rows", c.epoch)
		default:
			if err := c.open(c.epoch + 1); err != nil {
				return nil, err
			}
			fresh = true
		}
	}
	b.Epoch = c.epoch
	b.count()
	return b, nil
}
