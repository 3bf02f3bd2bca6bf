package infer_test

import (
	"errors"
	"fmt"

	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
)

// Two rows share a session: one is read at once and rolled back, the other is
// fed token by token. Equal tokens give equal logits, to the bit.
func Example() {
	cfg := lm.Config{VocabSize: 16, NumLayers: 2, Dim: 32, NumHeads: 4, NumKVHeads: 2, Context: 6, Ternary: true}
	params := map[string]lm.Param{}
	for _, p := range cfg.Params() {
		params[p.Name] = p
	}
	engine, err := infer.New(cfg, infer.FromGraph(cfg, func(name string) ([]float32, error) { return params[name].Init(1), nil }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Close()

	s := engine.NewSession(2)
	if _, err := s.Extend(0, []int32{1, 2, 3, 9, 9}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(s.Truncate(0, 3), s.Len(0))
	for _, id := range []int32{1, 2, 3} {
		if _, err := s.Extend(1, []int32{id}); err != nil {
			fmt.Println(err)
		}
	}
	logits, err := s.Step([]int32{4, 4})
	same := len(logits[0]) == 16
	for i, z := range logits[0] {
		same = same && z == logits[1][i]
	}
	fmt.Println(same, err)

	_, err = s.Extend(1, []int32{5, 6, 7})
	var full *infer.ContextError
	fmt.Println(errors.As(err, &full), err)
	// Output:
	// <nil> 3
	// true <nil>
	// true infer: row 1 has 4 tokens, 3 more exceed the context of 6
}
