package bench

import (
	"fmt"

	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
)

// WeightKinds are the kinds of weights that the inference engine has.
func WeightKinds() []string { return []string{"f32", "bf16", "ternary"} }

// Weights are random values of the parameters of a model, which several engines share.
type Weights struct {
	config lm.Config
	values map[string][]float32
}

// NewWeights makes them as they are before training.
func NewWeights(c lm.Config) (*Weights, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	w := &Weights{config: c, values: map[string][]float32{}}
	for _, p := range c.Params() {
		w.values[p.Name] = p.Init(1)
	}
	return w, nil
}

// Parameters is their number.
func (w *Weights) Parameters() int64 {
	n := int64(0)
	for _, v := range w.values {
		n += int64(len(v))
	}
	return n
}

// Engine is an inference engine with weights of a kind. Rows and columns of a weight
// stand for each other, which does not matter to its speed.
func (w *Weights) Engine(kind string, threads int) (*infer.Engine, error) {
	c, opts := w.config, []infer.Option{infer.WithThreads(threads)}
	switch kind {
	case "f32":
	case "bf16":
		opts = append(opts, infer.WithBFloat16())
	case "ternary":
		c.Ternary = true
	default:
		return nil, fmt.Errorf("no weights %q, want one of %v", kind, WeightKinds())
	}
	shapes := map[string][]int{}
	for _, p := range c.Params() {
		shapes[p.Name] = p.DiskShape()
	}
	return infer.New(c, infer.SourceFunc(func(name string) ([]float32, []int, error) {
		return w.values[name], shapes[name], nil
	}), opts...)
}

// Decode returns a function that decodes tokens for each of batch rows, one for all rows
// in a step, from an empty context.
func Decode(e *infer.Engine, batch, tokens int) func() error {
	s, ids := e.NewSession(batch), make([]int32, batch)
	vocab := int32(e.Config().VocabSize)
	return func() error {
		for r := range batch {
			if err := s.Truncate(r, 0); err != nil {
				return err
			}
		}
		for t := range int32(tokens) {
			for r := range ids {
				ids[r] = (7919*(t+int32(r)) + 13) % vocab
			}
			if _, err := s.Step(ids); err != nil {
				return err
			}
		}
		return nil
	}
}
