package track

import (
	"os"
	"time"
)

// ForFile returns the options for showing progress on a file of the process,
// usually os.Stderr: a terminal gets the redrawn line, anything else plain lines.
// The environment decides about the rest: TERM=dumb is no terminal that can
// redraw, NO_COLOR turns colours off.
func ForFile(f *os.File, quiet bool) ProgressOptions {
	o := ProgressOptions{Out: f, Quiet: quiet, Width: func() int { return columns(f) }, Tick: 500 * time.Millisecond}
	o.Terminal = IsTerminal(f) && os.Getenv("TERM") != "dumb"
	o.Colour = o.Terminal && os.Getenv("NO_COLOR") == ""
	return o
}

// IsTerminal says whether a file is a terminal.
func IsTerminal(f *os.File) bool { return columns(f) >= 0 }
