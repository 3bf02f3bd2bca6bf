package extract_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/evalrust/extract"
)

func ExampleCode() {
	u := extract.Code("Sure:\n```rust\nfn one() -> i32 { 1 }\nfn two() -> i32 {")
	fmt.Println(u.Code, u.Functions)
	// Output: fn one() -> i32 { 1 } 1
}
