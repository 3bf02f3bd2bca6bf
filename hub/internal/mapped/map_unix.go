//go:build unix

package mapped

import (
	"os"

	"golang.org/x/sys/unix"
)

// file maps f for reading. data is nil where it cannot be mapped, on some network
// file systems for instance.
func file(f *os.File, size int64) (data []byte, unmap func() error) {
	if size > 0 && int64(int(size)) == size {
		data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
		if err == nil {
			return data, func() error { return unix.Munmap(data) }
		}
	}
	return nil, func() error { return nil }
}
