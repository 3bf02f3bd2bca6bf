package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/recipe"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/bench"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// BenchMemoryResult is what bench memory reports.
type BenchMemoryResult struct {
	Model      lm.Config         `json:"model"`
	Parameters int               `json:"parameters"`
	Batch      int               `json:"batch"`
	Accumulate int               `json:"accumulate"`
	Steps      int               `json:"steps,omitempty"` // measured updates
	Backend    string            `json:"backend,omitempty"`
	Machine    string            `json:"machine,omitempty"`
	Optimizers []OptimizerMemory `json:"optimizers"`
}

// OptimizerMemory is the memory of a training step with one optimizer, in bytes.
// Savings are against the first optimizer of the list.
type OptimizerMemory struct {
	Name          string              `json:"name"`
	Planned       PlanBytes           `json:"planned"`
	PlannedSaving int64               `json:"planned_saving"`
	Measured      *bench.MemoryResult `json:"measured,omitempty"`
	Saving        int64               `json:"saving,omitempty"`  // of the peak of a step
	Reached       float64             `json:"reached,omitempty"` // saving over planned saving
}

// BenchMemory is the command bench memory.
func BenchMemory(ctx context.Context, o cli.BenchMemoryOptions) (any, error) {
	c, err := config.Load(o.Preset, o.File, o.Set)
	if err != nil {
		return nil, err
	}
	vocab, err := data.Vocab(c)
	if err != nil {
		return nil, err
	}
	m := c.LM(vocab).WithDefaults()
	if len(o.Optimizers) == 0 {
		return nil, errors.New("which optimizers?")
	}
	if o.Here {
		return memoryHere(ctx, o, c, m)
	}
	r := BenchMemoryResult{Model: m, Batch: c.Train.Batch, Accumulate: c.Optim.Accumulate}
	for _, name := range o.Optimizers {
		name, opt, err := namedOptimizer(name, c, m)
		if err != nil {
			return nil, err
		}
		p := planModel(c, m, opt)
		r.Parameters = p.Parameters.Total
		r.Optimizers = append(r.Optimizers, OptimizerMemory{Name: name, Planned: p.Bytes})
		r.Optimizers[len(r.Optimizers)-1].PlannedSaving = r.Optimizers[0].Planned.Total - p.Bytes.Total
	}
	if o.Measure {
		if err := r.measure(ctx, o, c); err != nil {
			return nil, err
		}
	}
	r.print(o.Common)
	return r, nil
}

// namedOptimizer makes an optimizer by name, with the settings of a configuration.
func namedOptimizer(name string, c config.Config, m lm.Config) (string, *optim.Optimizer, error) {
	s := recipe.Settings{Rank: c.Optim.Space.Rank, Every: c.Optim.Space.Every, Level: c.Optim.Space.Level, Block: c.Optim.StateBlock}
	name, b, err := bench.Optimizer(name, s, c.Optim.LR)
	if err != nil {
		return "", nil, err
	}
	b.WithRestLearningRate(c.Optim.OtherLR).WithWeightDecay(c.Optim.WeightDecay).WithClip(c.Optim.Clip)
	opt, err := bench.NewOptimizer(b, m.Params())
	return name, opt, err
}

// measure trains with each optimizer in a process of its own.
func (r *BenchMemoryResult) measure(ctx context.Context, o cli.BenchMemoryOptions, c config.Config) error {
	choice, err := backend.Choose(ctx, c.Train.Backend, func(s string) { o.Notice("%s", s) })
	if err != nil {
		return err
	}
	o.Notice("%s", choice)
	r.Steps, r.Backend, r.Machine = o.Updates, choice.Name, backend.Machine()
	for i := range r.Optimizers {
		of := &r.Optimizers[i]
		o.Notice("%d updates with %s", o.Updates+2, of.Name)
		if of.Measured, err = memoryElsewhere(ctx, o, of.Name, choice.Name); err != nil {
			return err
		}
		if got, want := of.Measured.State, of.Planned.OptimizerState+of.Planned.Accumulators; got < want {
			return fmt.Errorf("%s has %d bytes of state, %d were planned", of.Name, got, want)
		}
		of.Saving = r.Optimizers[0].Measured.Peak - of.Measured.Peak
		if of.PlannedSaving != 0 {
			of.Reached = float64(of.Saving) / float64(of.PlannedSaving)
		}
	}
	return nil
}

// memoryElsewhere is memoryHere in a new process of this program.
func memoryElsewhere(ctx context.Context, o cli.BenchMemoryOptions, name, backend string) (*bench.MemoryResult, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"bench", "memory", "--here", "--json", "--quiet", "--optimizer", name, "--updates", fmt.Sprint(o.Updates)}
	if o.NoReexec {
		args = append(args, "--no-reexec")
	}
	for flag, value := range map[string]string{"--preset": o.Preset, "--config": o.File} {
		if value != "" {
			args = append(args, flag, value)
		}
	}
	for _, s := range append(o.Set, "train.backend="+backend) {
		args = append(args, "--set", s)
	}
	var out, errs bytes.Buffer
	child := exec.CommandContext(ctx, program, args...)
	child.Stdout, child.Stderr = &out, &errs
	if err := child.Run(); err != nil {
		return nil, fmt.Errorf("training with %s: %w: %s", name, err, strings.TrimSpace(errs.String()))
	}
	r := new(bench.MemoryResult)
	if err := json.Unmarshal(out.Bytes(), r); err != nil {
		return nil, fmt.Errorf("training with %s: %w", name, err)
	}
	return r, nil
}

// memoryHere trains with one optimizer in this process.
func memoryHere(ctx context.Context, o cli.BenchMemoryOptions, c config.Config, m lm.Config) (any, error) {
	if len(o.Optimizers) != 1 {
		return nil, errors.New("one optimizer for each process")
	}
	_, opt, err := namedOptimizer(o.Optimizers[0], c, m)
	if err != nil {
		return nil, err
	}
	b, _, err := backend.Open(ctx, c.Train.Backend, !o.NoReexec, func(s string) { o.Notice("%s", s) })
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	return bench.Memory(ctx, b, bench.MemoryOptions{Model: m, Optimizer: opt, Batch: c.Train.Batch, Accumulate: c.Optim.Accumulate, Steps: o.Updates})
}

// print shows the result as text.
func (r BenchMemoryResult) print(o cli.Common) {
	m, first := r.Model, r.Optimizers[0]
	o.Printf("model       %d layers × %d, vocabulary %d, %s parameters; %d rows of %d tokens\n", m.NumLayers, m.Dim, m.VocabSize, grouped(r.Parameters), r.Batch, m.Context)
	p := first.Planned
	o.Printf("all need    %s of weights, %s of gradients, %s that grow with the batch\n\n",
		track.Bytes(p.Weights), track.Bytes(p.Gradients+p.Accumulators), track.Bytes(p.Activations+p.Scores+p.Logits+p.Working))
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	share := func(part, whole int64) string { return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole)) }
	head := "optimizer\tstate\tsaved\tstep, planned\tsaved\t"
	if r.Steps > 0 {
		head += "step, measured\tsaved\tof the plan\t"
	}
	fmt.Fprintln(w, head)
	for _, of := range r.Optimizers {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t", of.Name, track.Bytes(of.Planned.OptimizerState), share(of.PlannedSaving, p.OptimizerState),
			track.Bytes(of.Planned.Total), share(of.PlannedSaving, p.Total))
		if of.Measured != nil {
			fmt.Fprintf(w, "%s\t%s\t%.0f %%\t", track.Bytes(of.Measured.Peak), share(of.Saving, first.Measured.Peak), 100*of.Reached)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	o.Printf("%s", b.String())
	if r.Steps > 0 {
		o.Printf("\nmeasured: the largest resident size during %s on %s, after two others; saved against %s\n", plural(r.Steps, "update", "updates"), r.Backend, first.Name)
	}
}
