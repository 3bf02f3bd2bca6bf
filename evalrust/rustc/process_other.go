//go:build !linux

package rustc

import (
	"os"
	"os/exec"
)

// isolate leaves the command as it is: killing it kills the compiler, which
// starts no other process when it makes metadata.
func isolate(*exec.Cmd) {}

// limit sets nothing: these systems cannot limit a process from outside.
func limit(int, Options) error { return nil }

func sweep(int) {}

// signalled reports no signal where the exit status says it was killed.
func signalled(s *os.ProcessState) (name string, overtime bool) {
	if s.Exited() {
		return "", false
	}
	return s.String(), false
}
