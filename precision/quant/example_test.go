package quant_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/precision/quant"
)

// headInFull keeps the last layers of a network in float32.
type headInFull struct{}

func (headInFull) Spec(path string) quant.Spec {
	if path == "lm_head.weight" {
		return quant.Spec{}
	}
	return quant.Ternary()
}

func ExamplePolicy() {
	var p quant.Policy = headInFull{}
	for _, path := range []string{"model.layers.0.mlp.up_proj.weight", "lm_head.weight"} {
		s := p.Spec(path)
		fmt.Printf("%s: weights %q, activations %q\n", path, s.Weight, s.Activation)
	}
	// Output:
	// model.layers.0.mlp.up_proj.weight: weights "ternary:absmean", activations "int8:token"
	// lm_head.weight: weights "", activations ""
}
