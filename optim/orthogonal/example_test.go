package orthogonal_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/optim/orthogonal"
)

func ExampleCoefficients() {
	for _, q := range orthogonal.Coefficients(1e-3, 5, 2e-2, 0.02) {
		fmt.Printf("%.4f %.4f %.4f\n", q.A, q.B, q.C)
	}
	// Output:
	// 8.1566 -22.4833 15.8788
	// 4.0429 -2.8089 0.5000
	// 3.8917 -2.7725 0.5061
	// 3.2858 -2.3681 0.4645
	// 2.3465 -1.7098 0.4232
}
