package evalrust_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/internal/asuser"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	asuser.Init()
	os.Exit(m.Run())
}

// verifier opens a Verifier, or skips where there is no compiler or no kernel
// for it.
func verifier(t *testing.T, o evalrust.Options) *evalrust.Verifier {
	t.Helper()
	v, err := evalrust.NewVerifier(o)
	if asuser.Missing(err) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v
}

// again is the test program once more, to run one test.
func again(t *testing.T, test string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return exec.Command(self, "-test.run", "^"+test+"$")
}

// TestUnprivileged runs the tests of programs again as a user without rights,
// where the tests run as root.
func TestUnprivileged(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute of processor time in other processes")
	}
	asuser.Run(t, "TestHostile|TestKnownAnswers|TestParallel|TestManyProcesses")
}
