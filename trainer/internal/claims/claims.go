package claims

import (
	"fmt"

	"github.com/nanochat-go/nanochat/arch/estimate"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/galore"
	"github.com/nanochat-go/nanochat/optim/lion"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/recipe"
	"github.com/nanochat-go/nanochat/optim/storage"

	"github.com/nanochat-go/nanochat/trainer/internal/run"
)

const (
	context    = 2048 // tokens of the one row of a step
	lossChunk  = 256  // positions whose logits are alive at a time
	paperBlock = 2048 // of 8-bit state in arXiv:2509.23106
)

// shape is a model by its name, with the rank of its projections.
type shape struct {
	name                             string
	dim, layers, heads, hidden, rank int
	vocab                            int
}

var shapes = []shape{
	{"60M", 512, 8, 8, 1376, 128, 32000},
	{"125M", 768, 12, 12, 2048, 256, 50257},
	{"1B", 2048, 24, 16, 5461, 512, 32000},
	{"3B", 2560, 32, 20, 6848, 256, 32000},
	{"5B", 4096, 24, 32, 11008, 384, 32000},
	{"7B", 4096, 32, 32, 11008, 512, 32000},
}

func (s shape) model() lm.Config {
	return lm.Config{VocabSize: s.vocab, NumLayers: s.layers, Dim: s.dim, NumHeads: s.heads, HiddenDim: s.hidden,
		Context: context, LossChunk: lossChunk, Remat: 2}
}

// method is an optimizer that a claim is about, or a baseline.
type method struct {
	name, claim, what string
	config            func(s shape) (optim.Config, error)
}

// byRecipe plans a recipe with the settings that a shape gives it.
func byRecipe(name string, settings func(s shape) recipe.Settings) func(shape) (optim.Config, error) {
	return func(s shape) (optim.Config, error) {
		b, err := recipe.New(name, settings(s), 1)
		if err != nil {
			return optim.Config{}, err
		}
		return b.Config(), nil
	}
}

func built(b *optim.Builder) func(shape) (optim.Config, error) {
	return func(shape) (optim.Config, error) { return b.Config(), nil }
}

func plain(shape) recipe.Settings      { return recipe.Settings{} }
func ranked(s shape) recipe.Settings   { return recipe.Settings{Rank: s.rank} }
func quarter(s shape) recipe.Settings  { return recipe.Settings{Rank: s.dim / 4} }
func eightFolds(shape) recipe.Settings { return recipe.Settings{Level: 8} }

// galore8 is GaLore with 8-bit Adam for every matrix, embedding and head too,
// and projectors in bfloat16, as the 7B run of arXiv:2403.03507 has them.
func galore8(s shape) (optim.Config, error) {
	eight := storage.Dynamic8(storage.DefaultBlock)
	space := galore.New(s.dim / 4).WithProjectorStorage(storage.BFloat16())
	return optim.Config{Groups: []optim.Group{
		{Class: []string{string(lm.Matrix)}, Rule: adamw.New(), LR: 1, Space: space, Storage: eight},
		{Class: []string{string(lm.Vector)}, Rule: adamw.New(), LR: 1},
		{Rule: adamw.New(), LR: 1, Storage: eight},
	}}, nil
}

// baselines is the number of methods that the others are compared with; they
// come first.
const baselines = 3

var methods = []method{
	{"adamw", "", "AdamW, float32", built(adamw.New().Optimizer(1))},
	{"muon", "", "Muon, float32", byRecipe("muon", plain)},
	{"muon-bf16", "", "Muon, bfloat16", built(muon.New().Optimizer(1).WithMatrixState(storage.BFloat16()))},
	{"muon8", "C1", "8-bit Muon", byRecipe("muon8", plain)},
	{"muon8-lion", "C1", "8-bit Muon, Lion for the rest",
		built(optim.Build(muon.New(), lion.New(), 1).WithMatrixState(storage.Linear8(paperBlock)))},
	{"galore", "C2", "GaLore, rank r", byRecipe("galore", ranked)},
	{"galore-quarter", "C2", "GaLore, rank d/4", byRecipe("galore", quarter)},
	{"galore8-quarter", "C2", "GaLore, rank d/4, 8-bit throughout", galore8},
	{"galore-muon8", "C3", "GaLore and 8-bit Muon, rank r", byRecipe("galore-muon8", ranked)},
	{"galore-muon8-quarter", "C3", "GaLore and 8-bit Muon, rank d/4", byRecipe("galore-muon8", quarter)},
	{"foam", "C8", "FOAM, l = 2", byRecipe("foam", plain)},
	{"foam-8", "C8", "FOAM, l = 8", byRecipe("foam", eightFolds)},
}

// Step is the bytes of a training step besides the optimizer's state.
type Step struct {
	Weights     int64 `json:"weights"`
	Gradients   int64 `json:"gradients"`
	Activations int64 `json:"activations"`
}

// Shape is a planned model; counts are of values.
type Shape struct {
	Name       string          `json:"name"`
	Dim        int             `json:"dim"`
	Layers     int             `json:"layers"`
	Heads      int             `json:"heads"`
	Hidden     int             `json:"hidden_dim"`
	Vocabulary int             `json:"vocabulary"`
	Rank       int             `json:"rank"`
	Parameters int64           `json:"parameters"`
	Matrices   int64           `json:"matrices"`
	Steps      map[string]Step `json:"step_bytes_without_state"` // by precision
}

// State is the planned bytes of a method's state for a shape.
type State struct {
	Shape    string `json:"shape"`
	Matrices int64  `json:"matrices"`
	Whole    int64  `json:"whole"` // with embedding, head, gains and counters
}

// Method is an optimizer's plans, in the order of the shapes.
type Method struct {
	Name  string  `json:"name"`
	Claim string  `json:"claim,omitempty"` // empty of a baseline
	What  string  `json:"what"`
	State []State `json:"state_bytes"`
}

// Report is all that docs/results/claims.json holds.
type Report struct {
	What        string   `json:"what"`
	Command     string   `json:"command"`
	Assumptions []string `json:"assumptions"`
	Shapes      []Shape  `json:"shapes"`
	Methods     []Method `json:"methods"`
}

// Precisions of a step, in the order of the tables.
const (
	Float32  = "float32"
	BFloat16 = "bfloat16"
	Released = "bfloat16, a gradient at a time"
)

var precisions = []string{Float32, BFloat16, Released}

// Plan plans every method for every shape.
func Plan() (*Report, error) {
	r := &Report{
		What:    "planned bytes, not measured: optim.Optimizer.PlanStateBytes for the parameters of each shape",
		Command: "go test ./trainer/internal/claims -claims.write",
		Assumptions: []string{
			"SwiGLU, as many key-value heads as query heads, untied head, one gain before each half of a block and one at the end",
			"Muon and 8-bit Muon have AdamW in float32 for embedding, head and gains, where not said otherwise",
			fmt.Sprintf("8-bit state is in blocks of %d, beside Lion of %d", storage.DefaultBlock, paperBlock),
			fmt.Sprintf("a step is one row of %d tokens, blocks recomputed in the backward pass, %d logits at a time", context, lossChunk),
			"float32: 4 bytes a weight and 4 a gradient, which is how the trainer trains",
			"bfloat16: 2 and 2, activations half, logits float32; arithmetic, the trainer does not do it",
			"a gradient at a time: the gradient of the largest parameter alone; arithmetic, the trainer does not do it",
		},
	}
	for _, s := range shapes {
		r.Shapes = append(r.Shapes, planShape(s))
	}
	for _, m := range methods {
		planned := Method{Name: m.name, Claim: m.claim, What: m.what}
		for _, s := range shapes {
			state, err := planState(m, s)
			if err != nil {
				return nil, fmt.Errorf("claims: %s for %s: %w", m.name, s.name, err)
			}
			planned.State = append(planned.State, state)
		}
		r.Methods = append(r.Methods, planned)
	}
	return r, nil
}

func planShape(s shape) Shape {
	c := s.model()
	n, mem, largest := estimate.Count(c), estimate.Train(c, 1, context), 0
	for _, p := range c.Params() {
		largest = max(largest, p.Size())
	}
	half := (mem.PerBatch()-mem.Logits)/2 + mem.Logits
	weights := 2 * int64(n.Total)
	return Shape{
		Name: s.name, Dim: s.dim, Layers: s.layers, Heads: s.heads, Hidden: s.hidden, Vocabulary: s.vocab, Rank: s.rank,
		Parameters: int64(n.Total), Matrices: int64(n.ByClass[lm.Matrix]),
		Steps: map[string]Step{
			Float32:  {Weights: mem.Weights, Gradients: mem.Gradients, Activations: mem.PerBatch()},
			BFloat16: {Weights: weights, Gradients: weights, Activations: half},
			Released: {Weights: weights, Gradients: 2 * int64(largest), Activations: half},
		},
	}
}

func planState(m method, s shape) (State, error) {
	c, err := m.config(s)
	if err != nil {
		return State{}, err
	}
	params := run.OptimParams(s.model().Params())
	o, err := optim.New(params, c)
	if err != nil {
		return State{}, err
	}
	bytes := map[string]int64{}
	for _, spec := range o.Specs() {
		bytes[optim.Root+"/"+spec.Name] = spec.Bytes()
	}
	state := State{Shape: s.name, Whole: o.PlanStateBytes()}
	for _, p := range params {
		if p.Class != string(lm.Matrix) {
			continue
		}
		for _, path := range o.StateOf(p.Name) {
			state.Matrices += bytes[path]
		}
	}
	return state, nil
}
