package quant_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/precision/policy"
	"github.com/nanochat-go/nanochat/precision/quant"
)

// A policy leaves the last of four blocks in bfloat16 and one weight in float32.
func Example() {
	p := policy.Policy{Recipe: "nvfp4", KeepFirst: policy.Default, KeepLast: policy.Default,
		Rules: []policy.Rule{{Match: []string{"*down_proj*"}, Recipe: "f32"}}}
	var linears []policy.Linear
	for block := range 4 {
		linears = append(linears,
			policy.Linear{Path: fmt.Sprintf("layers.%d.mlp.up_proj.weight", block), In: 64, Out: 128, Block: block},
			policy.Linear{Path: fmt.Sprintf("layers.%d.mlp.down_proj.weight", block), In: 128, Out: 64, Block: block})
	}
	table, err := p.Resolve(linears)
	if err != nil {
		fmt.Println(err)
		return
	}
	var chosen quant.Policy = table
	fmt.Println(chosen.Recipe("layers.0.mlp.up_proj.weight").Fprop.W)
	fmt.Println(chosen.Recipe("layers.3.mlp.up_proj.weight").Fprop.W)
	fmt.Println(chosen.Recipe("layers.0.mlp.down_proj.weight").Fprop.W)
	// Output:
	// nvfp4:16x16:rne
	// bf16:rne
	// f32
}
