package grid

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/pelletier/go-toml/v2"
)

// Protocol is what is to be found out and how, written before the runs.
type Protocol struct {
	Question string `toml:"question" json:"question"`
	// Preset and Set make the configuration that all runs have in common.
	Preset string   `toml:"preset" json:"preset,omitempty"`
	Set    []string `toml:"set" json:"set"`
	// Rates are the grid of optim.lr, ascending.
	Rates []float64 `toml:"rates" json:"rates"`
	// Seeds of the runs; rates are chosen on the first.
	Seeds []int64 `toml:"seeds" json:"seeds"`
	// Base is the method that the others are compared with.
	Base string `toml:"base" json:"base"`
	// Stability asks how smoothly the runs go, too; what needs measured steps comes
	// from those of optim.health_every.
	Stability bool     `toml:"stability" json:"stability,omitempty"`
	Methods   []Method `toml:"methods" json:"methods"`
}

// Method is one of the things compared.
type Method struct {
	Name string   `toml:"name" json:"name"`
	Set  []string `toml:"set" json:"set"`
	// Rates replaces the protocol's grid by another of the same size.
	Rates []float64 `toml:"rates" json:"rates,omitempty"`
	// Follows names the method whose chosen rate this one takes, without a grid
	// of its own.
	Follows string `toml:"follows" json:"follows,omitempty"`
	// Against replaces the protocol's Base for this method.
	Against string `toml:"against" json:"against,omitempty"`
	// Seeds replaces the protocol's, whose first it must begin with.
	Seeds []int64 `toml:"seeds" json:"seeds,omitempty"`
}

// Load reads a protocol.
func Load(path string) (Protocol, error) {
	var p Protocol
	text, err := os.ReadFile(path)
	if err != nil {
		return p, fmt.Errorf("protocol: %w", err)
	}
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		var unknown *toml.StrictMissingError
		if errors.As(err, &unknown) {
			return p, fmt.Errorf("protocol %s: unknown key:\n%s", path, unknown.String())
		}
		return p, fmt.Errorf("protocol %s: %w", path, err)
	}
	if err := p.Validate(); err != nil {
		return p, fmt.Errorf("protocol %s: %w", path, err)
	}
	return p, nil
}

// Validate says what is wrong with a protocol.
func (p Protocol) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if p.Question == "" {
		bad("no question: say what the runs are to find out")
	}
	if len(p.Seeds) == 0 || len(p.Methods) == 0 {
		bad("%d seeds and %d methods, want at least one of each", len(p.Seeds), len(p.Methods))
	}
	if _, ok := p.method(p.Base); !ok {
		bad("base %q is none of the methods", p.Base)
	}
	for i, m := range p.Methods {
		if slices.IndexFunc(p.Methods, func(o Method) bool { return o.Name == m.Name }) != i || m.Name == "" {
			bad("method %d: name %q is empty or used before", i, m.Name)
		}
		if f, ok := p.method(m.Follows); m.Follows != "" && (!ok || f.Follows != "" || len(m.Rates) > 0) {
			bad("method %q follows %q: want a method with a grid, and no rates of its own", m.Name, m.Follows)
		}
		if _, ok := p.method(m.Against); m.Against != "" && !ok {
			bad("method %q is against %q, which is none of the methods", m.Name, m.Against)
		}
		if n := len(p.rates(m)); n != len(p.Rates) || n == 0 {
			bad("method %q has %d rates, want %d like the others: grids of one size", m.Name, n, max(1, len(p.Rates)))
		}
		if r := p.rates(m); !slices.IsSorted(r) || slices.ContainsFunc(r, func(r float64) bool { return !(r > 0) }) {
			bad("method %q has rates %g, want them ascending and above 0", m.Name, r)
		}
		if s := p.seeds(m); len(s) > 0 && len(p.Seeds) > 0 && s[0] != p.Seeds[0] {
			bad("method %q begins with seed %d, want %d: rates are chosen on one seed", m.Name, s[0], p.Seeds[0])
		}
	}
	return errors.Join(errs...)
}

func (p Protocol) method(name string) (Method, bool) {
	i := slices.IndexFunc(p.Methods, func(m Method) bool { return m.Name == name })
	if i < 0 {
		return Method{}, false
	}
	return p.Methods[i], true
}

func (p Protocol) rates(m Method) []float64 {
	if len(m.Rates) > 0 {
		return m.Rates
	}
	return p.Rates
}

func (p Protocol) seeds(m Method) []int64 {
	if len(m.Seeds) > 0 {
		return m.Seeds
	}
	return p.Seeds
}

// against is the method that m is compared with.
func (p Protocol) against(m Method) string {
	if m.Against != "" {
		return m.Against
	}
	return p.Base
}
