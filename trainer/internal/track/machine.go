package track

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// Memory is what the process holds, in bytes; 0 where the system does not say.
type Memory struct {
	RSS  int64 // now
	Peak int64 // the most so far
}

// Machine is where a run happens.
type Machine struct {
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	Kernel   string `json:"kernel,omitempty"`
	CPU      string `json:"cpu,omitempty"`
	Cores    int    `json:"cores"` // that the process may use
	Memory   int64  `json:"memory,omitempty"`
	Go       string `json:"go"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // the working tree had changes
}

// ReadMachine collects the facts. What the system does not tell stays empty.
func ReadMachine() Machine {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), Go: runtime.Version()}
	m.Kernel, m.CPU, m.Memory = systemFacts()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				m.Commit = s.Value
			case "vcs.modified":
				m.Modified = s.Value == "true"
			}
		}
	}
	return m
}

// goMemory is what the Go runtime has taken from the system, for systems that do
// not tell what the process holds.
func goMemory() Memory {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return Memory{RSS: int64(s.Sys - s.HeapReleased), Peak: int64(s.Sys)}
}

// lineOf returns the first line of a file, without its end.
func lineOf(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(first)
}
