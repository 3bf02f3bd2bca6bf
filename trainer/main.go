// Command trainer trains small and ternary language models of Rust code,
// measures them and exports them. It wires the libraries of this workspace to
// a command line; see package cli for the rules of that, and README.md for what
// the commands do.
package main

import (
	"os"

	"github.com/nanochat-go/nanochat/evalrust/sandbox"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/command"
)

func main() {
	sandbox.Init() // the judge starts this program again as its sandbox
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr, command.Handlers()))
}
