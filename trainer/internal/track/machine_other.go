//go:build !linux

package track

// ReadMemory returns what the Go runtime has taken from the system; memory of
// C libraries is not in it.
func ReadMemory() Memory { return goMemory() }

func systemFacts() (kernel, cpu string, memory int64) { return "", "", 0 }
