//go:build cgo && !noxla

package backend

import "github.com/gomlx/go-xla/compute/xla"

func init() {
	xla.EnableAutoInstall(false) // Choose installs, with a message and a limit; opening must not need the network
	xlaLink = &struct{ install func() error }{install: xla.AutoInstall}
}
