package main

import (
	"slices"
	"time"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/loss"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/fire"
	"github.com/nanochat-go/nanochat/optim/schedule"
)

// record is one run: what was trained, and the network at the end of the first
// phase, after the intervention, after a quarter of the second phase and at its
// end.
type record struct {
	Task, Arm                    string
	Seed                         uint64
	Rate                         float64
	Warm, Switched, Quarter, End state
	Seconds                      float64 // of the second phase
}

// bench runs the arms of one task for one seed.
type bench struct {
	backend compute.Backend
	task    *task
	data    data
	initial fire.Snapshot
	warm    map[bool]fire.Snapshot // after the first phase, by whether it had L2-init
}

func newBench(backend compute.Backend, t *task, seed uint64) (*bench, error) {
	d, err := t.data(seed)
	if err != nil {
		return nil, err
	}
	return &bench{backend: backend, task: t, data: d, initial: t.network.draw(seed), warm: map[bool]fire.Snapshot{}}, nil
}

// run makes the second phase from where the first one ended.
func (b *bench) run(a arm, seed uint64, rate float64) (record, error) {
	r := record{Task: b.task.name, Arm: a.name, Seed: seed, Rate: rate}
	warm, err := b.warmed(a.l2)
	if err != nil {
		return r, err
	}
	store, err := b.task.network.storeOf(warm)
	if err != nil {
		return r, err
	}
	measure := func(into *state) (err error) {
		*into, err = b.measure(store, warm)
		return err
	}
	if err := measure(&r.Warm); err != nil {
		return r, err
	}
	if err := a.intervene(b, store); err != nil {
		return r, err
	}
	if err := measure(&r.Switched); err != nil {
		return r, err
	}
	start := time.Now()
	err = b.train(store, b.data.second(), rate, b.task.steps, a.l2, func(done int, opt *optim.Optimizer) error {
		if done == b.task.steps/4 {
			if err := measure(&r.Quarter); err != nil {
				return err
			}
		}
		if a.redo && done%every == 0 && done < b.task.steps {
			return b.redo(store, opt)
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	r.Seconds = time.Since(start).Seconds()
	return r, measure(&r.End)
}

// warmed returns the weights after the first phase.
func (b *bench) warmed(l2 bool) (fire.Snapshot, error) {
	if w := b.warm[l2]; w != nil {
		return w, nil
	}
	store, err := b.task.network.storeOf(b.initial)
	if err != nil {
		return nil, err
	}
	if err := b.train(store, b.data.first(), b.task.firstRate, b.task.firstSteps, l2, nil); err != nil {
		return nil, err
	}
	b.warm[l2], err = fire.Take(store, b.task.network.params)
	return b.warm[l2], err
}

// train makes the steps of a phase with an optimizer of its own, and calls after
// with the number of each.
func (b *bench) train(store *model.Store, next stream, rate float64, steps int, l2 bool, after func(done int, opt *optim.Optimizer) error) error {
	params := b.task.network.params
	opt, err := optim.New(params, optim.Config{Clip: b.task.clip, Groups: []optim.Group{{Rule: adamw.New(), LR: rate}}})
	if err != nil {
		return err
	}
	step, err := model.NewExec(b.backend, store, func(scope *model.Scope, x, y *Node) *Node {
		logits, _ := b.task.network.forward(store, x)
		total := ReduceAllMean(loss.SparseCategoricalCrossEntropyLogits([]*Node{y}, []*Node{logits}))
		if l2 {
			penalty, err := fire.L2Init(total.Graph(), store, params, b.initial, lambda)
			if err != nil {
				panic(err)
			}
			total = Add(total, penalty)
		}
		opt.Apply(scope, opt.Gradients(scope, total), total)
		return total
	})
	if err != nil {
		return err
	}
	plan := schedule.Config{Kind: "wsd", Warmup: steps / 20, Length: 0.3}
	for i := range steps {
		if err := opt.SetMultiplier(store, plan.Multiplier(i, float64(i)/float64(steps))); err != nil {
			return err
		}
		x, y := next()
		if _, err := step.Call(x, y); err != nil {
			return err
		}
		if after != nil {
			if err := after(i+1, opt); err != nil {
				return err
			}
		}
	}
	return nil
}

// activity evaluates a network on a batch: its loss, accuracy, and the mean
// absolute activation of the units of each hidden layer.
func (b *bench) activity(store *model.Store, x, y *tensors.Tensor) (nats, accuracy float64, hidden [][]float32, err error) {
	out, err := model.CallOnceN(b.backend, store, func(scope *model.Scope, x, y *Node) []*Node {
		logits, layers := b.task.network.forward(store, x)
		nats := ReduceAllMean(loss.SparseCategoricalCrossEntropyLogits([]*Node{y}, []*Node{logits}))
		right := Equal(ArgMax(logits, -1, y.DType()), Squeeze(y, -1))
		out := []*Node{nats, ReduceAllMean(ConvertDType(right, nats.DType()))}
		for _, h := range layers {
			units := h.Shape().Dim(-1)
			out = append(out, ReduceMean(Abs(Reshape(h, -1, units)), 0))
		}
		return out
	}, x, y)
	if err != nil {
		return 0, 0, nil, err
	}
	for _, h := range out[2:] {
		means, err := tensors.CopyFlatData[float32](h)
		if err != nil {
			return 0, 0, nil, err
		}
		hidden = append(hidden, means)
	}
	return float64(tensors.ToScalar[float32](out[0])), float64(tensors.ToScalar[float32](out[1])), hidden, nil
}

// state describes a network at some time. Loss, in nats, accuracy and dormancy
// are means over the held-out sets.
type state struct {
	Loss, Accuracy float64
	Losses         []float64 // of each held-out set
	Dormant        float64   // share of rectified units
	DfI            float64   // divided by the smaller side, mean over the matrices inside
	SFE            float64   // since the end of the first phase, of these together
}

// measure describes the network in a store.
func (b *bench) measure(store *model.Store, warm fire.Snapshot) (s state, err error) {
	sets := float64(len(b.data.heldOut))
	for _, set := range b.data.heldOut {
		x, y := set()
		nats, accuracy, hidden, err := b.activity(store, x, y)
		if err != nil {
			return s, err
		}
		s.Losses = append(s.Losses, nats)
		s.Loss += nats / sets
		s.Accuracy += accuracy / sets
		for _, h := range hidden {
			dormant, err := fire.Dormant(h, len(h), tau)
			if err != nil {
				return s, err
			}
			s.Dormant += fire.Share(dormant) / sets / float64(len(hidden))
		}
	}
	matrices := b.task.network.matrices()
	now, err := fire.Take(store, matrices)
	if err != nil {
		return s, err
	}
	var before, after []float32
	for _, p := range matrices {
		m, err := fire.Measure(now[p.Name], p)
		if err != nil {
			return s, err
		}
		s.DfI += m.DfI / float64(len(matrices))
		before, after = slices.Concat(before, warm[p.Name]), slices.Concat(after, now[p.Name])
	}
	s.SFE = fire.SFE(before, after)
	return s, nil
}
