package diag_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/evalrust/diag"
)

// Mutation: dropping the column in String changes the output.

func ExampleParse() {
	r := diag.Parse([]byte(`{"message":"mismatched types","code":{"code":"E0308"},"level":"error",`+
		`"spans":[{"line_start":3,"column_start":5,"is_primary":true}],"children":[]}`+"\n"), 20)
	fmt.Println(r.Errors, r.Diagnostics[0], r.Diagnostics[0].Class())
	// Output: 1 error[E0308] at 3:5: mismatched types type
}
