package pack

import (
	"errors"
	"fmt"
	"io"

	"github.com/nanochat-go/nanochat/systems/shuffle"
)

const (
	// DefaultBlockTokens is how many positions are packed together.
	DefaultBlockTokens = 16 << 20
	blockDocs          = 1 << 20
)

// Documents is an epoch: documents in the order in which they are to be used.
// A *shard.Set is one.
type Documents interface {
	NumDocs() int
	DocLen(i int) int // in tokens
	// AppendTokens appends tokens from up to but without to of document i.
	AppendTokens(dst []int32, i, from, to int) ([]int32, error)
}

// Config says how to pack.
type Config struct {
	Length      int   // of a row, at least 2
	BOS         int32 // first id of every document; -1 when there is none
	BlockTokens int   // 0 means DefaultBlockTokens
	Shuffle     bool  // permute the rows of a block by Seed
	Seed        uint64
}

// Validate reports every field that cannot be.
func (c Config) Validate() error {
	var errs []error
	if c.Length < 2 {
		errs = append(errs, fmt.Errorf("pack: rows of %d positions, need at least 2", c.Length))
	}
	if c.BOS < -1 {
		errs = append(errs, fmt.Errorf("pack: BOS id %d", c.BOS))
	}
	if c.BlockTokens < 0 {
		errs = append(errs, fmt.Errorf("pack: blocks of %d positions", c.BlockTokens))
	}
	return errors.Join(errs...)
}

// Row is where a packed row is written: four slices of the row's length.
type Row struct{ Tokens, Targets, Positions, Segments []int32 }

// State is where a Packer stands.
type State struct {
	Doc int `json:"doc"` // first document of the block
	Row int `json:"row"` // rows of the block that were given out
}

// Packer gives out the rows of one epoch. It is for one goroutine.
type Packer struct {
	docs  Documents
	cfg   Config
	state State
	next  int // first document of the block after
	rows  [][]Piece
	order shuffle.Perm
	ids   []int32
}

// New starts an epoch.
func New(docs Documents, cfg Config) (*Packer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.BlockTokens == 0 {
		cfg.BlockTokens = DefaultBlockTokens
	}
	return &Packer{docs: docs, cfg: cfg}, nil
}

// State is where the packer stands: what the next call of Next will give.
func (p *Packer) State() State { return p.state }

// Restore moves the packer to where another one, of the same documents and
// Config, stood.
func (p *Packer) Restore(s State) error {
	if s.Doc < 0 || s.Doc > p.docs.NumDocs() || s.Row < 0 {
		return fmt.Errorf("pack: state is document %d, row %d of an epoch of %d documents", s.Doc, s.Row, p.docs.NumDocs())
	}
	p.plan(s.Doc)
	if s.Row > len(p.rows) {
		return fmt.Errorf("pack: state is row %d of a block of %d", s.Row, len(p.rows))
	}
	p.state.Row = s.Row
	return nil
}

// plan packs the block that begins at document first.
func (p *Packer) plan(first int) {
	var lengths []int
	positions := 0
	next := first
	for ; next < p.docs.NumDocs() && positions < p.cfg.BlockTokens && len(lengths) < blockDocs; next++ {
		n := p.docs.DocLen(next)
		lengths = append(lengths, n)
		positions += max(n-1, 0)
	}
	p.rows = plan(p.cfg.Length, p.cfg.BOS >= 0, first, lengths)
	p.order = shuffle.New(uint64(len(p.rows)), shuffle.Mix(p.cfg.Seed^shuffle.Mix(uint64(first)+1)))
	p.state, p.next = State{Doc: first}, next
}

// Next writes the next row, or returns io.EOF at the end of the epoch.
func (p *Packer) Next(row Row) error {
	for _, s := range [][]int32{row.Tokens, row.Targets, row.Positions, row.Segments} {
		if len(s) != p.cfg.Length {
			return fmt.Errorf("pack: a row of %d positions written into %d", p.cfg.Length, len(s))
		}
	}
	for p.state.Row == len(p.rows) {
		if p.next >= p.docs.NumDocs() {
			return io.EOF
		}
		p.plan(p.next)
	}
	at := p.state.Row
	if p.cfg.Shuffle {
		at = int(p.order.At(uint64(at)))
	}
	if err := p.write(row, p.rows[at]); err != nil {
		return err
	}
	p.state.Row++
	return nil
}

func (p *Packer) write(row Row, pieces []Piece) error {
	at := 0
	for k, piece := range pieces {
		start := at
		if p.cfg.BOS >= 0 && piece.From > 0 {
			row.Tokens[at], row.Targets[at] = p.cfg.BOS, -1
			at++
		}
		ids, err := p.docs.AppendTokens(p.ids[:0], piece.Doc, piece.From, piece.From+piece.N+1)
		if err != nil {
			return err
		}
		p.ids = ids
		if len(ids) != piece.N+1 {
			return fmt.Errorf("pack: document %d gave %d tokens, not %d", piece.Doc, len(ids), piece.N+1)
		}
		if piece.From == 0 && p.cfg.BOS >= 0 && ids[0] != p.cfg.BOS {
			return fmt.Errorf("pack: document %d begins with id %d, not with BOS %d", piece.Doc, ids[0], p.cfg.BOS)
		}
		copy(row.Tokens[at:], ids[:piece.N])
		copy(row.Targets[at:], ids[1:])
		at += piece.N
		for i := start; i < at; i++ {
			row.Positions[i], row.Segments[i] = int32(i-start), int32(k+1)
		}
	}
	for ; at < p.cfg.Length; at++ {
		row.Tokens[at], row.Targets[at], row.Positions[at], row.Segments[at] = 0, -1, 0, 0
	}
	return nil
}
