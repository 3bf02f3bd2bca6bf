//go:build !amd64

package gemv

func processorPaths() []*path { return nil }
