package infer

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/minifloat"
)

// ErrClosed is returned by every use of an engine after Close.
var ErrClosed = errors.New("infer: the engine is closed")

// Source delivers the weights of a model in the layout of files.
type Source = lm.Source

// SourceFunc makes a Source of a function.
type SourceFunc func(name string) (data []float32, shape []int, err error)

// Tensor calls f.
func (f SourceFunc) Tensor(name string) ([]float32, []int, error) { return f(name) }

// FromGraph is a Source over values in the layout of the training graph, where
// linears are [in, out]: get returns the values of a parameter of c, a variable
// of a store for example.
func FromGraph(c lm.Config, get func(name string) ([]float32, error)) Source {
	params := map[string]lm.Param{}
	for _, p := range c.Params() {
		params[p.Name] = p
	}
	return SourceFunc(func(name string) ([]float32, []int, error) {
		p, ok := params[name]
		if !ok {
			return nil, nil, fmt.Errorf("infer: the model has no parameter %q", name)
		}
		v, err := get(name)
		if err != nil {
			return nil, nil, err
		}
		if len(v) != p.Size() {
			return nil, nil, fmt.Errorf("infer: parameter %q has %d values, want %v", name, len(v), p.Shape)
		}
		if p.Linear {
			v = transpose(v, p.Shape[0], p.Shape[1])
		}
		return v, p.DiskShape(), nil
	})
}

// transpose returns v [rows, cols] as [cols, rows].
func transpose(v []float32, rows, cols int) []float32 {
	out := make([]float32, len(v))
	for i := range rows {
		for j := range cols {
			out[j*rows+i] = v[i*cols+j]
		}
	}
	return out
}

// Option changes how an engine runs.
type Option func(*Engine)

// WithThreads sets how many goroutines compute, the caller's included; 0 or
// less means as many as GOMAXPROCS. Results do not depend on it.
func WithThreads(n int) Option { return func(e *Engine) { e.threads = n } }

// WithBFloat16 keeps the linears that are not ternary, the head among them, as bfloat16
// values, rounded to nearest: half the memory, and half of what a token reads.
func WithBFloat16() Option { return func(e *Engine) { e.bf16 = true } }

// Rounder rounds rows of activations in place to the values of a format; an error
// leaves a row as it is. Rounders of one format are equal.
type Rounder interface{ Round(x []float32) error }

// WithOperands rounds what a weight multiplies by the rounder that of returns for its
// name, not at all for nil: as programs do whose products are of blocks of integers. A
// tied head is lm_head.weight. Weights that read the same rows, q_proj, k_proj and
// v_proj for one, must have equal rounders. Ternary models have a rounding of their own.
func WithOperands(of func(weight string) Rounder) Option { return func(e *Engine) { e.operands = of } }

// Engine holds the weights of a model. Its methods may be called concurrently;
// sequences live in Sessions.
type Engine struct {
	cfg     lm.Config
	width   int // of the residual stream: C, times the streams of hyper-connections
	threads int
	bf16    bool
	pool    *pool

	embedding []float32 // [V, C]
	layers    []layer
	heads     []laterHead // for the tokens after the next
	norm      []float32
	nano      nano
	gate      []float32 // of a looped model, and its bias; nil without one
	bias      float32
	head      linear
	cos, sin  []float32 // [Context, d/2]

	operands func(weight string) Rounder // nil: none
	final    Rounder                     // of what the head reads

	// watch sees every row of activations before it is quantised; tests use it.
	watch func(x []float32)

	mu     sync.RWMutex // held for reading while a session computes
	closed bool
}

// layer holds the weights of one block.
type layer struct {
	norm1, norm2, qNorm, kNorm []float32
	write1, write2             []float32 // norms of what the sublayers write, nil without
	attnNorm, mlpNorm          []float32 // SubLN
	nano                       nanoLayer
	window                     int    // 0: all
	mix1, mix2                 *mixer // hyper-connections, nil for a plain residual
	q, k, v, o, gate, up, down linear
	operands                   operands
}

// operands are the rounders of what the linears of a block read.
type operands struct{ qkv, o, mlp, down Rounder }

// New loads a model from src. Call Close to end its worker goroutines.
func New(cfg lm.Config, src Source, opts ...Option) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg.WithDefaults()}
	e.width = e.cfg.Dim * max(1, e.cfg.MHC.Streams)
	for _, opt := range opts {
		opt(e)
	}
	if e.threads < 1 {
		e.threads = runtime.GOMAXPROCS(0)
	}
	if err := e.load(src); err != nil {
		return nil, err
	}
	e.cos, e.sin = e.cfg.RopeTable(e.cfg.Context)
	e.pool = newPool(e.threads)
	return e, nil
}

const gateWeight = "model.early_exit_gate.weight"

// load reads every parameter of the configuration once, in order.
func (e *Engine) load(src Source) error {
	tensors := map[string][]float32{}
	linears := map[string]linear{}
	for _, p := range e.cfg.Params() {
		data, shape, err := src.Tensor(p.Name)
		if err != nil {
			return fmt.Errorf("infer: loading %s: %w", p.Name, err)
		}
		if want := p.DiskShape(); !slices.Equal(want, shape) || len(data) != p.Size() {
			return fmt.Errorf("infer: %s is %v with %d values, the configuration wants %v", p.Name, shape, len(data), want)
		}
		for i, v := range data {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("infer: %s holds %g at index %d", p.Name, v, i)
			}
		}
		switch {
		case p.Name == gateWeight: // one output: a vector
			tensors[p.Name] = data
		case p.Class == lm.Matrix && e.cfg.Ternary:
			linears[p.Name] = pack(data, shape[0], shape[1])
		case strings.HasSuffix(p.Name, "smear_gate.weight"), strings.HasSuffix(p.Name, "value_gate.weight"):
			linears[p.Name] = &dense[float32]{data, shape[0], shape[1]}
		case p.Linear:
			linears[p.Name] = e.dense(data, shape[0], shape[1])
		default:
			tensors[p.Name] = data
		}
	}
	e.embedding, e.norm = tensors["model.embed_tokens.weight"], tensors["model.norm.weight"]
	e.nano = e.loadNano(tensors, linears)
	e.head = linears["lm_head.weight"]
	if e.cfg.Loop.Gate {
		e.gate, e.bias = tensors[gateWeight], tensors["model.early_exit_gate.bias"][0]
	}
	if e.cfg.Tied {
		e.head = e.dense(e.embedding, e.cfg.VocabSize, e.cfg.Dim)
	}
	for i := range e.cfg.NumLayers + e.cfg.MTP.Heads {
		l := e.layer(i, tensors, linears)
		if i < e.cfg.NumLayers {
			l.nano = e.loadNanoLayer(i, tensors, linears)
			e.layers = append(e.layers, l)
			continue
		}
		at := func(name string) string { return fmt.Sprintf("model.layers.%d.%s.weight", i, name) }
		e.heads = append(e.heads, laterHead{layer: l, hNorm: tensors[at("hnorm")], eNorm: tensors[at("enorm")], proj: linears[at("eh_proj")]})
	}
	return e.loadOperands()
}

// loadOperands asks for the rounder of every linear.
func (e *Engine) loadOperands() error {
	if e.operands == nil {
		return nil
	}
	if e.cfg.Ternary {
		return errors.New("infer: operands of a ternary model are rounded to int8 by row, not by a Rounder")
	}
	e.final = e.operands("lm_head.weight")
	for i := range e.layers {
		one := func(names ...string) (r Rounder, err error) {
			for k, name := range names {
				name = fmt.Sprintf("model.layers.%d.%s.weight", i, name)
				if k == 0 {
					r = e.operands(name)
				} else if other := e.operands(name); other != r {
					return nil, fmt.Errorf("infer: %s reads rows that are rounded to %v, not to %v", name, r, other)
				}
			}
			return r, nil
		}
		mlp := []string{"mlp.up_proj"}
		if e.cfg.Gated() {
			mlp = append(mlp, "mlp.gate_proj")
		}
		var errs [4]error
		o := &e.layers[i].operands
		o.qkv, errs[0] = one("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		o.o, errs[1] = one("self_attn.o_proj")
		o.mlp, errs[2] = one(mlp...)
		o.down, errs[3] = one("mlp.down_proj")
		if err := errors.Join(errs[:]...); err != nil {
			return err
		}
	}
	return nil
}

// layer is the block with a number.
func (e *Engine) layer(i int, tensors map[string][]float32, linears map[string]linear) layer {
	at := func(name string) string { return fmt.Sprintf("model.layers.%d.%s.weight", i, name) }
	return layer{
		norm1: tensors[at("input_layernorm")], norm2: tensors[at("post_attention_layernorm")],
		write1: tensors[at("input_layernorm_2")], write2: tensors[at("post_attention_layernorm_2")],
		qNorm: tensors[at("self_attn.q_norm")], kNorm: tensors[at("self_attn.k_norm")],
		attnNorm: tensors[at("self_attn.attn_sub_norm")], mlpNorm: tensors[at("mlp.ffn_sub_norm")],
		q: linears[at("self_attn.q_proj")], k: linears[at("self_attn.k_proj")],
		v: linears[at("self_attn.v_proj")], o: linears[at("self_attn.o_proj")],
		gate: linears[at("mlp.gate_proj")], up: linears[at("mlp.up_proj")], down: linears[at("mlp.down_proj")],
		window: e.cfg.LayerWindow(i),
		mix1:   e.loadMixer(i, "self_attn", tensors), mix2: e.loadMixer(i, "mlp", tensors),
	}
}

// Config is the model's configuration, completed by its defaults.
func (e *Engine) Config() lm.Config { return e.cfg }

// WeightBytes is the memory that the weights take. A tied head is counted once, unless
// it has another type than the embedding.
func (e *Engine) WeightBytes() int64 {
	n := 4 * int64(len(e.embedding)+len(e.norm)+len(e.gate)+e.nano.size())
	if e.gate != nil {
		n += 4
	}
	if !e.cfg.Tied || e.bf16 {
		n += e.head.bytes()
	}
	for i := range e.layers {
		n += e.layers[i].bytes()
	}
	for i := range e.heads {
		n += e.heads[i].bytes()
	}
	return n
}

// bytes is the memory of the layer's weights.
func (l *layer) bytes() int64 {
	n := 4 * int64(len(l.norm1)+len(l.norm2)+len(l.qNorm)+len(l.kNorm)+len(l.write1)+len(l.write2)+len(l.attnNorm)+len(l.mlpNorm)+l.nano.size()+l.mix1.size()+l.mix2.size())
	for _, w := range []linear{l.q, l.k, l.v, l.o, l.gate, l.up, l.down} {
		if w != nil {
			n += w.bytes()
		}
	}
	return n
}

// Close ends the worker goroutines after the calls in progress. Later calls
// return ErrClosed. It may be called twice.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		e.pool.close()
	}
	return nil
}

// dense is a weight in the type that the options ask for.
func (e *Engine) dense(w []float32, out, in int) linear {
	if !e.bf16 {
		return &dense[float32]{w, out, in}
	}
	short := make([]uint16, len(w))
	must(0, minifloat.BF16.EncodeSlice(short, w, minifloat.Saturate))
	return &dense[uint16]{short, out, in}
}
