//go:build !linux

package asuser

import (
	"errors"
	"testing"

	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

// Init does nothing here.
func Init() {}

// Missing says whether an error is about what this machine lacks.
func Missing(err error) bool {
	var compiler *rustc.NotFoundError
	var box *sandbox.UnavailableError
	return errors.As(err, &compiler) || errors.As(err, &box)
}

// Run skips.
func Run(t *testing.T, _ string) { t.Skip("there is a sandbox on Linux only") }
