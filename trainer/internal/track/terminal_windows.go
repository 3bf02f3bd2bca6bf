package track

import (
	"os"

	"golang.org/x/sys/windows"
)

// columns is the width of a console that understands escape sequences, and -1
// for any other file.
func columns(f *os.File) int {
	h := windows.Handle(f.Fd())
	var mode uint32
	if windows.GetConsoleMode(h, &mode) != nil {
		return -1
	}
	if windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) != nil {
		return -1
	}
	var info windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(h, &info) != nil {
		return 0
	}
	return int(info.Window.Right-info.Window.Left) + 1
}
