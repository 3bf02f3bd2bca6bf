package minato

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nanochat-go/nanochat/systems/shard"
)

// ErrClosed is returned by Next after Close.
var ErrClosed = errors.New("minato: loader is closed")

// ErrTooSmall is wrapped when a corpus does not fill a single row.
var ErrTooSmall = errors.New("corpus is smaller than a row")

const (
	stateVersion    = 1
	defaultPrefetch = 4
)

// Config says what a Loader delivers.
type Config struct {
	Batch       int    // rows of a batch
	Length      int    // positions of a row
	Seed        uint64 // of the order
	Prefetch    int    // batches prepared ahead; 0 means 4
	BlockTokens int    // positions packed together; 0 means pack.DefaultBlockTokens
}

// Validate reports every field that cannot be.
func (c Config) Validate() error {
	var errs []error
	if c.Batch < 1 {
		errs = append(errs, fmt.Errorf("minato: batch of %d rows, need at least 1", c.Batch))
	}
	if c.Length < 2 {
		errs = append(errs, fmt.Errorf("minato: rows of %d positions, need at least 2", c.Length))
	}
	if c.Prefetch < 0 {
		errs = append(errs, fmt.Errorf("minato: %d batches prepared ahead", c.Prefetch))
	}
	if c.BlockTokens < 0 {
		errs = append(errs, fmt.Errorf("minato: blocks of %d positions", c.BlockTokens))
	}
	return errors.Join(errs...)
}

// Metrics is what a Loader has done so far.
type Metrics struct {
	Batches int64         // returned by Next
	Scored  int64         // targets in them
	Padding int64         // positions in them that hold nothing
	Wait    time.Duration // spent in Next
	Fill    time.Duration // spent preparing batches in the background
	Ready   int64         // batches that lie ready now
}

// item is a prepared batch and where the sequence goes on behind it.
type item struct {
	batch *Batch
	after place
	err   error
}

// Loader is an endless sequence of batches. Next, State, Restore and Close are
// for one goroutine; Metrics may be called from any.
type Loader struct {
	set     *shard.Set
	cfg     Config
	at      place // behind the last batch that Next returned
	taken   int64 // batches before that, over all runs
	failed  error
	closed  bool
	corpus  string
	queue   chan item // nil while nothing runs
	quit    chan struct{}
	stopped chan struct{}

	batches, scored, padding, wait, fill, ready atomic.Int64
}

// New returns a loader over the set, which stays the caller's and must be open
// as long as the loader is. Nothing runs before the first Next.
func New(set *shard.Set, cfg Config) (*Loader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Prefetch == 0 {
		cfg.Prefetch = defaultPrefetch
	}
	if err := fillsRow(set, cfg.Length); err != nil {
		return nil, err
	}
	sum := set.Fingerprint()
	return &Loader{set: set, cfg: cfg, corpus: hex.EncodeToString(sum[:16])}, nil
}

// fillsRow checks that the set has at least length targets.
func fillsRow(set *shard.Set, length int) error {
	targets := 0
	for i := 0; i < set.NumDocs() && targets < length; i++ {
		targets += max(set.DocLen(i)-1, 0)
	}
	if targets < length {
		return fmt.Errorf("minato: %w: it has %d tokens to predict, a row %d; shorten the row or add text",
			ErrTooSmall, targets, length)
	}
	return nil
}

// Next returns the next batch. It waits until one is ready or ctx is done; an
// interrupted wait loses nothing.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	if l.closed {
		return nil, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l.failed != nil {
		return nil, l.failed
	}
	start := time.Now()
	defer func() { l.wait.Add(int64(time.Since(start))) }()
	if l.queue == nil {
		l.run()
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case it := <-l.queue:
		l.ready.Store(int64(len(l.queue)))
		if it.err != nil {
			l.failed = it.err
			return nil, it.err
		}
		l.at = it.after
		l.taken++
		l.batches.Add(1)
		l.scored.Add(int64(it.batch.Scored))
		l.padding.Add(padding(it.batch))
		return it.batch, nil
	}
}

func padding(b *Batch) (n int64) {
	for _, s := range b.Segments {
		if s == 0 {
			n++
		}
	}
	return n
}

// run starts the goroutine that prepares batches from where the loader stands.
func (l *Loader) run() {
	// One batch is in the making while Prefetch lie ready.
	queue, quit, stopped := make(chan item, l.cfg.Prefetch), make(chan struct{}), make(chan struct{})
	l.queue, l.quit, l.stopped = queue, quit, stopped
	go func(at place) {
		defer close(stopped)
		c, err := newCursor(l.set, l.cfg, at)
		for {
			it := item{err: err}
			start := time.Now()
			if err == nil {
				it.batch, it.err = c.batch()
				it.after = c.place()
			}
			l.fill.Add(int64(time.Since(start)))
			select {
			case <-quit:
				return
			case queue <- it:
				l.ready.Store(int64(len(queue)))
			}
			if it.err != nil {
				return
			}
		}
	}(l.at)
}

// stop ends the goroutine and drops what it has prepared.
func (l *Loader) stop() {
	if l.queue == nil {
		return
	}
	close(l.quit)
	<-l.stopped
	l.queue = nil
	l.ready.Store(0)
}

// Metrics returns what the loader has done so far.
func (l *Loader) Metrics() Metrics {
	return Metrics{
		Batches: l.batches.Load(), Scored: l.scored.Load(), Padding: l.padding.Load(),
		Wait: time.Duration(l.wait.Load()), Fill: time.Duration(l.fill.Load()), Ready: l.ready.Load(),
	}
}

// Epoch is the epoch, from 0, that the next row belongs to, unless the one
// before has just ended.
func (l *Loader) Epoch() uint64 { return l.at.Epoch }

// Close ends the background work. The set stays open.
func (l *Loader) Close() error {
	l.stop()
	l.closed = true
	return nil
}

// state is what State writes.
type state struct {
	Version int    `json:"version"`
	Corpus  string `json:"corpus"`
	Seed    uint64 `json:"seed"`
	Length  int    `json:"length"`
	Block   int    `json:"block"`
	Batches int64  `json:"batches"`
	place
}

func (l *Loader) now() state {
	return state{
		Version: stateVersion, Corpus: l.corpus, Seed: l.cfg.Seed, Length: l.cfg.Length, Block: l.cfg.BlockTokens,
		Batches: l.taken, place: l.at,
	}
}

// State describes the batches that Next has returned: after Restore, also in
// another process, Next goes on with the one behind them.
func (l *Loader) State() ([]byte, error) { return json.Marshal(l.now()) }

// Restore moves the loader to a state. On an error the loader stays where it
// was.
func (l *Loader) Restore(data []byte) error {
	if l.closed {
		return ErrClosed
	}
	var s state
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return fmt.Errorf("minato: reading state: %w", err)
	}
	if s.Version != stateVersion {
		return fmt.Errorf("minato: state of version %d, this program reads %d", s.Version, stateVersion)
	}
	var errs []error
	differ := func(what string, theirs, ours any) {
		if theirs != ours {
			errs = append(errs, fmt.Errorf("minato: the state is of %s %v, the loader has %v", what, theirs, ours))
		}
	}
	want := l.now()
	differ("corpus", s.Corpus, want.Corpus)
	differ("seed", s.Seed, want.Seed)
	differ("row length", s.Length, want.Length)
	differ("block size", s.Block, want.Block)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if _, err := newCursor(l.set, l.cfg, s.place); err != nil {
		return fmt.Errorf("minato: restoring: %w", err)
	}
	l.stop()
	l.at, l.taken, l.failed = s.place, s.Batches, nil
	return nil
}
