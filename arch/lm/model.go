package lm

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/nanochat-go/nanochat/arch/mhc"
	"github.com/nanochat-go/nanochat/precision/policy"
	"github.com/nanochat-go/nanochat/precision/quant"
)

// Model builds the graphs of one configuration. It holds no weights: those are
// variables of a store, made by InitStore.
type Model struct {
	Config Config

	shards int
	policy quant.Policy
	stream Stream
	stack  BlockStack
	params map[string]Param
	// measure, when set, takes what Build.Measure reports.
	measure func(name string, value *Node)
}

// Option changes how a Model computes.
type Option func(*Model)

// WithPolicy chooses the precision of each linear by its weight's name. It
// replaces what Config.Ternary would choose.
func WithPolicy(p quant.Policy) Option { return func(m *Model) { m.policy = p } }

// WithStream replaces the plain residual stream.
func WithStream(s Stream) Option { return func(m *Model) { m.stream = s } }

// WithShards divides the sequences of a batch into n groups whose losses are
// built as independent parts of one graph. The sums are the same. A backend
// whose operations use one thread each, as most of the Go backend's do, then
// keeps n cores busy.
func WithShards(n int) Option { return func(m *Model) { m.shards = n } }

// WithDepth makes a looped model run its blocks another number of times than
// Config.Loop says; 0 means what it says.
func WithDepth(loops int) Option {
	return func(m *Model) {
		if loops > 0 {
			m.stack.Loops = loops
		}
	}
}

// New returns the model of a configuration, completed by its defaults.
func New(c Config, opts ...Option) (*Model, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	m := &Model{Config: c.WithDefaults(), stream: Residual{}, params: map[string]Param{}}
	m.policy = quant.Uniform{}
	if c.Ternary {
		m.policy = quant.Uniform(policy.MustBuiltin("ternary"))
	}
	for i := range c.NumLayers {
		m.stack.Core = append(m.stack.Core, decoderBlock{layer: i})
	}
	m.stack.Loops = c.Passes()
	if c.MHC.Enabled() {
		m.stream = hyperConnections{m.Config.MHC}
	}
	for _, p := range m.Config.Params() {
		m.params[p.Name] = p
	}
	for _, opt := range opts {
		opt(m)
	}
	return m, nil
}

// Params lists the parameters, see Config.Params.
func (m *Model) Params() []Param { return m.Config.Params() }

// InitStore makes every parameter a trainable variable "/"+Name of the store
// with its initial value. It is an error if one exists already.
func (m *Model) InitStore(store *model.Store, seed uint64) error {
	for _, p := range m.Params() {
		if store.GetVariable("/"+p.Name) != nil {
			return fmt.Errorf("lm: parameter %s is in the store already", p.Name)
		}
		t := tensors.FromFlatDataAndDimensions(p.Init(seed), p.Shape...)
		if _, err := store.CreateVariable("/"+p.Name, t); err != nil {
			return fmt.Errorf("lm: parameter %s: %w", p.Name, err)
		}
	}
	return nil
}

// WithMeasures returns the same model, whose graphs report measures of the
// forward pass: measure receives the name and the scalar node of each, as often
// as the graph holds it, once for each shard for example.
func (m *Model) WithMeasures(measure func(name string, value *Node)) *Model {
	measured := *m
	measured.measure = measure
	return &measured
}

// Build is one graph under construction: the model, the store's variables, the
// Keys that the layers attend to and the Stream that they touch.
type Build struct {
	model  *Model
	scope  *model.Scope
	g      *Graph
	keys   Keys
	stream Stream
	rope   ropeTables
	remat  int // sublayers that are recomputed together
	// operands is what the linears of the graph have quantised.
	operands *quant.Operands
	// first is the stream before the blocks, middle what Backout subtracts.
	first, middle *Node
	// use, when set, sees every node from outside of a block that is used inside,
	// its parameters above all, and replaces it.
	use func(p *Node) *Node
	// again says that the graph is a recomputation, whose measures are known.
	again bool
	// gains follows the residual maps of hyper-connections.
	gains mhc.Meter
}

// Measured says whether measures are wanted: those that cost something are
// built only then.
func (c *Build) Measured() bool { return c.model.measure != nil && !c.again }

// Measure reports a scalar of the forward pass.
func (c *Build) Measure(name string, value *Node) {
	if c.Measured() {
		c.model.measure(name, StopGradient(value))
	}
}

// Param returns the node of a parameter. Every parameter of the graph comes
// from here.
func (c *Build) Param(name string) *Node {
	want, ok := c.model.params[name]
	if !ok {
		exceptions.Panicf("lm: the model has no parameter %q", name)
	}
	v := c.scope.Store().GetVariable("/" + name)
	if v == nil {
		exceptions.Panicf("lm: parameter %q is not in the store: call InitStore or load it first", name)
	}
	if shape := shapes.Make(dtypes.Float32, want.Shape...); !v.Shape().Equal(shape) {
		exceptions.Panicf("lm: parameter %q is %s in the store, the model wants %s", name, v.Shape(), shape)
	}
	p := v.NodeValue(c.g)
	if c.use != nil {
		return c.use(p)
	}
	return p
}

// Linear returns x·W for the named weight, in the precision that the policy
// chooses for it.
func (c *Build) Linear(name string, x *Node) *Node {
	return c.operands.Linear(name, c.model.policy.Recipe(name), x, c.Param(name))
}

// Norm applies the RMSNorm with the named gain, or none with Config.NoGain, over
// the last axis.
func (c *Build) Norm(name string, x *Node) *Node {
	if c.model.Config.NoGain {
		return rmsNorm(x, nil, c.model.Config.NormEps)
	}
	return rmsNorm(x, c.Param(name), c.model.Config.NormEps)
}

// Hidden returns the hidden states [B, T, C] after the final norm, for int32
// tokens, positions and segments [B, T].
func (m *Model) Hidden(scope *model.Scope, tokens, pos, seg *Node) *Node {
	return m.HiddenWith(OwnKeys{}, scope, tokens, pos, seg)
}

// HiddenWith is Hidden with another choice of keys, a cache for example.
func (m *Model) HiddenWith(keys Keys, scope *model.Scope, tokens, pos, seg *Node) *Node {
	return m.forward(new(quant.Operands), keys, scope, tokens, pos, seg).Final()
}

// Logits returns the logits [B, T, V] of every position, soft-capped when the
// configuration says so.
func (m *Model) Logits(scope *model.Scope, tokens, pos, seg *Node) *Node {
	return m.Unembed(scope, m.Hidden(scope, tokens, pos, seg))
}

// Unembed returns the logits [..., V] of hidden states [..., C].
func (m *Model) Unembed(scope *model.Scope, hidden *Node) *Node {
	z := quant.Linear(policy.Recipe{}, hidden, m.head(scope, hidden.Graph()))
	return softCap(z, m.Config.SoftCap)
}

// head returns the unembedding [C, V].
func (m *Model) head(scope *model.Scope, g *Graph) *Node {
	c := &Build{model: m, scope: scope, g: g}
	if m.Config.Tied {
		return Transpose(c.Param("model.embed_tokens.weight"), 0, 1)
	}
	return c.Param("lm_head.weight")
}

// softCap returns limit·tanh(z/limit), or z when limit is 0.
func softCap(z *Node, limit float64) *Node {
	if limit == 0 {
		return z
	}
	return MulScalar(Tanh(MulScalar(z, 1/limit)), limit)
}
