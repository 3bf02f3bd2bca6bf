//go:build !unix

package command

import "os"

// lockFile opens the lock file; this system has no advisory locks in Go's
// standard packages, so that two processes are not kept apart.
func lockFile(path string) (*os.File, error) { return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644) }
