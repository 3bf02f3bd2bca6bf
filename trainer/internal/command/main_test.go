package command

import (
	"os"
	"strings"
	"testing"
)

// backendName is the backend that the tests train on; GOMLX_BACKEND chooses it.
func backendName() string {
	if strings.HasPrefix(os.Getenv("GOMLX_BACKEND"), "xla") {
		return "xla"
	}
	return "go"
}

func TestMain(m *testing.M) { os.Exit(m.Run()) }
