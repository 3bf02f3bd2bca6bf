//go:build !amd64

package kernel

func processorPaths() []*path { return nil }

// signature tells models of processors apart.
func signature() uint32 { return 0 }
