package grid

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Job is one run.
type Job struct {
	Method string   `json:"method"`
	Rate   float64  `json:"rate"`
	Seed   int64    `json:"seed"`
	Preset string   `json:"preset,omitempty"`
	Set    []string `json:"set"` // of the protocol, the method, the rate and the seed
}

// Graph tells apart the runs whose graphs differ: it is what the run depends
// on, rate and seed aside.
func (j Job) Graph() string {
	return strings.Join(append([]string{j.Preset}, j.Set[:len(j.Set)-2]...), "\n")
}

// Point is the loss on validation text on the way.
type Point struct {
	Step int     `json:"step"`
	Loss float64 `json:"loss"` // nats per token
}

// Outcome is what a run ended with.
type Outcome struct {
	Job
	Loss       float64 `json:"loss"` // nats per token on validation text at the end
	BPB        float64 `json:"bpb"`
	Curve      []Point `json:"curve"`
	Steps      int     `json:"steps"`
	Tokens     int64   `json:"tokens"`
	Seconds    float64 `json:"seconds"`                // of training
	Step       float64 `json:"step_seconds,omitempty"` // median of the steps, whatever else ran
	Diverged   bool    `json:"diverged,omitempty"`
	Backend    string  `json:"backend"`
	Revision   string  `json:"revision"`
	Data       string  `json:"data"` // key of the prepared data
	StateBytes int64   `json:"state_bytes"`

	Stability *Stability `json:"stability,omitempty"` // where the protocol asks for it
}

// loss orders outcomes: one that diverged is worse than any other.
func (o Outcome) loss() float64 {
	if o.Diverged {
		return math.Inf(1)
	}
	return o.Loss
}

// Train makes one run.
type Train func(ctx context.Context, j Job) (Outcome, error)

// Runner makes the runs of a protocol that are not in its folder yet.
type Runner struct {
	Protocol Protocol
	Dir      string // of the outcomes
	Workers  int    // runs at a time
	Train    Train
	// Done is called after each run, or for each that was there; it may be nil.
	Done func(o Outcome, done, of int, was bool)
}

// Run makes the runs and returns the comparison.
func (r *Runner) Run(ctx context.Context) (*Result, error) {
	if err := r.Protocol.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return nil, err
	}
	p := r.Protocol
	var first []Job
	for _, m := range p.Methods {
		if m.Follows == "" {
			for _, rate := range p.rates(m) {
				first = append(first, p.job(m, rate, p.Seeds[0]))
			}
		}
	}
	of := len(first)
	for _, m := range p.Methods {
		of += len(p.seeds(m))
		if m.Follows == "" {
			of-- // the seed of the grid
		}
	}
	grid, err := r.all(ctx, first, 0, of)
	if err != nil {
		return nil, err
	}
	best := p.choices(grid)
	var second []Job
	for _, m := range p.Methods {
		seeds := p.seeds(m)
		if m.Follows == "" {
			seeds = seeds[1:]
		}
		for _, s := range seeds {
			second = append(second, p.job(m, best[m.Name].Rate, s))
		}
	}
	rest, err := r.all(ctx, second, len(first), of)
	if err != nil {
		return nil, err
	}
	return p.Compare(append(grid, rest...)), nil
}

// job is a run of a method.
func (p Protocol) job(m Method, rate float64, seed int64) Job {
	set := slices.Concat(p.Set, m.Set, []string{fmt.Sprintf("optim.lr=%g", rate), fmt.Sprintf("seed=%d", seed)})
	return Job{Method: m.Name, Rate: rate, Seed: seed, Preset: p.Preset, Set: set}
}

// all makes runs, several at a time, in their order.
func (r *Runner) all(ctx context.Context, jobs []Job, done, of int) ([]Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, next := make([]Outcome, len(jobs)), 0
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	for range max(1, r.Workers) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(jobs) || ctx.Err() != nil {
					return
				}
				o, was, err := r.one(ctx, jobs[i])
				mu.Lock()
				if err != nil {
					errs = append(errs, fmt.Errorf("%s at %g, seed %d: %w", jobs[i].Method, jobs[i].Rate, jobs[i].Seed, err))
					cancel()
				} else if out[i], done = o, done+1; r.Done != nil {
					r.Done(o, done, of, was)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(errs) == 0 && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return out, errors.Join(errs...)
}

// one returns a run from the folder, or makes it.
func (r *Runner) one(ctx context.Context, j Job) (o Outcome, was bool, err error) {
	path := filepath.Join(r.Dir, j.file())
	text, err := os.ReadFile(path)
	if err == nil {
		if err := json.Unmarshal(text, &o); err != nil {
			return o, false, fmt.Errorf("%s: %w: remove it to run it again", path, err)
		}
		o.Method = j.Method // it may have been made under another name
		return o, true, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return o, false, err
	}
	if o, err = r.Train(ctx, j); err != nil {
		return o, false, err
	}
	if text, err = json.MarshalIndent(o, "", " "); err != nil {
		return o, false, err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, append(text, '\n'), 0o644); err != nil {
		return o, false, err
	}
	return o, false, os.Rename(tmp, path)
}

// file is the name of an outcome: what it depends on, not what it is called.
func (j Job) file() string {
	h := sha256.New()
	_ = json.NewEncoder(h).Encode(append([]string{j.Preset}, j.Set...))
	return hex.EncodeToString(h.Sum(nil)[:8]) + ".json"
}
