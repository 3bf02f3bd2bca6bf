package rustc_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/evalrust/extract"
	"github.com/nanochat-go/nanochat/evalrust/rustc"
)

// Mutation: refusing env as a variable, or counting a sample without a function as compiled, changes the output.

func ExampleRefusal() {
	fmt.Println(rustc.Refusal("pub fn f(env: u8) -> u8 { env }") == "")
	fmt.Println(rustc.Refusal("pub fn f() -> &'static str { env!(\"HOME\") }"))
	// Output:
	// true
	// env! in line 1: reads the environment while compiling
}

func ExampleTally() {
	rate := rustc.Tally([]rustc.Sample{
		{Unit: extract.Code("pub fn f() -> u8 { 1 }"), Verdict: rustc.Verdict{Compiled: true}},
		{Unit: extract.Code("pub fn f() -> u8 { env!(\"A\") }"), Verdict: rustc.Verdict{Refused: "env! in line 1"}},
		{Unit: extract.Code("I cannot do that."), Verdict: rustc.Verdict{Compiled: true}},
	})
	fmt.Printf("%d of %d, %.0f to %.0f %%, %v\n", rate.Compiled, rate.Samples, 100*rate.Interval[0], 100*rate.Interval[1], rate.ByCode)
	// Output: 1 of 3, 6 to 79 %, map[no-function:1 refused:1]
}
