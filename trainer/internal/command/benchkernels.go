package command

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nanochat-go/nanochat/precision/ternary/kernel"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/bench"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

const (
	// kernelTime is how long one measurement of a product takes: long enough for the
	// clock, short enough to be seldom interrupted on a shared machine.
	kernelTime = 20 * time.Millisecond
	// passTime is the same for all linears of a model.
	passTime = 100 * time.Millisecond
	// promptTokens is how many tokens of a prompt are computed together.
	promptTokens = 64
)

// BenchKernelsResult is what bench kernels reports.
type BenchKernelsResult struct {
	Path     string          `json:"path"` // of the kernels
	Machine  string          `json:"machine"`
	Products []BenchProduct  `json:"products,omitempty"`
	Model    *BenchOfLinears `json:"model,omitempty"`
}

// BenchProduct is what was measured of one product, in microseconds a call.
type BenchProduct struct {
	Outputs      int       `json:"outputs"`
	Inputs       int       `json:"inputs"`
	Batch        int       `json:"batch"`
	Threads      int       `json:"threads"`
	Microseconds float64   `json:"microseconds"` // median of the rounds
	Low          float64   `json:"low"`
	High         float64   `json:"high"`
	GOPS         float64   `json:"gops"` // 10⁹ operations a second, of the median
	Rounds       []float64 `json:"rounds"`
}

// BenchOfLinears is what was measured of a model's linears, and of the peer's model.
type BenchOfLinears struct {
	Layers  int          `json:"layers"`
	Dim     int          `json:"dim"`
	Hidden  int          `json:"hidden"`
	Weights int64        `json:"weights"`
	Rows    []BenchSpeed `json:"rows"`
}

// BenchSpeed is a speed in tokens a second, the peer's beside it where it has one.
type BenchSpeed struct {
	Name       string    `json:"name"`
	Tokens     float64   `json:"tokens_per_second"` // median of the rounds
	Low        float64   `json:"low"`
	High       float64   `json:"high"`
	Peer       float64   `json:"peer,omitempty"`
	Ratio      float64   `json:"ratio,omitempty"` // to the peer, median within rounds
	Rounds     []float64 `json:"rounds"`
	PeerRounds []float64 `json:"peer_rounds,omitempty"`
}

// BenchKernels is the command bench kernels.
func BenchKernels(ctx context.Context, o cli.BenchKernelsOptions) (any, error) {
	if err := checkKernels(o); err != nil {
		return nil, err
	}
	if kernel.Path() == "portable" && runtime.GOARCH == "amd64" && !o.NoReexec {
		if why := backend.Relaunch(ctx, func(s string) { o.Notice("%s", s) }); why != "" {
			o.Notice("without SIMD: %s", why)
		}
	}
	pools := map[int]*kernel.Pool{}
	for _, n := range o.Threads {
		pool, err := kernel.NewPool(n)
		if err != nil {
			return nil, err
		}
		defer pool.Close()
		pools[n] = pool
	}
	r := BenchKernelsResult{Path: kernel.Path(), Machine: backend.Machine()}
	o.Printf("kernels: %s; %s; %d rounds\n", r.Path, r.Machine, o.Rounds)
	var err error
	if len(o.Shapes) > 0 {
		if r.Products, err = benchProducts(ctx, o, pools); err != nil {
			return nil, err
		}
	}
	if o.Model != "" {
		if r.Model, err = benchLinears(ctx, o, pools); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// checkKernels refuses what could only fail after a part of the work.
func checkKernels(o cli.BenchKernelsOptions) error {
	for _, shape := range o.Shapes {
		if _, err := bench.Numbers(shape, "x", 2); err != nil {
			return fmt.Errorf("--shapes: %w", err)
		}
	}
	switch {
	case o.Rounds < 1:
		return fmt.Errorf("--rounds %d, want at least 1", o.Rounds)
	case len(o.Threads) == 0 || slices.Min(o.Threads) < 1:
		return fmt.Errorf("--threads %v, want numbers from 1 on", o.Threads)
	case len(o.Shapes) > 0 && (len(o.Batch) == 0 || slices.Min(o.Batch) < 1):
		return fmt.Errorf("--batch %v, want numbers from 1 on", o.Batch)
	case o.Peer != "" && o.Model == "":
		return fmt.Errorf("--peer %s runs beside --model, which is empty", o.Peer)
	case o.Model != "":
		if _, err := bench.Numbers(o.Model, ",", 3); err != nil {
			return fmt.Errorf("--model: %w", err)
		}
	}
	return nil
}

// repeated is a contestant that calls f as often as fills the time. Its seconds, times
// calls, are those of one call.
func repeated(name string, least time.Duration, f func() error) (c bench.Contestant, calls float64, err error) {
	n := 1
	for took := time.Duration(0); took < least && err == nil; {
		if took > 0 {
			n = max(n+1, int(float64(n)*min(4, 1.1*float64(least)/float64(took))))
		}
		start := time.Now()
		for i := 0; i < n && err == nil; i++ {
			err = f()
		}
		took = time.Since(start)
	}
	return bench.Contestant{Name: name, Update: func(int) error {
		for range n {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}}, float64(n), err
}

// benchProducts times products of single weights.
func benchProducts(ctx context.Context, o cli.BenchKernelsOptions, pools map[int]*kernel.Pool) ([]BenchProduct, error) {
	var rows []BenchProduct
	var all []bench.Contestant
	var calls []float64
	for _, shape := range o.Shapes {
		size, err := bench.Numbers(shape, "x", 2)
		if err != nil {
			return nil, err
		}
		w, err := bench.Ternary(size[0], size[1])
		if err != nil {
			return nil, err
		}
		for _, batch := range o.Batch {
			x, err := bench.NewOperand(batch, size[1], size[0])
			if err != nil {
				return nil, err
			}
			for _, threads := range o.Threads {
				c, n, err := repeated(strconv.Itoa(len(all)), kernelTime, func() error { return x.Multiply(pools[threads], w) })
				if err != nil {
					return nil, err
				}
				all, calls = append(all, c), append(calls, n)
				rows = append(rows, BenchProduct{Outputs: size[0], Inputs: size[1], Batch: batch, Threads: threads})
			}
		}
	}
	seconds, err := bench.Race(ctx, all, o.Rounds, 1)
	if err != nil {
		return nil, err
	}
	o.Printf("\n%-14s %6s %8s %10s %24s %7s\n", "shape", "batch", "threads", "µs a call", "range", "GOPS")
	for i := range rows {
		r := &rows[i]
		for _, s := range seconds[all[i].Name] {
			r.Rounds = append(r.Rounds, 1e6*s/calls[i])
		}
		r.Microseconds, r.Low, r.High = bench.Median(r.Rounds), slices.Min(r.Rounds), slices.Max(r.Rounds)
		r.GOPS = 2 * float64(r.Outputs) * float64(r.Inputs) * float64(r.Batch) / (1e3 * r.Microseconds)
		o.Printf("%-14s %6d %8d %10.1f %24s %7.1f\n", fmt.Sprintf("%dx%d", r.Outputs, r.Inputs), r.Batch, r.Threads, r.Microseconds,
			fmt.Sprintf("%.1f to %.1f", r.Low, r.High), r.GOPS)
	}
	return rows, nil
}

// benchLinears times all linears of a model, in turn with the peer.
func benchLinears(ctx context.Context, o cli.BenchKernelsOptions, pools map[int]*kernel.Pool) (*BenchOfLinears, error) {
	size, err := bench.Numbers(o.Model, ",", 3)
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
	o.Notice("making the linears of %d layers", size[0])
	l, err := bench.NewLinears(size[0], size[1], size[2])
	if err != nil {
		return nil, err
	}
	all, tokens, err := passes(l, o.Threads, pools)
	if err != nil {
		return nil, err
	}
	names := len(all)
	if o.Peer != "" {
		all = append(all, bench.Contestant{Name: o.Peer, Update: func(int) error { return p.ask() }})
	}
	seconds, err := bench.Race(ctx, all, o.Rounds, 1)
	if err != nil {
		return nil, err
	}
	r := &BenchOfLinears{Layers: size[0], Dim: size[1], Hidden: size[2], Weights: l.Weights}
	for _, c := range all[:names] {
		s := BenchSpeed{Name: c.Name}
		for _, t := range seconds[c.Name] {
			s.Rounds = append(s.Rounds, tokens[c.Name]/t)
		}
		if o.Peer != "" {
			if s.PeerRounds, err = p.rounds(c.Name, o.Rounds); err != nil {
				return nil, err
			}
		}
		s.Tokens, s.Low, s.High = bench.Median(s.Rounds), slices.Min(s.Rounds), slices.Max(s.Rounds)
		s.Peer, s.Ratio = bench.Median(s.PeerRounds), bench.Ratio(s.Rounds, s.PeerRounds)
		r.Rows = append(r.Rows, s)
	}
	r.print(o.Printf)
	return r, nil
}

// passes are the contestants of benchLinears, and how many tokens an update of each
// computes, by name.
func passes(l *bench.Linears, threads []int, pools map[int]*kernel.Pool) (all []bench.Contestant, tokens map[string]float64, err error) {
	tokens = map[string]float64{}
	for _, n := range threads {
		for _, part := range []struct {
			name  string
			batch int
		}{{"prompt", promptTokens}, {"decode", 1}} {
			pass, err := l.Pass(pools[n], part.batch)
			if err != nil {
				return nil, nil, err
			}
			c, calls, err := repeated(fmt.Sprintf("%s %d", part.name, n), passTime, pass)
			if err != nil {
				return nil, nil, err
			}
			all, tokens[c.Name] = append(all, c), calls*float64(part.batch)
		}
	}
	return all, tokens, nil
}

func (r *BenchOfLinears) print(printf func(format string, args ...any)) {
	printf("\nlinears of %d layers, %d wide, MLP of %d: %d weights\n\n", r.Layers, r.Dim, r.Hidden, r.Weights)
	printf("%-12s %10s %20s %10s %7s\n", "", "tokens/s", "range", "peer", "ratio")
	for _, s := range r.Rows {
		peer, ratio := "", ""
		if s.Peer > 0 {
			peer, ratio = fmt.Sprintf("%.1f", s.Peer), fmt.Sprintf("%.2f", s.Ratio)
		}
		printf("%-12s %10.1f %20s %10s %7s\n", s.Name, s.Tokens, fmt.Sprintf("%.1f to %.1f", s.Low, s.High), peer, ratio)
	}
}

// joined writes numbers as the peer's argument.
func joined(n []int) string { return strings.Trim(strings.ReplaceAll(fmt.Sprint(n), " ", ","), "[]") }
