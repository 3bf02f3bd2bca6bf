//go:build cgo && !noxla

package backend

// #include <stdlib.h>
// #ifdef __GLIBC__
// #include <malloc.h>
// #endif
// static void trim(void) {
// #ifdef __GLIBC__
//	malloc_trim(0);
// #endif
// }
import "C"

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
)

func init() {
	trim = func() { C.trim() }
	xla.EnableAutoInstall(false) // Choose installs, with a message and a limit; opening must not need the network
	xlaLink = &link{install: xla.AutoInstall, wrap: func(b compute.Backend) compute.Backend { return &inPlace{b} }}
}
