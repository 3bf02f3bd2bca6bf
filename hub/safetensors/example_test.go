package safetensors_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nanochat-go/nanochat/hub/safetensors"
)

func ExampleWriteFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")
	err = safetensors.WriteFile(path, []safetensors.Tensor{
		safetensors.FromFloat32("norm.weight", []int{3}, []float32{1, 1, 0.5}),
		safetensors.FromBytes("codes", safetensors.I8, []int{2, 2}, []byte{1, 0, 255, 1}),
	}, map[string]string{"format": "pt"})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := safetensors.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	for _, t := range f.Tensors() {
		fmt.Println(t.Name, t.DType, t.Shape, t.To-t.From)
	}
	v, err := f.Float32("norm.weight")
	fmt.Println(v, err)
	_, err = f.Float32("codes")
	fmt.Println(err != nil, f.Metadata["format"])
	// Output:
	// norm.weight F32 [3] 12
	// codes I8 [2 2] 4
	// [1 1 0.5] <nil>
	// true pt
}
