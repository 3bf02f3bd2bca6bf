package graphtest

import (
	"fmt"
	"os"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
)

// Main opens the backend that GOMLX_BACKEND names, or the Go backend with one
// operation at a time, which cannot deadlock, runs the tests and exits. It is what
// TestMain calls.
func Main(m *testing.M, backend *compute.Backend) {
	if os.Getenv("GOMLX_BACKEND") == "" {
		os.Setenv("GOMLX_BACKEND", "go:ops_sequential")
	}
	var err error
	if *backend, err = compute.New(); err != nil {
		fmt.Fprintln(os.Stderr, "no backend:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
