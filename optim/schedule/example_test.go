package schedule_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/optim/schedule"
)

func ExampleConfig_Multiplier() {
	wsd := schedule.Config{Kind: "wsd", Warmup: 2, Length: 0.5, Floor: 0.1}
	for step := range 10 {
		fmt.Printf("%.2f ", wsd.Multiplier(step, float64(step)/10))
	}
	// Output: 0.50 1.00 1.00 1.00 1.00 1.00 0.82 0.64 0.46 0.28
}
