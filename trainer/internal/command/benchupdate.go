package command

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/recipe"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/bench"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// BenchOptimResult is what bench optim reports.
type BenchOptimResult struct {
	Matrices   string         `json:"matrices"`
	Parameters int            `json:"parameters"`
	Rank       int            `json:"rank"`
	Every      int            `json:"every"`
	Updates    int            `json:"updates"` // in a round
	LossGuard  bool           `json:"loss_guard,omitempty"`
	Backend    string         `json:"backend"`
	Machine    string         `json:"machine"`
	Rows       []BenchOptimOf `json:"rows"`
}

// BenchOptimOf is what was measured of one optimizer.
type BenchOptimOf struct {
	Name       string    `json:"name"`
	Seconds    float64   `json:"seconds"` // of an update, median of the rounds
	Low        float64   `json:"low"`
	High       float64   `json:"high"`
	Ratio      float64   `json:"ratio"`       // to the first, median within rounds
	StateBytes int64     `json:"state_bytes"` // 0 for the peer's
	Rounds     []float64 `json:"rounds"`
}

// BenchOptim is the command bench optim.
func BenchOptim(ctx context.Context, o cli.BenchOptimOptions) (any, error) {
	params, err := bench.Matrices(o.Matrices)
	if err != nil {
		return nil, err
	}
	if o.Rounds < 1 || o.Updates < 1 || o.Rank < 1 || o.Every < 1 {
		return nil, fmt.Errorf("--rounds %d, --updates %d, --rank %d and --every %d, want at least 1", o.Rounds, o.Updates, o.Rank, o.Every)
	}
	names, opts, err := namedOptimizers(o, params)
	if err != nil {
		return nil, err
	}
	b, choice, err := backend.Open(ctx, o.Backend, !o.NoReexec, func(s string) { o.Notice("%s", s) })
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	o.Notice("%s", choice)
	r := BenchOptimResult{Matrices: o.Matrices, Rank: o.Rank, Every: o.Every, Updates: o.Updates, LossGuard: o.LossGuard, Backend: choice.Name, Machine: backend.Machine()}
	var contestants []bench.Contestant
	state := map[string]int64{}
	for i, opt := range opts {
		o.Notice("compiling %s", names[i])
		u, err := bench.NewUpdater(b, opt, params, o.LossGuard)
		if err != nil {
			return nil, err
		}
		defer u.Close()
		r.Parameters, state[names[i]] = u.Parameters, u.StateBytes
		contestants = append(contestants, bench.Contestant{Name: names[i], Update: u.Update})
	}
	var p *peer
	if o.Peer != "" {
		o.Notice("starting %s", o.Peer)
		if p, err = startPeer(ctx, o.Peer, o.Matrices, strconv.Itoa(o.Updates), strings.Join(o.PeerNames, ",")); err != nil {
			return nil, err
		}
		defer p.stop()
		contestants, names = append(contestants, bench.Contestant{Name: o.Peer, Update: func(int) error { return p.ask() }}), append(names, o.PeerNames...)
	}
	seconds, err := bench.Race(ctx, contestants, o.Rounds, o.Updates)
	if err != nil {
		return nil, err
	}
	if p != nil {
		for _, name := range o.PeerNames {
			if seconds[name], err = p.rounds(name, o.Rounds); err != nil {
				return nil, err
			}
		}
	}
	return r.finish(o, names, seconds, state), nil
}

// namedOptimizers returns the optimizers for the matrices, and the names that
// they go by.
func namedOptimizers(o cli.BenchOptimOptions, params []optim.Param) (names []string, opts []*optim.Optimizer, err error) {
	for _, name := range o.Optimizers {
		known, b, err := bench.Optimizer(name, recipe.Settings{Rank: o.Rank, Every: o.Every}, 1e-3)
		if err != nil {
			return nil, nil, err
		}
		cfg := b.Config()
		cfg.LossGuard = o.LossGuard
		opt, err := optim.New(params, cfg)
		if err != nil {
			return nil, nil, err
		}
		opts, names = append(opts, opt), append(names, known)
	}
	return names, opts, nil
}

// finish makes the rows and prints them.
func (r BenchOptimResult) finish(o cli.BenchOptimOptions, names []string, seconds map[string][]float64, state map[string]int64) BenchOptimResult {
	o.Printf("%d parameters on %s, %d rounds of %d updates\n\n", r.Parameters, r.Backend, o.Rounds, o.Updates)
	o.Printf("%-14s %10s %19s %8s %14s\n", "optimizer", "ms", "range", "ratio", "state bytes")
	for _, name := range names {
		s := seconds[name]
		row := BenchOptimOf{Name: name, Seconds: bench.Median(s), Low: slices.Min(s), High: slices.Max(s), Ratio: bench.Ratio(s, seconds[names[0]]),
			StateBytes: state[name], Rounds: s}
		r.Rows = append(r.Rows, row)
		o.Printf("%-14s %10.1f %19s %8.2f %14d\n", name, 1e3*row.Seconds, fmt.Sprintf("%.1f to %.1f", 1e3*row.Low, 1e3*row.High), row.Ratio, row.StateBytes)
	}
	return r
}
