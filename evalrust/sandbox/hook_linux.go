//go:build amd64 || arm64

package sandbox

import (
	"os"
	"slices"
)

// The first argument by which the program knows that it was started as a part
// of the sandbox. An environment variable must agree: a user may give any name.
const (
	workerName = "evalrust-sandbox-worker"
	probeArg   = "evalrust-sandbox-probe"
	hookEnv    = "EVALRUST_SANDBOX"
)

var hooked bool

// Init must be the first call in main, and in TestMain of tests that use a Box:
// the sandbox starts the running program again as its worker, and Init is where
// that one turns off. In the program itself it does nothing.
func Init() {
	hooked = true
	switch os.Getenv(hookEnv) {
	case workerName:
		// bwrap cannot set the name of the program, before its version 0.9.
		if slices.Contains(os.Args[:min(2, len(os.Args))], workerName) {
			serve()
		}
	case probeArg:
		if len(os.Args) > 1 && os.Args[0] == probeArg {
			probed()
		}
	}
}
