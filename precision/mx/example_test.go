package mx_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/precision/mx"
)

func Example() {
	x := make([]float32, mx.Block) // one block, mostly zeros
	copy(x, []float32{1, -2, 3, 0.4, 5.9, 7})

	f := mx.MXFP4 // with the specification's scales: 7 saturates
	codes, scales := make([]uint8, f.CodeBytes(len(x))), make([]uint8, f.Scales(len(x)))
	if err := f.Encode(codes, scales, x); err != nil {
		fmt.Println(err)
		return
	}
	values := make([]float32, len(x))
	if err := f.Decode(values, codes, scales); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("scale %d, codes %x, values %v\n", scales[0], codes[:3], values[:6])

	f.Scale = mx.RoundUp
	if err := f.Encode(codes, scales, x); err != nil {
		fmt.Println(err)
		return
	}
	if err := f.Decode(values, codes, scales); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("scale %d, codes %x, values %v, %v bits a value\n", scales[0], codes[:3], values[:6], f.BitsPerValue())
	// Output:
	// scale 127, codes c21577, values [1 -2 3 0.5 6 6]
	// scale 128, codes a10365, values [1 -2 3 0 6 8], 4.25 bits a value
}
