package command

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/compute"

	"github.com/nanochat-go/nanochat/systems/minato"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/bench"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
	"github.com/nanochat-go/nanochat/trainer/internal/grid"
	"github.com/nanochat-go/nanochat/trainer/internal/run"
	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// BenchGridResult is what bench grid reports.
type BenchGridResult struct {
	*grid.Result
	Command string `json:"command"`
	Machine string `json:"machine"`
}

// gridRuns makes the runs of a grid: all on one backend and one folder of data.
type gridRuns struct {
	backend compute.Backend
	choice  backend.Choice
	data    *data.Prepared

	workers   int
	stability bool // asked for by the protocol

	mu   sync.Mutex
	idle []idleStepper // the latest are the last
}

// idleStepper has compiled graphs for a Job.Graph.
type idleStepper struct {
	graph string
	*run.Stepper
}

// stepper returns the steps of a job at their beginning. Compiled ones serve
// all rates and seeds of a method.
func (g *gridRuns) stepper(j grid.Job, c config.Config) (*run.Stepper, error) {
	m, err := newModel(g.backend, c, g.data.Tokenizer.VocabSize())
	if err != nil {
		return nil, err
	}
	opt, err := optimizer(c, m.Params())
	if err != nil {
		return nil, err
	}
	if s := g.take(j.Graph()); s != nil {
		return s, s.Restart(opt, uint64(c.Seed))
	}
	s, err := run.NewStepper(g.backend, m, opt, uint64(c.Seed))
	if err == nil {
		s.Objective = objective(c)
	}
	return s, err
}

// take returns compiled steps that nobody uses, nil if there are none.
func (g *gridRuns) take(graph string) *run.Stepper {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, s := range g.idle {
		if s.graph == graph {
			g.idle = slices.Delete(g.idle, i, i+1)
			return s.Stepper
		}
	}
	return nil
}

// give keeps compiled steps for another job of their method. The jobs come
// method by method, so few need to be kept.
func (g *gridRuns) give(graph string, s *run.Stepper) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idle = append(g.idle, idleStepper{graph, s})
	for len(g.idle) > 2*g.workers {
		g.idle[0].Close()
		g.idle = slices.Delete(g.idle, 0, 1)
	}
}

// BenchGrid is the command bench grid.
func BenchGrid(ctx context.Context, o cli.BenchGridOptions) (any, error) {
	p, err := grid.Load(o.Protocol)
	if err != nil {
		return nil, err
	}
	c, err := checkGrid(p)
	if err != nil {
		return nil, fmt.Errorf("protocol %s: %w", o.Protocol, err)
	}
	if o.Workers < 1 {
		return nil, fmt.Errorf("--workers %d, want at least 1", o.Workers)
	}
	found, err := runGrid(ctx, o.Common, p, c, o.Out, o.Workers)
	if err != nil {
		return nil, err
	}
	result := BenchGridResult{Result: found, Machine: backend.Machine(),
		Command: fmt.Sprintf("trainer bench grid --protocol %s --out %s --workers %d", o.Protocol, o.Out, o.Workers)}
	o.Printf("%s\n\n%s", p.Question, found.Markdown())
	return result, writeJSON(filepath.Join(o.Out, "results.json"), result)
}

// runGrid makes the runs of a protocol whose common configuration is c.
func runGrid(ctx context.Context, o cli.Common, p grid.Protocol, c config.Config, out string, workers int) (*grid.Result, error) {
	b, choice, err := backend.Open(ctx, c.Train.Backend, !o.NoReexec, func(s string) { o.Notice("%s", s) })
	if err != nil {
		return nil, err
	}
	o.Notice("%s", choice)
	d, err := data.Prepare(ctx, c, filepath.Join(out, "data"), o.Notice)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if err := d.CheckContext(c.Model.Context); err != nil {
		return nil, err
	}
	runs := &gridRuns{backend: b, choice: choice, data: d, workers: workers, stability: p.Stability}
	r := grid.Runner{Protocol: p, Dir: filepath.Join(out, "runs"), Workers: workers, Train: runs.train,
		Done: func(g grid.Outcome, done, of int, was bool) {
			if !was {
				o.Notice("%d of %d: %s", done, of, describe(g))
			}
		}}
	return r.Run(ctx)
}

// describe is a finished run in a line.
func describe(g grid.Outcome) string {
	if g.Diverged {
		return fmt.Sprintf("%s at %g, seed %d: diverged after %d steps", g.Method, g.Rate, g.Seed, g.Steps)
	}
	return fmt.Sprintf("%s at %g, seed %d: loss %.4f, %d steps in %.0f s", g.Method, g.Rate, g.Seed, g.Loss, g.Steps, g.Seconds)
}

// checkGrid checks the configurations of all runs and returns what they have
// in common.
func checkGrid(p grid.Protocol) (config.Config, error) {
	common, err := config.Load(p.Preset, "", p.Set)
	if err != nil {
		return common, err
	}
	for _, m := range p.Methods {
		c, err := config.Load(p.Preset, "", append(append([]string{}, p.Set...), m.Set...))
		if err != nil {
			return common, fmt.Errorf("method %s: %w", m.Name, err)
		}
		if keys := config.Differences(config.Config{Data: c.Data, Tokenizer: c.Tokenizer}, config.Config{Data: common.Data, Tokenizer: common.Tokenizer}); len(keys) > 0 {
			return common, fmt.Errorf("method %s changes %s: all methods learn from the same data", m.Name, strings.Join(keys, ", "))
		}
	}
	return common, data.Check(common)
}

// train makes one run: no checkpoints, no samples, and validation on the same
// text each time.
func (g *gridRuns) train(ctx context.Context, j grid.Job) (grid.Outcome, error) {
	o := grid.Outcome{Job: j, Backend: g.choice.Name, Revision: revision(), Data: g.data.Manifest.Key}
	c, err := config.Load(j.Preset, "", j.Set)
	if err != nil {
		return o, err
	}
	s, err := g.stepper(j, c)
	if err != nil {
		return o, err
	}
	late, err := lateModel(g.backend, c, g.data.Tokenizer.VocabSize())
	if err != nil {
		return o, err
	}
	if late == nil {
		defer g.give(j.Graph(), s)
	} else {
		defer s.Close() // its graphs are those of the end
	}
	o.StateBytes = s.Opt.PlanStateBytes()
	loader, err := minato.New(g.data.Train, minato.Config{Batch: c.Train.Batch, Length: c.Model.Context, Seed: uint64(c.Seed)})
	if err != nil {
		return o, err
	}
	var steps []float64
	var smooth stabilityMeter
	l := &run.Loop{Stepper: s, Seed: uint64(c.Seed), Late: late, LateFrom: c.Precision.ForwardHigh, Batches: batches{loader}, Budget: c.Budget(), Schedule: c.LRSchedule(), Momentum: momentum(c),
		Accumulate: c.Optim.Accumulate, EvalEvery: c.Eval.Every, HealthEvery: c.Optim.HealthEvery, Progress: run.Progress{BestBPB: math.MaxFloat64, Backoff: 1},
		Events: run.Events{Step: func(r run.Record) { steps = append(steps, r.StepSeconds); smooth.step(r) }, Evaluate: func(ctx context.Context, p *run.Progress) error {
			if n := len(o.Curve); n > 0 && o.Curve[n-1].Step == p.Step {
				return nil // the end of the run right after an evaluation
			}
			nats, bpb, err := validate(ctx, s, g.data, c, c.Eval.ValTokens)
			o.Loss, o.BPB = nats, bpb
			o.Curve = append(o.Curve, grid.Point{Step: p.Step, Loss: nats})
			return err
		}}}
	err = errors.Join(l.Run(ctx), loader.Close())
	if g.stability {
		o.Stability = smooth.result()
	}
	if errors.Is(err, run.ErrDiverged) || err == nil && (math.IsNaN(o.Loss) || math.IsInf(o.Loss, 0)) {
		o.Diverged, o.Loss, o.BPB, o.Curve, err = true, 0, 0, nil, nil
	}
	if err == nil {
		err = ctx.Err()
	}
	o.Steps, o.Tokens, o.Seconds, o.Step = l.Progress.Step, l.Progress.Tokens, l.Progress.Elapsed.Seconds(), bench.Median(steps)
	return o, err
}

// stabilityMeter watches the steps of a run.
type stabilityMeter struct {
	losses, norms     []float64
	gain, attenuation float64
}

func (m *stabilityMeter) step(r run.Record) {
	m.losses, m.norms = append(m.losses, r.Loss), append(m.norms, r.GradNorm)
	for name, x := range r.Health {
		switch {
		case strings.HasPrefix(name, track.ForwardGain), strings.HasPrefix(name, track.BackwardGain):
			m.gain = max(m.gain, x)
		case strings.HasPrefix(name, track.Attenuation) && (m.attenuation == 0 || x < m.attenuation):
			m.attenuation = x
		}
	}
}

func (m *stabilityMeter) result() *grid.Stability {
	s := grid.Steps(m.losses, m.norms)
	s.Gain, s.Attenuation = m.gain, m.attenuation
	return &s
}
