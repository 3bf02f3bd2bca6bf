package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: leaving opt.Apply out of the step makes the loss stay where it is.

// TestRun runs the program for a few steps: the loss falls, text comes out.
func TestRun(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "tiny-rust-lm")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.Command(binary, "25")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	require.NoError(t, err, "%s", stderr.String())
	var losses []float64
	for _, m := range regexp.MustCompile(`step +\d+  loss (\S+)`).FindAllStringSubmatch(string(text), -1) {
		var loss float64
		_, err := fmt.Sscan(m[1], &loss)
		require.NoError(t, err)
		losses = append(losses, loss)
	}
	require.Len(t, losses, 2, "%s", text)
	require.InDelta(t, 6.2, losses[0], 1, "about ln 512 before training")
	require.Less(t, losses[1], losses[0]-2)
	if _, err := exec.LookPath("rustc"); err == nil {
		require.Regexp(t, `\d+ of 32 samples compile`, string(text))
	} else {
		require.Contains(t, string(text), "not judged")
	}
}
