//go:build unix

package safetensors

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps f for reading. A file that cannot be mapped, on some network
// file systems for instance, is not an error: View copies then.
func mapFile(f *os.File, size int64) (data []byte, unmap func() error) {
	if int64(int(size)) == size {
		data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
		if err == nil {
			return data, func() error { return unix.Munmap(data) }
		}
	}
	return nil, func() error { return nil }
}
