//go:build !unix

package shard

import "os"

// Without mmap a nil mapping makes the reader read in place.
func mapFile(*os.File, int64) ([]byte, error) { return nil, nil }

func unmapFile([]byte) error { return nil }

func giveBack([]byte) {}

// A directory cannot be synced here.
func syncDir(string) error { return nil }
