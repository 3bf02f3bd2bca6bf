package minifloat_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/rounding"
)

func Example() {
	e, err := minifloat.NewEncoder(minifloat.E4M3, minifloat.Mode{}) // to nearest even, saturating
	if err != nil {
		fmt.Println(err)
		return
	}
	x := []float32{0.1, 3.14159, 17, 1000}
	codes, values := make([]uint8, len(x)), make([]float32, len(x))
	if err := e.Encode(codes, x); err != nil {
		fmt.Println(err)
		return
	}
	if err := minifloat.E4M3.DecodeSlice(values, codes); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("% x %v\n", codes, values)

	key := rounding.NewKey(1, 7) // of step 1 and the tensor with stream 7
	if err := e.EncodeKeyed(codes, x, key, 0); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("% x\n", codes)
	// Output:
	// 1d 45 58 7e [0.1015625 3.25 16 448]
	// 1d 45 59 7e
}
