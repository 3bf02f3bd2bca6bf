//go:build amd64 || arm64

package sandbox

import "os"

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
	switch role := os.Getenv(hookEnv); {
	case role == "" || len(os.Args) == 0:
	case role == workerName && os.Args[0] == workerName:
		serve()
	case role == probeArg && os.Args[0] == probeArg:
		probed()
	}
}
