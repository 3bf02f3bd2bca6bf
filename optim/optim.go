package optim

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/optim/update"
)

// Param describes a parameter, see update.Param.
type Param = update.Param

// Group gives a rule and its settings to the parameters that it matches.
type Group struct {
	// Match lists globs over parameter names and Class lists classes; a
	// parameter belongs to the group if one of either fits. Both empty match
	// every parameter.
	Match, Class []string

	Rule        update.Rule
	LR          float64
	WeightDecay float64
	// Momentum replaces the rule's default β when it is not nil.
	Momentum *float64
}

// Config says how parameters are updated. The first group that matches a
// parameter takes it; a parameter without a group is an error.
type Config struct {
	Groups []Group
	Clip   float64 // bound of the joint gradient norm; 0: none
}

// Optimizer updates a fixed list of parameters. It implements the optimizer
// interface of GoMLX and can be called from a step graph of one's own.
type Optimizer struct {
	cfg    Config
	params []Param
	group  []int // index into cfg.Groups for each parameter
	index  map[string]int
}

// New returns an optimizer for the parameters. With no parameters it serves a
// plain GoMLX program: at the first graph it takes the trainable variables as
// Discover describes them.
func New(params []Param, cfg Config) (*Optimizer, error) {
	if len(cfg.Groups) == 0 {
		return nil, errors.New("optim: no groups: want at least one with a rule")
	}
	for i, g := range cfg.Groups {
		if g.Rule == nil {
			return nil, fmt.Errorf("optim: group %d has no rule", i)
		}
		if g.LR <= 0 || g.WeightDecay < 0 {
			return nil, fmt.Errorf("optim: group %d: learning rate %g, want more than 0; decay %g, want 0 or more", i, g.LR, g.WeightDecay)
		}
		if m := g.Momentum; m != nil && (*m < 0 || *m >= 1) {
			return nil, fmt.Errorf("optim: group %d: momentum %g, want [0, 1)", i, *m)
		}
		for _, glob := range g.Match {
			if _, err := path.Match(glob, ""); err != nil {
				return nil, fmt.Errorf("optim: group %d: pattern %q: %w", i, glob, err)
			}
		}
	}
	if cfg.Clip < 0 {
		return nil, fmt.Errorf("optim: clip %g, want 0 (none) or more", cfg.Clip)
	}
	o := &Optimizer{cfg: cfg}
	return o, o.assign(params)
}

// assign routes the parameters to groups.
func (o *Optimizer) assign(params []Param) error {
	o.params, o.group, o.index = params, nil, map[string]int{}
	var errs []error
	for i, p := range params {
		g := slices.IndexFunc(o.cfg.Groups, func(g Group) bool { return g.matches(p) })
		if g < 0 {
			errs = append(errs, fmt.Errorf("optim: no group takes %s (class %q)", p.Name, p.Class))
			continue
		}
		if err := o.cfg.Groups[g].Rule.Check(p); err != nil {
			errs = append(errs, fmt.Errorf("optim: group %d: %w", g, err))
		}
		o.group = append(o.group, g)
		o.index[p.Name] = i
	}
	return errors.Join(errs...)
}

func (g Group) matches(p Param) bool {
	if len(g.Match) == 0 && len(g.Class) == 0 {
		return true
	}
	if slices.Contains(g.Class, p.Class) {
		return true
	}
	return slices.ContainsFunc(g.Match, func(glob string) bool {
		ok, _ := path.Match(glob, strings.ReplaceAll(p.Name, "/", "."))
		return ok
	})
}

// Discover describes the trainable variables of a store whose parameters
// nobody listed: a rank-2 variable is a "matrix" [in, out], or an "embedding"
// or "head" if its path contains "embed" or "head"; all others are a "vector".
func Discover(scope *model.Scope) []Param {
	var params []Param
	for v := range scope.IterVariables() {
		if !v.Trainable {
			continue
		}
		p := Param{Name: strings.TrimPrefix(v.Path(), "/"), Shape: v.Shape().Dimensions, Class: "vector", FanIn: -1, FanOut: -1}
		name := strings.ToLower(p.Name)
		if len(p.Shape) == 2 {
			p.FanIn, p.FanOut, p.Class = 0, 1, "matrix"
			if strings.Contains(name, "embed") {
				p.Class = "embedding"
			} else if strings.Contains(name, "head") {
				p.Class = "head"
			}
		}
		params = append(params, p)
	}
	return params
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

// Table shows which rule and settings each parameter has.
func (o *Optimizer) Table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "parameter\tshape\tclass\trule\tlr\tdecay\tstate bytes")
	for i, p := range o.params {
		g := o.cfg.Groups[o.group[i]]
		bytes := int64(0)
		for _, s := range g.Rule.State(p) {
			bytes += s.Bytes()
		}
		fmt.Fprintf(w, "%s\t%v\t%s\t%s\t%g\t%g\t%d\n", p.Name, p.Shape, p.Class, g.Rule.Name(), g.LR, g.WeightDecay, bytes)
	}
	w.Flush()
	return b.String()
}
