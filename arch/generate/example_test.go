package generate_test

import (
	"context"
	"fmt"

	"github.com/nanochat-go/nanochat/arch/generate"
	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
)

// A model whose head always prefers the token after the one it reads: every
// block writes zeros, so the stream is the embedding.
func Example() {
	cfg := lm.Config{VocabSize: 8, NumLayers: 1, Dim: 8, NumHeads: 1, Context: 16}
	weights := infer.FromGraph(cfg, func(name string) ([]float32, error) {
		for _, p := range cfg.Params() {
			if p.Name == name {
				v := make([]float32, p.Size())
				for i := range v {
					row, column := i/8, i%8
					if p.Class == lm.Vector || name == "model.embed_tokens.weight" && row == column ||
						name == "lm_head.weight" && column == (row+1)%8 {
						v[i] = 1
					}
				}
				return v, nil
			}
		}
		return nil, fmt.Errorf("no parameter %s", name)
	})
	engine, err := infer.New(cfg, weights)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Close()
	results, err := generate.Generate(context.Background(), engine, [][]int32{{0}, {5, 6}},
		generate.Options{MaxTokens: 5, Stop: []int32{4}}, nil)
	for _, r := range results {
		fmt.Println(r.IDs, r.Stopped)
	}
	fmt.Println(err)
	// Output:
	// [1 2 3] stop
	// [7 0 1 2 3] length
	// <nil>
}
