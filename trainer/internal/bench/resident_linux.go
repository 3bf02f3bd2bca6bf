package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// resident returns the resident size of this process now and the largest since
// resetPeak, in bytes.
func resident() (now, peak int64, err error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, fmt.Errorf("reading the resident size: %w", err)
	}
	values := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		if kib, ok := strings.CutSuffix(strings.TrimSpace(rest), " kB"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(kib), 10, 64)
			if err != nil {
				return 0, 0, fmt.Errorf("reading the resident size: %w", err)
			}
			values[name] = n << 10
		}
	}
	if values["VmRSS"] == 0 || values["VmHWM"] == 0 {
		return 0, 0, fmt.Errorf("reading the resident size: no VmRSS and VmHWM in /proc/self/status")
	}
	return values["VmRSS"], values["VmHWM"], nil
}

// resetPeak makes the largest resident size the present one.
func resetPeak() error {
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return fmt.Errorf("resetting the peak of the resident size: %w", err)
	}
	return nil
}
