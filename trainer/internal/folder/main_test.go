package folder

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
)

// device is the one backend of the test binary; GOMLX_BACKEND chooses it.
var device compute.Backend

func TestMain(m *testing.M) {
	name := "go"
	if strings.HasPrefix(os.Getenv("GOMLX_BACKEND"), "xla") {
		name = "xla"
	}
	var err error
	if device, _, err = backend.Open(context.Background(), name, false, func(string) {}); err != nil {
		fmt.Fprintln(os.Stderr, "no backend:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
