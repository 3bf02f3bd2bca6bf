package optim

import (
	"slices"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/nanochat-go/nanochat/optim/update"
)

// Hyperparameters that Builder.FromScope reads besides GoMLX's learning_rate.
const (
	ParamRestLearningRate = "rest_learning_rate" // float64
	ParamWeightDecay      = "weight_decay"       // float64
	ParamClipNorm         = "clip_norm"          // float64
)

// Builder makes the optimizer of a plain GoMLX program, whose parameters are
// the variables that its graph trains, as Describe sees them: one rule takes
// the matrices inside the model and another one everything else. The method
// Optimizer of a rule starts it.
type Builder struct {
	matrices, other   update.Rule
	lr, restLR        float64 // restLR 0: as lr
	weightDecay, clip float64
	lossGuard         bool
	rest              []string
	matrixState       update.Storage
	matrixSpace       update.Space
	growthLimit       float64
}

// Build starts a Builder from the two rules and the learning rate of both.
func Build(matrices, rest update.Rule, lr float64) *Builder {
	return &Builder{matrices: matrices, other: rest, lr: lr}
}

// WithRest hands matrices to the other rule whose paths fit one of the globs,
// for example the last layer's: "*/readout/*". A glob's * fits any characters.
func (b *Builder) WithRest(globs ...string) *Builder {
	b.rest = append(b.rest, globs...)
	return b
}

// WithRestLearningRate sets the learning rate of everything but the matrices.
func (b *Builder) WithRestLearningRate(lr float64) *Builder { b.restLR = lr; return b }

// WithWeightDecay sets the decoupled decay of all parameters of rank 2 and
// more. Gains and biases do not decay.
func (b *Builder) WithWeightDecay(decay float64) *Builder { b.weightDecay = decay; return b }

// WithMatrixState sets how the state of the matrices is kept between steps, see
// package storage: Linear8 makes Muon 8-bit Muon. Matrices with fewer than
// DefaultStoreFrom values keep float32.
func (b *Builder) WithMatrixState(s update.Storage) *Builder { b.matrixState = s; return b }

// WithMatrixSpace sets where the moments of the matrices live, see package foam.
func (b *Builder) WithMatrixSpace(s update.Space) *Builder { b.matrixSpace = s; return b }

// WithGrowthLimit sets the matrices' Group.GrowthLimit.
func (b *Builder) WithGrowthLimit(limit float64) *Builder { b.growthLimit = limit; return b }

// WithLossGuard skips steps by their loss alone, see Config.LossGuard.
func (b *Builder) WithLossGuard() *Builder { b.lossGuard = true; return b }

// WithClip bounds the joint norm of the gradients.
func (b *Builder) WithClip(norm float64) *Builder { b.clip = norm; return b }

// FromScope replaces settings by the hyperparameters of a store that are set.
func (b *Builder) FromScope(scope *model.Scope) *Builder {
	b.lr = model.GetParamOr(scope, optimizer.ParamLearningRate, b.lr)
	b.restLR = model.GetParamOr(scope, ParamRestLearningRate, b.restLR)
	b.weightDecay = model.GetParamOr(scope, ParamWeightDecay, b.weightDecay)
	b.clip = model.GetParamOr(scope, ParamClipNorm, b.clip)
	return b
}

// Config returns the groups that the builder amounts to, for New with a list of
// parameters of one's own.
func (b *Builder) Config() Config {
	lr := b.restLR
	if lr == 0 {
		lr = b.lr
	}
	groups := []Group{
		{Class: []string{"matrix"}, Rule: b.matrices, LR: b.lr, WeightDecay: b.weightDecay, Storage: b.matrixState, Space: b.matrixSpace, GrowthLimit: b.growthLimit, optional: true},
		{Class: []string{"vector"}, Rule: b.other, LR: lr, optional: true},
		{Rule: b.other, LR: lr, WeightDecay: b.weightDecay},
	}
	if len(b.rest) > 0 {
		groups = slices.Insert(groups, 0, Group{Match: b.rest, Rule: b.other, LR: lr, WeightDecay: b.weightDecay})
	}
	return Config{Groups: groups, Clip: b.clip, LossGuard: b.lossGuard}
}

// Done returns the optimizer; it panics if a setting is out of range.
func (b *Builder) Done() *Optimizer {
	o, err := New(nil, b.Config())
	if err != nil {
		panic(err)
	}
	return o
}
