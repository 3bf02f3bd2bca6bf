package track

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
)

// quantity writes a count in at most five characters: 950, 12.3k, 4.56M.
func quantity(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
		return "-"
	}
	unit := 0
	for x >= 999.5 && unit < 4 {
		x /= 1000
		unit++
	}
	suffix := [...]string{"", "k", "M", "G", "T"}[unit]
	switch {
	case unit == 0 || x >= 99.95:
		return fmt.Sprintf("%.0f%s", x, suffix)
	case x >= 9.995:
		return fmt.Sprintf("%.1f%s", x, suffix)
	}
	return fmt.Sprintf("%.2f%s", x, suffix)
}

// Quantity writes a count for people, in at most five characters: 950, 12.3k, 4.56M.
func Quantity(x float64) string { return quantity(x) }

// Bytes writes a size in binary units, as in 1.5 GiB.
func Bytes(n int64) string {
	x, unit := float64(n), 0
	for x >= 1024 && unit < 4 {
		x /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.3g %s", x, [...]string{"", "KiB", "MiB", "GiB", "TiB"}[unit])
}

// Clock writes a duration for people in its two largest units: 45s, 3m12s,
// 2h05m, 3d04h.
func Clock(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 0:
		return "-"
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}

// percent writes a share as a whole percentage, and as one with a decimal below ten.
func percent(x float64) string {
	if x < 0.0995 {
		return fmt.Sprintf("%.1f%%", 100*x)
	}
	return fmt.Sprintf("%.0f%%", 100*x)
}

// clean replaces what could drive a terminal: control characters other than
// line breaks and tabs, and marks that turn the direction of the text.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}
