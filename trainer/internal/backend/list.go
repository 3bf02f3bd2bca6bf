package backend

import (
	"os"
	"strings"
)

// Status is one line of the list of backends.
type Status struct {
	Name      string `json:"name"`
	Available bool   `json:"available"`
	Detail    string `json:"detail"`
	Fix       string `json:"fix,omitempty"` // what to do to have it
}

// List says what is available, why not, and how to get it. It opens and
// downloads nothing.
func List() []Status {
	goes := Status{Name: "go", Available: true, Detail: "part of the program; training builds it once more, with SIMD"}
	if simdBuild {
		goes.Detail = "part of the program, with SIMD"
	} else if why := simdMissing(); why != "" {
		goes.Detail = "part of the program, without SIMD: " + why
	}
	xla := Status{Name: "xla", Available: xlaLink != nil && Plugin() != ""}
	switch {
	case xlaLink == nil:
		xla.Detail, xla.Fix = "not linked into this program", "build with a C compiler, CGO_ENABLED=1 and without the tag noxla"
	case xla.Available:
		xla.Detail = "plugin " + Plugin()
	default:
		xla.Detail, xla.Fix = "no PJRT CPU plugin in "+strings.Join(pluginDirs(), ", "), howToInstall
	}
	return []Status{goes, xla}
}

// Auto says in words what "auto" takes, without trying.
func Auto() string {
	_, off := os.LookupEnv("GOMLX_NO_AUTO_INSTALL")
	switch {
	case xlaLink != nil && Plugin() != "":
		return "xla"
	case xlaLink != nil && !off:
		return "xla if the plugin can be downloaded, otherwise go"
	}
	return "go"
}
