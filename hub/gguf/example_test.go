package gguf_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nanochat-go/nanochat/hub/gguf"
	"github.com/nanochat-go/nanochat/precision/ggml"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "m.gguf")
	ternary := make([]float32, 2*256)
	for i := range ternary {
		ternary[i] = 0.25 * float32(i%3-1)
	}
	err = gguf.WriteFile(path, []gguf.KV{{Key: "general.architecture", Value: "demo"}, {Key: "demo.layers", Value: uint32(1)}},
		[]gguf.Tensor{gguf.FromFloat32("w", ggml.TQ2_0, []int{2, 256}, ternary)})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := gguf.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	layers, err := gguf.Get[uint32](f, "demo.layers")
	fmt.Println(layers, err)
	for _, t := range f.Tensors() {
		v, err := f.Float32(t.Name)
		fmt.Println(t.Name, t.Type, t.Shape, t.Size, v[:4], err)
	}
	// Output:
	// 1 <nil>
	// w TQ2_0 [2 256] 132 [-0.25 0 0.25 -0.25] <nil>
}
