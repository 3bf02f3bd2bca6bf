package extract_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/evalrust/extract"
)

// Mutation: keeping the text behind the last complete item in unit changes the output.

func ExampleCode() {
	u := extract.Code("Sure:\n```rust\nfn one() -> i32 { 1 }\nfn two() -> i32 {")
	fmt.Println(u.Code, u.Functions)
	// Output: fn one() -> i32 { 1 } 1
}
