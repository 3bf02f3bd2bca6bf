package command

import (
	"context"
	"strings"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// BackendsResult is what backends reports.
type BackendsResult struct {
	Backends []backend.Status `json:"backends"`
	Auto     string           `json:"auto"` // what --backend auto takes
	Machine  string           `json:"machine"`
}

// Backends is the command backends.
func Backends(_ context.Context, o cli.Common) (any, error) {
	r := BackendsResult{Backends: backend.List(), Auto: backend.Auto(), Machine: backend.Machine()}
	for _, s := range r.Backends {
		state := "available"
		if !s.Available {
			state = "not available"
		}
		o.Printf("%-5s %s: %s\n", s.Name, state, s.Detail)
		if s.Fix != "" {
			o.Printf("      %s\n", strings.ReplaceAll(s.Fix, "; ", ";\n      "))
		}
	}
	o.Printf("auto  takes %s\nmachine: %s\n", r.Auto, r.Machine)
	return r, nil
}
