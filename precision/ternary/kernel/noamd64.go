//go:build !amd64

package kernel

func processorPaths() []*path { return nil }
