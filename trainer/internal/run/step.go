package run

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/precision/quant"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// Rows is one batch of B rows of T positions as the step wants it.
type Rows struct {
	B, T                                 int
	Tokens, Targets, Positions, Segments []int32

	// Key is what the random numbers of a training step on this batch depend on.
	Key uint32
	// Values are those of an Objective for this step.
	Values []float32
}

// StepResult is what one call of the training step returns.
type StepResult struct {
	NLL      float64 // Σ nats over the scored targets
	Count    float64 // number of scored targets
	GradNorm float64
	Skipped  bool

	// Parts are the means of what the objective reports.
	Parts map[string]float64
	// Health has the measures of optim.GroupHealth and quant.Health, of TrainMeasured
	// only, under the names of package track.
	Health map[string]float64
}

// Stepper holds a model's variables and its compiled graphs.
type Stepper struct {
	Store *model.Store
	Model *lm.Model
	Opt   *optim.Optimizer

	// Objective is what training minimises, nil for the next token's loss. It is set
	// before the first step.
	Objective *Objective

	backend compute.Backend
	parts   []string // what the objective reports, known once a graph is built

	train, gather, drain, eval *model.Exec

	trainMeasured, drainMeasured *model.Exec
	health                       []string // what those return behind the others, known once they are built

	released bool // memory that only the first update needs
}

// NewStepper makes the variables of a model with their initial values, those
// of its optimizer, and the graphs, which compile at their first call.
func NewStepper(b compute.Backend, m *lm.Model, opt *optim.Optimizer, seed uint64) (*Stepper, error) {
	s := &Stepper{Store: model.NewStore(), Model: m, Opt: opt, backend: b}
	if err := m.InitStore(s.Store, seed); err != nil {
		return nil, err
	}
	opt.InitState(s.Store)
	return s, s.build()
}

// build makes the graphs of the model.
func (s *Stepper) build() error {
	for _, g := range []struct {
		exec  **model.Exec
		build func(scope *model.Scope, in []*Node) []*Node
	}{
		{&s.train, s.buildTrain(false)}, {&s.gather, s.buildGather}, {&s.drain, s.buildDrain(false)}, {&s.eval, s.buildEval},
		{&s.trainMeasured, s.buildTrain(true)}, {&s.drainMeasured, s.buildDrain(true)},
	} {
		exec, err := model.NewExec(s.backend, s.Store, g.build)
		if err != nil {
			return fmt.Errorf("building the step: %w", err)
		}
		*g.exec = exec
	}
	return nil
}

// Switch goes on with another model of the same parameters, which compiles at the next
// step.
func (s *Stepper) Switch(m *lm.Model) error {
	s.closeGraphs()
	s.Model, s.released = m, false
	return s.build()
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
	s.closeGraphs()
	s.Store.Finalize()
}

func (s *Stepper) closeGraphs() {
	for _, exec := range []*model.Exec{s.train, s.gather, s.drain, s.eval, s.trainMeasured, s.drainMeasured} {
		exec.Finalize()
	}
}

// apply makes an update in a graph and returns the norm of the gradients, whether it
// was skipped, and, if it is measured, the measures, seen among them.
func (s *Stepper) apply(scope *model.Scope, grads []*Node, loss *Node, measured bool, seen *measures) []*Node {
	if !measured {
		m := s.Opt.Apply(scope, grads, loss)
		return []*Node{m.GradNorm, m.Skipped}
	}
	m := s.Opt.ApplyMeasured(scope, grads, loss)
	out := []*Node{m.GradNorm, m.Skipped}
	rules := s.Opt.Rules()
	s.health = nil
	add := func(name string, x *Node) {
		if x != nil {
			s.health, out = append(s.health, name), append(out, x)
		}
	}
	for i, g := range m.Groups {
		group := fmt.Sprintf("%d.%s", i, rules[i])
		add(track.UpdateRMS+group, g.UpdateRMS)
		add(track.WeightRMS+group, g.WeightRMS)
		add(track.StorageError+group, g.StorageError)
	}
	summarise(seen.operands, add)
	for _, name := range seen.names {
		add(name, mean(seen.forward[name]))
	}
	return out
}

// measures are what a graph reports of itself.
type measures struct {
	operands []quant.Health
	names    []string // of what the forward pass reports, in order
	forward  map[string][]*Node
}

// add is called once for each part of the batch.
func (m *measures) add(name string, x *Node) {
	if m.forward == nil {
		m.forward = map[string][]*Node{}
	}
	if m.forward[name] == nil {
		m.names = append(m.names, name)
	}
	m.forward[name] = append(m.forward[name], x)
}

func mean(x []*Node) *Node {
	sum := x[0]
	for _, y := range x[1:] {
		sum = Add(sum, y)
	}
	return DivScalar(sum, float64(len(x)))
}

// summarise adds the measures of what was quantised, by operand: their means over the
// linears, and of the biases the root mean square.
func summarise(seen []quant.Health, add func(name string, x *Node)) {
	var operands []string
	by := map[string][]quant.Health{}
	for _, h := range seen {
		if by[h.Operand] == nil {
			operands = append(operands, h.Operand)
		}
		by[h.Operand] = append(by[h.Operand], h)
	}
	for _, o := range operands {
		mean := func(of func(h quant.Health) *Node) *Node {
			var all []*Node
			for _, h := range by[o] {
				all = append(all, of(h))
			}
			return mean(all)
		}
		add(track.QuantError+o, mean(func(h quant.Health) *Node { return h.Error }))
		add(track.QuantCosine+o, mean(func(h quant.Health) *Node { return h.Cosine }))
		add(track.QuantUnderflow+o, mean(func(h quant.Health) *Node { return h.Underflow }))
		add(track.QuantClipped+o, mean(func(h quant.Health) *Node { return h.Clipped }))
		add(track.QuantBias+o, Sqrt(mean(func(h quant.Health) *Node { return Square(h.Bias) })))
		if !slices.ContainsFunc(by[o], func(h quant.Health) bool { return h.Spread == nil }) {
			spread := mean(func(h quant.Health) *Node { return h.Spread })
			for i := range quant.SpreadBins {
				add(fmt.Sprintf("%s%s/%02d", track.QuantSpread, o, i), Reshape(Slice(spread, AxisElem(i))))
			}
		}
	}
}

// losses evaluates the objective, and lists what its graph reports, and it and that of
// its gradients quantise, if it is measured.
func (s *Stepper) losses(scope *model.Scope, in []*Node, measured bool) (l *lm.Losses, seen *measures) {
	seen = &measures{}
	m, operands := s.Model, &quant.Operands{Key: in[4]}
	if measured {
		m = m.WithMeasures(seen.add)
		operands.Observe = func(h quant.Health) { seen.operands = append(seen.operands, h) }
	}
	of := []lm.Objective{lm.NextToken{}}
	if s.Objective != nil {
		of = s.Objective.Build(in[5])
	}
	l = m.Losses(of, operands, scope, in[0], in[1], in[2], in[3])
	s.parts = nil
	for _, p := range l.Parts {
		s.parts = append(s.parts, p.Name)
	}
	return l, seen
}

// reported are the next token's loss, its count, and the parts of the losses.
func reported(l *lm.Losses) []*Node {
	out := []*Node{l.NLL, l.Count}
	for _, p := range l.Parts {
		out = append(out, p.Sum, p.Count)
	}
	return out
}

// buildTrain is the whole step in one graph.
func (s *Stepper) buildTrain(measured bool) func(scope *model.Scope, in []*Node) []*Node {
	return func(scope *model.Scope, in []*Node) []*Node {
		l, seen := s.losses(scope, in, measured)
		mean := Div(l.Objective, MaxScalar(l.Count, 1))
		grads := s.Opt.Gradients(scope, mean)
		return append(reported(l), s.apply(scope, grads, mean, measured, seen)...)
	}
}

// buildGather adds one micro-batch's gradients to the accumulators.
func (s *Stepper) buildGather(scope *model.Scope, in []*Node) []*Node {
	l, _ := s.losses(scope, in, false)
	s.Opt.Accumulate(scope, s.Opt.Gradients(scope, l.Objective), l.Count)
	return reported(l)
}

// buildDrain is the last micro-batch of a step: it updates with the mean over
// all scored targets of the step.
func (s *Stepper) buildDrain(measured bool) func(scope *model.Scope, in []*Node) []*Node {
	return func(scope *model.Scope, in []*Node) []*Node {
		l, seen := s.losses(scope, in, measured)
		sums, total := s.Opt.Drain(scope, s.Opt.Gradients(scope, l.Objective), l.Count)
		scale := Reciprocal(MaxScalar(total, 1))
		for i := range sums {
			sums[i] = Mul(sums[i], scale)
		}
		return append(reported(l), s.apply(scope, sums, l.Objective, measured, seen)...)
	}
}

// buildEval is the next token's loss alone, whatever the objective.
func (s *Stepper) buildEval(scope *model.Scope, in []*Node) []*Node {
	nll, count := s.Model.LossWith(&quant.Operands{Key: in[4]}, scope, in[0], in[1], in[2], in[3])
	return []*Node{nll, count}
}

// call runs a graph on a batch and returns its outputs as numbers.
func call(exec *model.Exec, r Rows) ([]float64, error) {
	tensor := func(flat []int32) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(flat, r.B, r.T) }
	in := []any{tensor(r.Tokens), tensor(r.Targets), tensor(r.Positions), tensor(r.Segments), r.Key}
	if r.Values != nil {
		in = append(in, r.Values)
	}
	out, err := exec.Call(in...)
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
	var sums []float64 // of what reported lists
	add := func(v []float64) {
		if sums == nil {
			sums = make([]float64, 2+2*len(s.parts))
		}
		for i := range sums {
			sums[i] += v[i]
		}
	}
	if len(batches) > 1 {
		exec = last
		for _, b := range batches[:len(batches)-1] {
			v, err := call(s.gather, b)
			if err != nil {
				return r, err
			}
			add(v)
		}
	}
	v, err := call(exec, batches[len(batches)-1])
	if err != nil {
		return r, err
	}
	add(v)
	if !s.released {
		backend.Release()
		s.released = true
	}
	v = v[len(sums):]
	r = StepResult{NLL: sums[0], Count: sums[1], GradNorm: v[0], Skipped: v[1] != 0}
	for i, name := range s.parts {
		if r.Parts == nil {
			r.Parts = map[string]float64{}
		}
		r.Parts[name] = sums[2+2*i] / max(sums[3+2*i], 1)
	}
	for i, x := range v[2:] {
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
