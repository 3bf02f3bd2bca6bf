package command

import (
	"context"
	"fmt"
	"slices"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/gemv"
	"github.com/nanochat-go/nanochat/precision/ternary/kernel"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/bench"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// BenchDecodeResult is what bench decode reports.
type BenchDecodeResult struct {
	Paths      []string          `json:"paths"` // of packages gemv and ternary/kernel
	Machine    string            `json:"machine"`
	Model      string            `json:"model"` // layers, width, heads, width of the MLP, vocabulary
	Parameters int64             `json:"parameters"`
	Tokens     int               `json:"tokens"` // of a row
	Rows       []BenchDecodeRate `json:"rows"`
}

// BenchDecodeRate is what was measured of one engine, in tokens a second of all rows.
type BenchDecodeRate struct {
	Weights     string    `json:"weights"`
	WeightBytes int64     `json:"weight_bytes"`
	Batch       int       `json:"batch"`
	Threads     int       `json:"threads"`
	Tokens      float64   `json:"tokens_per_second"` // median of the rounds
	Low         float64   `json:"low"`
	High        float64   `json:"high"`
	ToOneRow    float64   `json:"to_one_row,omitempty"` // median within rounds, like other ratios
	ToFirst     float64   `json:"to_first,omitempty"`   // to the first kind of weights
	Peer        float64   `json:"peer,omitempty"`
	ToPeer      float64   `json:"to_peer,omitempty"`
	Rounds      []float64 `json:"rounds"`
	PeerRounds  []float64 `json:"peer_rounds,omitempty"`
}

// BenchDecode is the command bench decode.
func BenchDecode(ctx context.Context, o cli.BenchDecodeOptions) (any, error) {
	c, err := checkDecode(o)
	if err != nil {
		return nil, err
	}
	p := &peer{}
	if o.Peer != "" {
		o.Notice("starting %s", o.Peer)
		if p, err = startPeer(ctx, o.Peer, o.PeerModel, joined(o.Threads)); err != nil {
			return nil, err
		}
		defer p.stop()
	}
	o.Notice("making the weights")
	w, err := bench.NewWeights(c)
	if err != nil {
		return nil, err
	}
	r := BenchDecodeResult{Paths: []string{gemv.Path(), kernel.Path()}, Machine: backend.Machine(), Model: o.Model, Parameters: w.Parameters(), Tokens: o.Tokens}
	var all []bench.Contestant
	for _, kind := range o.Weights {
		for _, threads := range o.Threads {
			e, err := w.Engine(kind, threads)
			if err != nil {
				return nil, fmt.Errorf("--weights: %w", err)
			}
			defer e.Close()
			for _, batch := range o.Batch {
				decode := bench.Decode(e, batch, o.Tokens)
				if err := decode(); err != nil { // memory, and choices of kernels
					return nil, err
				}
				all = append(all, bench.Contestant{Name: fmt.Sprint(len(all)), Update: func(int) error { return decode() }})
				r.Rows = append(r.Rows, BenchDecodeRate{Weights: kind, WeightBytes: e.WeightBytes(), Batch: batch, Threads: threads})
			}
		}
	}
	own := len(all)
	if o.Peer != "" {
		all = append(all, bench.Contestant{Name: o.Peer, Update: func(int) error { return p.ask() }})
	}
	seconds, err := bench.Race(ctx, all, o.Rounds, 1)
	if err != nil {
		return nil, err
	}
	for i, c := range all[:own] {
		for _, s := range seconds[c.Name] {
			r.Rows[i].Rounds = append(r.Rows[i].Rounds, float64(r.Rows[i].Batch*o.Tokens)/s)
		}
	}
	if err := r.compare(p, o); err != nil {
		return nil, err
	}
	r.print(o.Printf)
	return r, nil
}

// checkDecode refuses what could only fail after a part of the work, and reads the model.
func checkDecode(o cli.BenchDecodeOptions) (lm.Config, error) {
	m, err := bench.Numbers(o.Model, ",", 5)
	switch {
	case err != nil:
		return lm.Config{}, fmt.Errorf("--model: %w", err)
	case o.Rounds < 1 || o.Tokens < 1:
		return lm.Config{}, fmt.Errorf("--rounds %d, --tokens %d, want at least 1", o.Rounds, o.Tokens)
	case len(o.Threads) == 0 || slices.Min(o.Threads) < 1:
		return lm.Config{}, fmt.Errorf("--threads %v, want numbers from 1 on", o.Threads)
	case len(o.Batch) == 0 || slices.Min(o.Batch) < 1:
		return lm.Config{}, fmt.Errorf("--batch %v, want numbers from 1 on", o.Batch)
	case len(o.Weights) == 0:
		return lm.Config{}, fmt.Errorf("--weights is empty, want some of %v", bench.WeightKinds())
	}
	c := lm.Config{NumLayers: m[0], Dim: m[1], NumHeads: m[2], HiddenDim: m[3], VocabSize: m[4], Context: o.Tokens, Tied: true}
	return c, c.Validate()
}

// compare completes the rows by what follows from their rounds and the peer's.
func (r *BenchDecodeResult) compare(p *peer, o cli.BenchDecodeOptions) error {
	of := func(weights string, batch, threads int) []float64 {
		for _, s := range r.Rows {
			if s.Weights == weights && s.Batch == batch && s.Threads == threads {
				return s.Rounds
			}
		}
		return nil
	}
	for i := range r.Rows {
		s := &r.Rows[i]
		s.Tokens, s.Low, s.High = bench.Median(s.Rounds), slices.Min(s.Rounds), slices.Max(s.Rounds)
		if s.Batch > 1 {
			s.ToOneRow = bench.Ratio(s.Rounds, of(s.Weights, 1, s.Threads))
		}
		if s.Weights != o.Weights[0] {
			s.ToFirst = bench.Ratio(s.Rounds, of(o.Weights[0], s.Batch, s.Threads))
		}
		if o.Peer != "" && s.Batch == 1 {
			rounds, err := p.rounds(fmt.Sprintf("decode %d", s.Threads), o.Rounds)
			if err != nil {
				return err
			}
			s.PeerRounds, s.Peer, s.ToPeer = rounds, bench.Median(rounds), bench.Ratio(s.Rounds, rounds)
		}
	}
	return nil
}

func (r *BenchDecodeResult) print(printf func(format string, args ...any)) {
	printf("model %s: %d parameters; %d tokens a row; %s; %v\n\n", r.Model, r.Parameters, r.Tokens, r.Machine, r.Paths)
	printf("%-8s %5s %8s %10s %20s %11s %9s %10s %8s\n", "weights", "rows", "threads", "tokens/s", "range", "to one row", "to first", "peer", "to peer")
	for _, s := range r.Rows {
		number := func(v float64, format string) string {
			if v == 0 {
				return ""
			}
			return fmt.Sprintf(format, v)
		}
		printf("%-8s %5d %8d %10.1f %20s %11s %9s %10s %8s\n", s.Weights, s.Batch, s.Threads, s.Tokens, fmt.Sprintf("%.1f to %.1f", s.Low, s.High),
			number(s.ToOneRow, "%.2f"), number(s.ToFirst, "%.2f"), number(s.Peer, "%.1f"), number(s.ToPeer, "%.2f"))
	}
}
