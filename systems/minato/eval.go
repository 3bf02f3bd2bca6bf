package minato

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/nanochat-go/nanochat/systems/pack"
	"github.com/nanochat-go/nanochat/systems/shard"
	"github.com/nanochat-go/nanochat/systems/shuffle"
)

// EvalConfig says what an Eval goes over.
type EvalConfig struct {
	Batch, Length int
	// MaxTargets ends the choice of documents once they have as many targets;
	// 0 takes all. Whole documents are taken, so there may be more.
	MaxTargets int64
	// BlockTokens is as in Config.
	BlockTokens int
}

// Eval goes over a set once.
type Eval struct {
	cfg            EvalConfig
	docs           pack.Documents
	bos            int32
	n              int
	targets, bytes int64
}

// NewEval chooses the documents. The set must stay open as long as Batches is
// in use.
func NewEval(set *shard.Set, cfg EvalConfig) (*Eval, error) {
	err := Config{Batch: cfg.Batch, Length: cfg.Length, BlockTokens: cfg.BlockTokens}.Validate()
	if err == nil && cfg.MaxTargets < 0 {
		err = fmt.Errorf("minato: evaluation of %d targets", cfg.MaxTargets)
	}
	if err != nil {
		return nil, err
	}
	e := &Eval{cfg: cfg, bos: set.Header().BOS}
	order := permuted{set, shuffle.New(uint64(set.NumDocs()), 0), set.NumDocs()}
	for e.n < set.NumDocs() && (cfg.MaxTargets == 0 || e.targets < cfg.MaxTargets) {
		i := e.n
		if cfg.MaxTargets > 0 {
			i = order.at(i)
		}
		e.n++
		e.targets += int64(max(set.DocLen(i)-1, 0))
		e.bytes += int64(set.DocBytes(i))
	}
	if e.targets == 0 || e.bytes == 0 {
		return nil, fmt.Errorf("minato: nothing to evaluate: %d documents with %d targets and %d bytes", e.n, e.targets, e.bytes)
	}
	order.n = e.n
	if e.docs = order; cfg.MaxTargets == 0 {
		e.docs = set
	}
	return e, nil
}

// NumDocs is the number of documents.
func (e *Eval) NumDocs() int { return e.n }

// Targets is the number of targets, the end of each document among them.
func (e *Eval) Targets() int64 { return e.targets }

// Bytes is the number of bytes of the documents' text.
func (e *Eval) Bytes() int64 { return e.bytes }

// BitsPerByte turns the summed loss over all batches, in nats, into bits for
// each byte of text.
func (e *Eval) BitsPerByte(nats float64) float64 { return nats / (math.Ln2 * float64(e.bytes)) }

// Batches yields all rows once, always in the same order. The last batch is
// filled up with padding, so that all have the same shape. It may be called
// again.
func (e *Eval) Batches(ctx context.Context) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		p, err := pack.New(e.docs, pack.Config{Length: e.cfg.Length, BOS: e.bos, BlockTokens: e.cfg.BlockTokens})
		for err == nil {
			if err = ctx.Err(); err != nil {
				break
			}
			var b *Batch
			if b, err = e.batch(p); b != nil && !yield(b, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, fmt.Errorf("minato: evaluation: %w", err))
		}
	}
}

// batch reads the next rows; io.EOF says that there are no more after them.
func (e *Eval) batch(p *pack.Packer) (*Batch, error) {
	b := newBatch(e.cfg.Batch, e.cfg.Length)
	for i := range b.B {
		err := p.Next(b.row(i))
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) || i == 0 {
			return nil, err
		}
		for j := i * b.T; j < len(b.Targets); j++ {
			b.Targets[j] = -1
		}
		b.count()
		return b, io.EOF
	}
	b.count()
	return b, nil
}
