package optim

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Param describes a parameter, see update.Param.
type Param = update.Param

// Group gives a rule and its settings to the parameters that it matches.
type Group struct {
	// Match lists globs over parameter names, in which * fits any characters, and
	// Class lists classes; a parameter belongs to the group if one of either fits.
	// Both empty match every parameter.
	Match, Class []string

	Rule        update.Rule
	LR          float64
	WeightDecay float64
	// CautiousDecay decays only the weights that the step moves towards zero
	// anyway, or leaves alone: w·u ≥ 0.
	CautiousDecay bool
	// Clip bounds the joint gradient norm of the group's parameters, besides the
	// bound that Config.Clip sets for all; 0: none.
	Clip float64
	// GrowthLimit, above 1, bounds the norm of a parameter's direction to so many
	// times that of the step before (arXiv:2410.01623, section 4.3); 0: none.
	GrowthLimit float64
	// Momentum replaces the rule's default β when it is not nil.
	Momentum *float64

	// Space is where the rule's moments live, see package foam; nil is the
	// parameter itself.
	Space update.Space

	// Storage is how the rule's state is kept between steps, see package storage;
	// nil is float32. Parameters with fewer than StoreFrom values keep float32
	// whatever it says; 0 is DefaultStoreFrom.
	Storage   update.Storage
	StoreFrom int

	optional bool // may stay without parameters
}

// DefaultStoreFrom is the size from which on a group's Storage counts: below
// it the scales of blocks weigh more, and there is little to save.
const DefaultStoreFrom = 4096

// Config says how parameters are updated. The first group that matches a
// parameter takes it. A parameter without a group is an error. So is a group
// that takes nothing, unless it matches everything and is the last, or groups
// with globs took what its classes name.
type Config struct {
	Groups []Group
	Clip   float64 // bound of the joint gradient norm; 0: none

	// LossGuard recognises a step to skip by its loss alone. That saves the norm of the
	// gradients, a reading of all of them, where nothing else wants it; gradients that
	// are not finite though the loss is then ruin weights and state.
	LossGuard bool
}

// Optimizer updates a fixed list of parameters. It implements the optimizer
// interface of GoMLX and can be called from a step graph of one's own.
type Optimizer struct {
	cfg      Config
	params   []Param
	group    []int          // index into cfg.Groups for each parameter
	index    map[string]int // of params by name
	discover bool           // params grow with the graphs

	claimed map[*model.Store]map[string]bool // settings that were given their value
}

// UnsupportedError says that a group's rule, space or storage cannot serve a
// parameter that is routed to it.
type UnsupportedError struct {
	Group int // index into Config.Groups
	Param string
	Err   error
}

// Error implements error.
func (e *UnsupportedError) Error() string { return fmt.Sprintf("optim: group %d: %v", e.Group, e.Err) }

// Unwrap returns what the rule, space or storage said.
func (e *UnsupportedError) Unwrap() error { return e.Err }

// New returns an optimizer for the parameters. With no parameters it serves a
// plain GoMLX program: it takes the trainable variables of the graphs it sees,
// as Describe describes them.
func New(params []Param, cfg Config) (*Optimizer, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	o := &Optimizer{cfg: cfg, discover: len(params) == 0, claimed: map[*model.Store]map[string]bool{}}
	if o.discover {
		return o, nil
	}
	return o, o.assign(params)
}

// validate says what is wrong with a configuration before any parameter is known.
func (c Config) validate() error {
	if len(c.Groups) == 0 {
		return errors.New("optim: no groups: want at least one with a rule")
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("optim: "+format, args...)) }
	for i, g := range c.Groups {
		if g.Rule == nil {
			bad("group %d has no rule", i)
		}
		if !(g.LR > 0) || math.IsInf(g.LR, 1) {
			bad("group %d: learning rate %g, want a number above 0", i, g.LR)
		}
		if !(g.WeightDecay >= 0) || math.IsInf(g.WeightDecay, 1) {
			bad("group %d: weight decay %g, want 0 or more", i, g.WeightDecay)
		}
		if m := g.Momentum; m != nil && !(*m >= 0 && *m < 1) {
			bad("group %d: momentum %g, want [0, 1)", i, *m)
		}
		if l := g.GrowthLimit; l != 0 && !(l > 1) {
			bad("group %d: growth limit %g, want 0 (none) or more than 1", i, l)
		}
		if !(g.Clip >= 0) || math.IsInf(g.Clip, 1) {
			bad("group %d: clip %g, want 0 (none) or more", i, g.Clip)
		}
		if g.StoreFrom < 0 {
			bad("group %d: StoreFrom %d, want 0 (the default, %d) or more", i, g.StoreFrom, DefaultStoreFrom)
		}
		for _, glob := range g.Match {
			if _, err := path.Match(glob, ""); err != nil {
				bad("group %d: pattern %q: %w", i, glob, err)
			}
		}
	}
	if !(c.Clip >= 0) || math.IsInf(c.Clip, 1) {
		bad("clip %g, want 0 (none) or more", c.Clip)
	}
	return errors.Join(errs...)
}

// assign routes the parameters to groups.
func (o *Optimizer) assign(params []Param) error {
	o.params, o.group, o.index = params, nil, map[string]int{}
	var errs []error
	for i, p := range params {
		if _, twice := o.index[p.Name]; twice {
			errs = append(errs, fmt.Errorf("optim: parameter %s is listed twice", p.Name))
		}
		o.index[p.Name] = i
		g := slices.IndexFunc(o.cfg.Groups, func(g Group) bool { return g.takes(p) })
		o.group = append(o.group, g)
		if g < 0 {
			errs = append(errs, fmt.Errorf("optim: no group takes %s (class %q)", p.Name, p.Class))
		} else if err := o.cfg.Groups[g].check(p); err != nil {
			errs = append(errs, &UnsupportedError{Group: g, Param: p.Name, Err: err})
		}
	}
	return errors.Join(append(errs, o.idle()...)...)
}

// idle reports the groups without parameters that look like a mistake.
func (o *Optimizer) idle() (errs []error) {
	for i, g := range o.cfg.Groups {
		last := i == len(o.cfg.Groups)-1 && g.all()
		if slices.Contains(o.group, i) || g.optional || last {
			continue
		}
		fits, overruled := 0, 0 // overruled: taken by a group that names parameters
		for k, p := range o.params {
			if g.takes(p) {
				fits++
				if o.group[k] >= 0 && len(o.cfg.Groups[o.group[k]].Match) > 0 {
					overruled++
				}
			}
		}
		switch {
		case fits == 0:
			errs = append(errs, fmt.Errorf("optim: group %d matches no parameter: match %q, class %q", i, g.Match, g.Class))
		case len(g.Match) > 0 || overruled < fits:
			errs = append(errs, fmt.Errorf("optim: group %d takes no parameter, earlier groups have them all: put it before them", i))
		}
	}
	return errs
}

// check says why the group's rule or storage cannot serve a parameter.
func (g Group) check(p Param) error {
	if g.Space != nil {
		if err := g.Space.Check(p); err != nil {
			return err
		}
	}
	inner := g.inner(p)
	if err := g.Rule.Check(inner); err != nil {
		return err
	}
	for _, s := range g.Rule.State(inner) {
		if err := g.storage(inner).Check(s); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}

// inner is the parameter in the group's space.
func (g Group) inner(p Param) Param {
	if g.Space == nil {
		return p
	}
	return g.Space.Inner(p)
}

// storage is how the state of an inner parameter is kept.
func (g Group) storage(p Param) update.Storage {
	from := g.StoreFrom
	if from == 0 {
		from = DefaultStoreFrom
	}
	if g.Storage == nil || p.Size() < from {
		return storage.Float32()
	}
	return g.Storage
}

// keptBasis is how a tensor of a basis is kept between steps: as the space says,
// or as it is if it counts something.
func keptBasis(b update.Basis, s update.Spec) update.Storage {
	if s.DType != dtypes.Float32 {
		return storage.Float32()
	}
	return b.Stored()
}

// state lists what is kept for a parameter.
func (g Group) state(p Param) []update.Spec {
	var kept []update.Spec
	if basis, ok := g.Space.(update.Basis); ok {
		for _, s := range basis.State(p) {
			for _, k := range keptBasis(basis, s).Specs(s) {
				kept = append(kept, stateSpec(k, p))
			}
		}
	}
	inner := g.inner(p)
	for _, s := range g.Rule.State(inner) {
		for _, k := range g.storage(inner).Specs(s) {
			kept = append(kept, stateSpec(k, p))
		}
	}
	for _, s := range g.late(p) {
		kept = append(kept, stateSpec(s, p))
	}
	if g.GrowthLimit > 0 {
		kept = append(kept, stateSpec(directionNorm, p))
	}
	return kept
}

// late declares the state that the direction of a parameter feeds.
func (g Group) late(p Param) []update.Spec {
	f, ok := g.Rule.(update.Finisher)
	if !ok {
		return nil
	}
	if g.Space != nil {
		p = g.Space.Lifted(p)
	}
	return f.Late(p)
}

// all reports whether the group matches every parameter.
func (g Group) all() bool { return len(g.Match) == 0 && len(g.Class) == 0 }

func (g Group) takes(p Param) bool {
	return g.all() || slices.Contains(g.Class, p.Class) ||
		slices.ContainsFunc(g.Match, func(glob string) bool { return matches(glob, p.Name) })
}

// RuleOf returns the name of the rule that updates a parameter, "" if the
// optimizer does not know the parameter.
func (o *Optimizer) RuleOf(name string) string {
	i, ok := o.index[name]
	if !ok {
		return ""
	}
	return o.cfg.Groups[o.group[i]].Rule.Name()
}

// describe names the space, if there is one, and the storage of a parameter.
func (g Group) describe(p Param) string {
	kept := g.storage(g.inner(p)).Name()
	if g.Space == nil {
		return kept
	}
	return g.Space.Name() + ":" + kept
}

// Table shows which rule and settings each parameter has.
func (o *Optimizer) Table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "parameter\tshape\tclass\trule\tlr\tdecay\tstate\tbytes")
	for i, p := range o.params {
		g := o.cfg.Groups[o.group[i]]
		bytes := int64(0)
		for _, s := range g.state(p) {
			bytes += s.Bytes()
		}
		fmt.Fprintf(w, "%s\t%v\t%s\t%s\t%g\t%g\t%s\t%d\n", p.Name, p.Shape, p.Class, g.Rule.Name(), g.LR, g.WeightDecay, g.describe(p), bytes)
	}
	w.Flush()
	return b.String()
}
