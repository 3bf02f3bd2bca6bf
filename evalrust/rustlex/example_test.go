package rustlex_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/evalrust/rustlex"
)

// Mutation: keeping trivia in Code adds lines to the output.

func ExampleCode() {
	for _, t := range rustlex.Code("let x = 'a'; // include!(\"y\")") {
		fmt.Println(t.Kind, t.Text)
	}
	// Output:
	// identifier let
	// identifier x
	// punctuation =
	// character 'a'
	// punctuation ;
}
