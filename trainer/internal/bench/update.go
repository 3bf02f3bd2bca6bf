package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/optim"
)

// Matrices describes parameters as NxROWSxCOLS joined by commas: so many
// matrices of a shape each.
func Matrices(text string) ([]optim.Param, error) {
	var params []optim.Param
	for _, part := range strings.Split(text, ",") {
		var n [3]int
		fields := strings.Split(part, "x")
		for i := range n {
			if len(fields) == len(n) {
				n[i], _ = strconv.Atoi(fields[i])
			}
			if n[i] < 1 {
				return nil, fmt.Errorf("matrices %q: want COUNTxROWSxCOLUMNS, such as 16x512x2048, joined by commas", part)
			}
		}
		for range n[0] {
			params = append(params, optim.Param{Name: fmt.Sprintf("matrix.%d", len(params)), Shape: []int{n[1], n[2]}, Class: "matrix", FanIn: 0, FanOut: 1})
		}
	}
	return params, nil
}

// Updater times updates of one optimizer, without a model: gradients and
// weights are on the device already.
type Updater struct {
	StateBytes int64
	Parameters int

	store *model.Store
	exec  *model.Exec
}

// NewUpdater makes weights, gradients and the optimizer's state, and compiles. It is
// told whether the optimizer has optim.Config.LossGuard.
func NewUpdater(b compute.Backend, o *optim.Optimizer, params []optim.Param, lossGuard bool) (*Updater, error) {
	u := &Updater{StateBytes: o.PlanStateBytes(), store: model.NewStore()}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range params {
		u.Parameters += p.Size()
		for _, prefix := range []string{"/", "/gradient/"} {
			values := make([]float32, p.Size())
			for i := range values {
				values[i] = float32(0.02 * rng.NormFloat64())
			}
			v, err := u.store.CreateVariable(prefix+p.Name, tensors.FromFlatDataAndDimensions(values, p.Shape...))
			if err != nil {
				return nil, err
			}
			v.SetTrainable(prefix == "/")
		}
	}
	o.InitState(u.store)
	var err error
	u.exec, err = model.NewExec(b, u.store, func(scope *model.Scope, loss *Node) *Node {
		var grads []*Node
		for _, p := range params {
			grads = append(grads, u.store.GetVariable("/gradient/"+p.Name).NodeValue(loss.Graph()))
		}
		m := o.Apply(scope, grads, loss)
		if lossGuard {
			return OneMinus(m.Skipped) // and nobody wants the norm
		}
		return m.GradNorm
	})
	if err != nil {
		return nil, err
	}
	for range 2 { // compiles, and the first update may be special
		if err := u.Update(1); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// Update makes n updates.
func (u *Updater) Update(n int) error {
	for range n {
		out, err := u.exec.Call(float32(1))
		if err != nil {
			return err
		}
		if norm := tensors.ToScalar[float32](out[0]); !(norm > 0) { // waits for the device
			return fmt.Errorf("the update was skipped, or the norm of the gradients is %g", norm)
		}
		out[0].FinalizeAll()
	}
	return nil
}

// Close frees the variables and the graph.
func (u *Updater) Close() {
	u.exec.Finalize()
	u.store.Finalize()
}

// Contestant is something whose updates are timed.
type Contestant struct {
	Name   string
	Update func(n int) error
}

// Race times the contestants in turn, so many rounds, n updates each, and
// returns the seconds of an update by contestant and round.
func Race(ctx context.Context, contestants []Contestant, rounds, n int) (map[string][]float64, error) {
	if rounds < 1 || n < 1 {
		return nil, errors.New("want at least one round of one update")
	}
	seconds := map[string][]float64{}
	for range rounds {
		for _, c := range contestants {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			start := time.Now()
			if err := c.Update(n); err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			seconds[c.Name] = append(seconds[c.Name], time.Since(start).Seconds()/float64(n))
		}
	}
	return seconds, nil
}

// Median is the middle of the values, the mean of the two for an even number, and 0
// of none.
func Median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Ratio is the median of a/b within rounds.
func Ratio(a, b []float64) float64 {
	var r []float64
	for i := range min(len(a), len(b)) {
		r = append(r, a[i]/b[i])
	}
	return Median(r)
}
