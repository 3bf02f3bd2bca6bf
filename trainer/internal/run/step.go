package run

import (
	"fmt"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
)

// Rows is one batch of B rows of T positions as the step wants it.
type Rows struct {
	B, T                                 int
	Tokens, Targets, Positions, Segments []int32

	// Key is what the random numbers of a training step on this batch depend on.
	Key uint32
}

// StepResult is what one call of the training step returns.
type StepResult struct {
	NLL      float64 // Σ nats over the scored targets
	Count    float64 // number of scored targets
	GradNorm float64
	Skipped  bool

	// Health has the measures of optim.GroupHealth, of TrainMeasured only: one of
	// update_rms, weight_rms and storage_error, a slash, and the group by its place
	// and rule, as in "update_rms/0.muon".
	Health map[string]float64
}

// Stepper holds a model's variables and its compiled graphs.
type Stepper struct {
	Store *model.Store
	Model *lm.Model
	Opt   *optim.Optimizer

	train, gather, drain, eval *model.Exec

	trainMeasured, drainMeasured *model.Exec
	health                       []string // what those return behind the others, known once they are built

	released bool // memory that only the first update needs
}

// NewStepper makes the variables of a model with their initial values, those
// of its optimizer, and the graphs, which compile at their first call.
func NewStepper(b compute.Backend, m *lm.Model, opt *optim.Optimizer, seed uint64) (*Stepper, error) {
	s := &Stepper{Store: model.NewStore(), Model: m, Opt: opt}
	if err := m.InitStore(s.Store, seed); err != nil {
		return nil, err
	}
	opt.InitState(s.Store)
	for _, g := range []struct {
		exec  **model.Exec
		build func(scope *model.Scope, in []*Node) []*Node
	}{
		{&s.train, s.buildTrain(s.apply)}, {&s.gather, s.buildGather}, {&s.drain, s.buildDrain(s.apply)}, {&s.eval, s.buildEval},
		{&s.trainMeasured, s.buildTrain(s.applyMeasured)}, {&s.drainMeasured, s.buildDrain(s.applyMeasured)},
	} {
		exec, err := model.NewExec(b, s.Store, g.build)
		if err != nil {
			return nil, fmt.Errorf("building the step: %w", err)
		}
		*g.exec = exec
	}
	return s, nil
}

// Restart gives the weights their initial values for a seed, and the state of
// the optimizer those of opt, which differs from Opt at most in rates, decay and
// momenta: the inputs of the graphs, which stay compiled.
func (s *Stepper) Restart(opt *optim.Optimizer, seed uint64) error {
	s.released = false
	fresh := model.NewStore()
	if err := s.Model.InitStore(fresh, seed); err != nil {
		return err
	}
	opt.InitState(fresh)
	for v := range fresh.IterVariables() {
		to := s.Store.GetVariable(v.Path())
		if to == nil || !to.Shape().Equal(v.Shape()) {
			return fmt.Errorf("restarting: %s is not what it was: %s", v.Path(), v.Shape())
		}
		value, err := v.Value()
		if err != nil {
			return err
		}
		if err := to.SetValue(value); err != nil {
			return err
		}
	}
	return nil
}

// Close frees the variables and the graphs.
func (s *Stepper) Close() {
	for _, exec := range []*model.Exec{s.train, s.gather, s.drain, s.eval, s.trainMeasured, s.drainMeasured} {
		exec.Finalize()
	}
	s.Store.Finalize()
}

func (s *Stepper) loss(scope *model.Scope, in []*Node) (nll, count *Node) {
	return s.Model.LossKeyed(scope, in[4], in[0], in[1], in[2], in[3])
}

// applier makes an update in a graph and returns the norm of the gradients, whether
// it was skipped, and measures if there are any.
type applier func(scope *model.Scope, grads []*Node, loss *Node) []*Node

func (s *Stepper) apply(scope *model.Scope, grads []*Node, loss *Node) []*Node {
	m := s.Opt.Apply(scope, grads, loss)
	return []*Node{m.GradNorm, m.Skipped}
}

func (s *Stepper) applyMeasured(scope *model.Scope, grads []*Node, loss *Node) []*Node {
	m := s.Opt.ApplyMeasured(scope, grads, loss)
	out := []*Node{m.GradNorm, m.Skipped}
	rules := s.Opt.Rules()
	s.health = nil
	for i, g := range m.Groups {
		add := func(what string, x *Node) {
			if x != nil {
				s.health, out = append(s.health, fmt.Sprintf("%s/%d.%s", what, i, rules[i])), append(out, x)
			}
		}
		add("update_rms", g.UpdateRMS)
		add("weight_rms", g.WeightRMS)
		add("storage_error", g.StorageError)
	}
	return out
}

// buildTrain is the whole step in one graph.
func (s *Stepper) buildTrain(apply applier) func(scope *model.Scope, in []*Node) []*Node {
	return func(scope *model.Scope, in []*Node) []*Node {
		nll, count := s.loss(scope, in)
		mean := Div(nll, MaxScalar(count, 1))
		return append([]*Node{nll, count}, apply(scope, s.Opt.Gradients(scope, mean), mean)...)
	}
}

// buildGather adds one micro-batch's gradients to the accumulators.
func (s *Stepper) buildGather(scope *model.Scope, in []*Node) []*Node {
	nll, count := s.loss(scope, in)
	s.Opt.Accumulate(scope, s.Opt.Gradients(scope, nll), count)
	return []*Node{nll, count}
}

// buildDrain is the last micro-batch of a step: it updates with the mean over
// all scored targets of the step.
func (s *Stepper) buildDrain(apply applier) func(scope *model.Scope, in []*Node) []*Node {
	return func(scope *model.Scope, in []*Node) []*Node {
		nll, count := s.loss(scope, in)
		sums, total := s.Opt.Drain(scope, s.Opt.Gradients(scope, nll), count)
		scale := Reciprocal(MaxScalar(total, 1))
		for i := range sums {
			sums[i] = Mul(sums[i], scale)
		}
		return append([]*Node{nll, count}, apply(scope, sums, nll)...)
	}
}

func (s *Stepper) buildEval(scope *model.Scope, in []*Node) []*Node {
	nll, count := s.loss(scope, in)
	return []*Node{nll, count}
}

// call runs a graph on a batch and returns its outputs as numbers.
func call(exec *model.Exec, r Rows) ([]float64, error) {
	tensor := func(flat []int32) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(flat, r.B, r.T) }
	out, err := exec.Call(tensor(r.Tokens), tensor(r.Targets), tensor(r.Positions), tensor(r.Segments), r.Key)
	if err != nil {
		return nil, fmt.Errorf("running the step: %w", err)
	}
	values := make([]float64, len(out))
	for i, t := range out {
		values[i] = float64(tensors.ToScalar[float32](t))
		t.FinalizeAll()
	}
	return values, nil
}

// Train makes one update from one or more micro-batches.
func (s *Stepper) Train(batches []Rows) (StepResult, error) {
	return s.step(batches, s.train, s.drain)
}

// TrainMeasured is Train that measures the health of the step too, on graphs of
// its own, which compile at their first call.
func (s *Stepper) TrainMeasured(batches []Rows) (StepResult, error) {
	return s.step(batches, s.trainMeasured, s.drainMeasured)
}

// step makes an update with the graph for one batch or the one for the last of
// several.
func (s *Stepper) step(batches []Rows, one, last *model.Exec) (StepResult, error) {
	exec := one
	var r StepResult
	if len(batches) > 1 {
		exec = last
		for _, b := range batches[:len(batches)-1] {
			v, err := call(s.gather, b)
			if err != nil {
				return r, err
			}
			r.NLL, r.Count = r.NLL+v[0], r.Count+v[1]
		}
	}
	v, err := call(exec, batches[len(batches)-1])
	if err != nil {
		return r, err
	}
	if !s.released {
		backend.Release()
		s.released = true
	}
	r = StepResult{NLL: r.NLL + v[0], Count: r.Count + v[1], GradNorm: v[2], Skipped: v[3] != 0}
	for i, x := range v[4:] {
		if r.Health == nil {
			r.Health = map[string]float64{}
		}
		r.Health[s.health[i]] = x
	}
	return r, nil
}

// Eval returns the summed nats and the number of scored targets of a batch.
func (s *Stepper) Eval(b Rows) (nll, count float64, err error) {
	v, err := call(s.eval, b)
	if err != nil {
		return 0, 0, err
	}
	return v[0], v[1], nil
}

// OptimParams describes a model's parameters to the optimizer.
func OptimParams(params []lm.Param) []optim.Param {
	out := make([]optim.Param, len(params))
	for i, p := range params {
		out[i] = optim.Param{Name: p.Name, Shape: p.Shape, Class: string(p.Class), FanIn: p.FanIn, FanOut: p.FanOut}
	}
	return out
}
