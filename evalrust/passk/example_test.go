package passk_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/evalrust/passk"
)

// Mutation: taking C(n, k-1) for C(n, k) in Estimate changes the first line.

func ExampleEstimate() {
	v, err := passk.Estimate(10, 3, 5)
	fmt.Printf("%.4f %v\n", v, err)
	lo, hi := passk.Wilson(3, 10, passk.Z95)
	fmt.Printf("%.3f to %.3f\n", lo, hi)
	// Output:
	// 0.9167 <nil>
	// 0.108 to 0.603
}
