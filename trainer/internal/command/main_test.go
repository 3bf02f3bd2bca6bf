package command

import (
	"os"
	"strings"
	"testing"

	"github.com/nanochat-go/nanochat/evalrust/sandbox"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// backendName is the backend that the tests train on; GOMLX_BACKEND chooses it.
func backendName() string {
	if strings.HasPrefix(os.Getenv("GOMLX_BACKEND"), "xla") {
		return "xla"
	}
	return "go"
}

// TestMain runs the tests, or is the program for commands that start it again.
func TestMain(m *testing.M) {
	sandbox.Init()
	if len(os.Args) > 1 && os.Args[1] == "bench" {
		os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr, Handlers()))
	}
	os.Exit(m.Run())
}
