package optim_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/muon"
)

func ExampleNew() {
	params := []optim.Param{
		{Name: "embed.weight", Shape: []int{1024, 64}, Class: "embedding", FanIn: 0, FanOut: 1},
		{Name: "layers.0.q_proj.weight", Shape: []int{64, 64}, Class: "matrix", FanIn: 0, FanOut: 1},
		{Name: "layers.0.norm.weight", Shape: []int{64}, Class: "vector", FanIn: -1, FanOut: -1},
	}
	opt, err := optim.New(params, optim.Config{Clip: 1, Groups: []optim.Group{
		{Class: []string{"matrix"}, Rule: muon.New(), LR: 0.02, WeightDecay: 0.1},
		{Rule: adamw.New(), LR: 0.004},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(opt.Table())
	fmt.Println(opt.PlanStateBytes(), "bytes of state")
	// Output:
	// parameter               shape      class      rule   lr     decay  state    bytes
	// embed.weight            [1024 64]  embedding  adamw  0.004  0      float32  524288
	// layers.0.q_proj.weight  [64 64]    matrix     muon   0.02   0.1    float32  16384
	// layers.0.norm.weight    [64]       vector     adamw  0.004  0      float32  512
	// 541220 bytes of state
}
