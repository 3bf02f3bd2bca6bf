//go:build unix

package shard

import (
	"os"

	"golang.org/x/sys/unix"
)

func mapFile(f *os.File, size int64) ([]byte, error) {
	b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	// Documents are read in shuffled order, where reading ahead is waste.
	_ = unix.Madvise(b, unix.MADV_RANDOM)
	return b, nil
}

func unmapFile(b []byte) error {
	if b == nil {
		return nil
	}
	return unix.Munmap(b)
}

// giveBack takes the pages out of the process. They stay in the page cache as
// long as the kernel likes, and come back when they are read again, so readers
// in other goroutines are not disturbed.
func giveBack(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
