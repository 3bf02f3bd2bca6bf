package command

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/bench"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// BenchPrecisionResult is what bench precision reports.
type BenchPrecisionResult struct {
	Values  int                `json:"values"`
	Passes  int                `json:"passes"` // over the values, in a round
	Machine string             `json:"machine"`
	Rows    []BenchPrecisionOf `json:"rows"`
}

// BenchPrecisionOf is what was measured of one conversion. Speeds are in GB/s of
// float32.
type BenchPrecisionOf struct {
	Format     string    `json:"format"`
	Direction  string    `json:"direction"`
	Path       string    `json:"path"`
	Speed      float64   `json:"gb_per_second"` // median of the rounds
	Low        float64   `json:"low"`
	High       float64   `json:"high"`
	Rounds     []float64 `json:"rounds"`
	Peer       float64   `json:"peer_gb_per_second,omitempty"`
	PeerRounds []float64 `json:"peer_rounds,omitempty"`
	Ratio      float64   `json:"ratio,omitempty"` // to the peer's speed, median within rounds
}

// BenchPrecision is the command bench precision.
func BenchPrecision(ctx context.Context, o cli.BenchPrecisionOptions) (any, error) {
	if o.Rounds < 1 || o.Passes < 1 {
		return nil, fmt.Errorf("--rounds %d and --passes %d, want at least 1", o.Rounds, o.Passes)
	}
	if len(o.Formats) == 0 {
		o.Formats = bench.Formats()
	}
	conversions, err := bench.Conversions(o.Formats, o.Values)
	if err != nil {
		return nil, err
	}
	var contestants []bench.Contestant
	var names []string
	for _, c := range conversions {
		names = append(names, c.Name())
		contestants = append(contestants, bench.Contestant{Name: c.Name(), Update: func(n int) error {
			for range n {
				if err := c.Run(); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	var p *peer
	if o.Peer != "" {
		o.Notice("starting %s", o.Peer)
		if p, err = startPeer(ctx, o.Peer, strconv.Itoa(o.Values), strconv.Itoa(o.Passes), strings.Join(names, ",")); err != nil {
			return nil, err
		}
		defer p.stop()
		contestants = append(contestants, bench.Contestant{Name: o.Peer, Update: func(int) error { return p.ask() }})
	}
	seconds, err := bench.Race(ctx, contestants, o.Rounds, o.Passes)
	if err != nil {
		return nil, err
	}
	r := BenchPrecisionResult{Values: o.Values, Passes: o.Passes, Machine: backend.Machine()}
	for _, c := range conversions {
		row := BenchPrecisionOf{Format: c.Format, Direction: c.Direction, Path: c.Path}
		row.Speed, row.Rounds = speeds(seconds[c.Name()], o.Values)
		row.Low, row.High = slices.Min(row.Rounds), slices.Max(row.Rounds)
		if p != nil {
			times, err := p.rounds(c.Name(), o.Rounds)
			if err != nil {
				return nil, err
			}
			row.Peer, row.PeerRounds = speeds(times, o.Values)
			row.Ratio = bench.Ratio(row.Rounds, row.PeerRounds)
		}
		r.Rows = append(r.Rows, row)
	}
	r.print(o)
	return r, nil
}

// speeds turns the seconds for so many float32 into GB/s, and returns their median.
func speeds(seconds []float64, values int) (median float64, all []float64) {
	for _, s := range seconds {
		all = append(all, 4e-9*float64(values)/s)
	}
	return bench.Median(all), all
}

func (r BenchPrecisionResult) print(o cli.BenchPrecisionOptions) {
	o.Printf("%d values on one thread, %d rounds of %d passes, GB/s of float32\n\n", r.Values, o.Rounds, r.Passes)
	o.Printf("%-11s %-7s %8s %15s  %-9s %8s %7s\n", "format", "", "GB/s", "range", "path", "peer", "ratio")
	for _, row := range r.Rows {
		theirs, ratio := "", ""
		if row.Ratio != 0 {
			theirs, ratio = fmt.Sprintf("%.2f", row.Peer), fmt.Sprintf("%.2f", row.Ratio)
		}
		o.Printf("%-11s %-7s %8.2f %15s  %-9s %8s %7s\n", row.Format, row.Direction, row.Speed, fmt.Sprintf("%.2f to %.2f", row.Low, row.High), row.Path, theirs, ratio)
	}
}
