package mhc

import (
	"fmt"
	"os"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
)

// backend is the one backend of the test binary; GOMLX_BACKEND chooses it.
var backend compute.Backend

func TestMain(m *testing.M) {
	if os.Getenv("GOMLX_BACKEND") == "" {
		os.Setenv("GOMLX_BACKEND", "go:ops_sequential")
	}
	var err error
	if backend, err = compute.New(); err != nil {
		fmt.Fprintln(os.Stderr, "no backend:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
