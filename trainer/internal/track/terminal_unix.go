//go:build unix

package track

import (
	"os"

	"golang.org/x/sys/unix"
)

// columns is the width of a terminal, 0 when it does not tell and -1 for a file
// that is no terminal.
func columns(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return -1
	}
	return int(size.Col)
}
