package track

import (
	"os"
	"strconv"
	"strings"
)

// ReadMemory reads what the process holds from the kernel.
func ReadMemory() Memory {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return goMemory()
	}
	return Memory{RSS: kilobytes(string(status), "VmRSS:"), Peak: kilobytes(string(status), "VmHWM:")}
}

// kilobytes returns the value of a line "Name:  123 kB" in bytes, 0 without it.
func kilobytes(text, name string) int64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err == nil {
				return n << 10
			}
		}
	}
	return 0
}

func systemFacts() (kernel, cpu string, memory int64) {
	kernel = lineOf("/proc/sys/kernel/osrelease")
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		memory = kilobytes(string(info), "MemTotal:")
	}
	return kernel, cpu, memory
}
