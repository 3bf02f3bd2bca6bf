package rustgen_test

import (
	"fmt"

	"github.com/nanochat-go/nanochat/evalrust/rustgen"
)

// Mutation: any change of the first program of seed 4 fails this.

func Example() {
	g, err := rustgen.New(rustgen.Config{Seed: 4, Level: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	p := g.At(0)
	fmt.Print(p.Text)
	task := p.Tasks[0]
	e := task.Examples(1)[0]
	fmt.Println(task.Family, task.Idiom, len(e.Args))
	// Output:
	// /// Returns a hash modulo 726 with factor 7 of the numbers other than 44 from 2 to `end`.
	// pub fn hash_other_than_44_end(end: i32) -> i32 {
	//     (2..=end)
	//         .filter(|&i| i != 44)
	//         .fold(11, |hash, i| (hash * 7 + i) % 726)
	// }
	//
	// /// Returns the smaller of `width` and `height`, taken as the distance to 90.
	// pub fn smaller_distance_to_90(width: i64, height: i64) -> i64 {
	//     let base = width.min(height);
	//     (base - 90).abs()
	// }
	// pipeline/range/hash iterator 1
}
