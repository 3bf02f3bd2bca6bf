//go:build cgo && !noxla

package backend

import "github.com/gomlx/go-xla/compute/xla"

func init() {
	xlaLink = &struct{ install func() error }{install: xla.AutoInstall}
}
