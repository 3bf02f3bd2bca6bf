package policy

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
)

// Default, as Policy.KeepFirst or KeepLast, is what the recipe says.
const Default = -1

// Policy gives every linear of a model its recipe.
type Policy struct {
	Recipe  string            // of the linears inside blocks that no rule matches
	Recipes map[string]Recipe // beside the built-in ones, or in their place
	Rules   []Rule            // the last that matches wins

	// KeepFirst and KeepLast are how many blocks at either end have the recipe
	// HighPrecision: a share of them below 1, rounded, a number from 1, or Default.
	// Rules that match come before.
	KeepFirst, KeepLast float64
	HighPrecision       string // "" is "bf16"
}

// Rule gives linears a recipe by globs on their paths, in which * matches anything.
type Rule struct {
	Match  []string `toml:"match"`
	Recipe string   `toml:"recipe"`
}

func (r Rule) matches(name string) bool {
	// path.Match stops a star at a slash, and paths of weights have dots.
	name = strings.ReplaceAll(name, "/", ".")
	return slices.ContainsFunc(r.Match, func(glob string) bool {
		ok, _ := path.Match(strings.ReplaceAll(glob, "/", "."), name)
		return ok
	})
}

// Linear is a linear of a model: a weight [In, Out] in a block, or outside of all
// of them with Block -1.
type Linear struct {
	Path    string
	In, Out int
	Block   int
}

// Choice is what a policy says about a linear.
type Choice struct {
	Linear
	Name   string // of the recipe
	Recipe Recipe
	Why    string // which part of the policy said so
}

// Bits is the size of a weight as the forward product reads it, with its scales.
func (c Choice) Bits() float64 { return c.Recipe.Fprop.W.Bits(c.Out, c.In) }

// Table is a policy resolved for a model.
type Table []Choice

// Recipe returns the recipe of the linear with a path. It panics if the table has
// no such linear, because that is a mistake of the program.
func (t Table) Recipe(path string) Recipe {
	for _, c := range t {
		if c.Path == path {
			return c.Recipe
		}
	}
	panic(fmt.Sprintf("policy: no linear %q in the table", path))
}

// Random says whether a training step draws random numbers.
func (t Table) Random() bool {
	return slices.ContainsFunc(t, func(c Choice) bool { return c.Recipe.Random() })
}

// Bits is the mean size of the weights.
func (t Table) Bits() float64 {
	bits, n := 0.0, 0.0
	for _, c := range t {
		size := float64(c.In) * float64(c.Out)
		bits, n = bits+size*c.Bits(), n+size
	}
	if n == 0 {
		return 0
	}
	return bits / n
}

// WithForward returns the table with the forward products of a recipe, see
// Recipe.WithForward, where they are not plain.
func (t Table) WithForward(high Recipe) Table {
	late := slices.Clone(t)
	for i, c := range late {
		if !c.Recipe.Fprop.X.IsZero() || !c.Recipe.Fprop.W.IsZero() {
			late[i].Recipe = c.Recipe.WithForward(high)
		}
	}
	return late
}

// recipe finds a recipe by name.
func (p Policy) recipe(name string) (Recipe, error) {
	if r, ok := p.Recipes[name]; ok {
		return r, nil
	}
	if r, ok := builtin[name]; ok {
		return r, nil
	}
	known := append(Names(), slices.Sorted(maps.Keys(p.Recipes))...)
	return Recipe{}, fmt.Errorf("policy: recipe %q is unknown, want one of %q", name, known)
}

// kept is how many of n blocks a setting of KeepFirst or KeepLast means.
func kept(setting, recipe float64, n int) (int, error) {
	if setting == Default {
		setting = recipe
	}
	switch {
	case setting >= 0 && setting < 1:
		return int(math.Round(setting * float64(n))), nil
	case setting >= 1 && setting == math.Trunc(setting) && setting <= float64(n):
		return int(setting), nil
	}
	return 0, fmt.Errorf("policy: %g blocks kept of %d, want a share below 1 or a number of them", setting, n)
}

// Resolve chooses the recipe of every linear and checks that it fits its shape. The
// error names everything that is wrong.
func (p Policy) Resolve(linears []Linear) (Table, error) {
	base, err := p.recipe(p.Recipe)
	if err != nil {
		return nil, err
	}
	blocks := 0
	for _, l := range linears {
		blocks = max(blocks, l.Block+1)
	}
	first, errFirst := kept(p.KeepFirst, base.KeepFirst, blocks)
	last, errLast := kept(p.KeepLast, base.KeepLast, blocks)
	high := p.HighPrecision
	if high == "" {
		high = "bf16"
	}
	errs := []error{errFirst, errLast, p.unused(linears)}
	var table Table
	for _, l := range linears {
		c := Choice{Linear: l, Name: p.Recipe, Why: "recipe"}
		switch {
		case l.Block < 0:
			c.Name, c.Why = high, "outside of blocks"
		case l.Block < first:
			c.Name, c.Why = high, fmt.Sprintf("first %d blocks", first)
		case l.Block >= blocks-last:
			c.Name, c.Why = high, fmt.Sprintf("last %d blocks", last)
		}
		for i, r := range p.Rules {
			if r.matches(l.Path) {
				c.Name, c.Why = r.Recipe, fmt.Sprintf("rule %d", i+1)
			}
		}
		if c.Recipe, err = p.recipe(c.Name); err == nil {
			err = errors.Join(c.Recipe.Validate(), c.Recipe.fits(l))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: recipe %s: %w", l.Path, c.Name, err))
		}
		table = append(table, c)
	}
	return table, errors.Join(errs...)
}

// unused reports a rule that matches nothing and a glob that cannot match.
func (p Policy) unused(linears []Linear) error {
	var errs []error
	for i, r := range p.Rules {
		for _, glob := range r.Match {
			if _, err := path.Match(glob, ""); err != nil {
				errs = append(errs, fmt.Errorf("policy: rule %d: %q: %w", i+1, glob, err))
			}
		}
		if !slices.ContainsFunc(linears, func(l Linear) bool { return r.matches(l.Path) }) {
			errs = append(errs, fmt.Errorf("policy: rule %d: no linear matches %q", i+1, r.Match))
		}
	}
	return errors.Join(errs...)
}

// fits reports operands whose blocks do not divide the shape. The rows that wgrad
// contracts are filled up with zeros, because batches are of any size.
func (r Recipe) fits(l Linear) error {
	var errs []error
	check := func(name string, q Quantizer, contracted, other int) {
		if q.Pad || q.IsZero() || q.Direct() {
			return
		}
		if m := q.Multiple(); contracted%m != 0 {
			errs = append(errs, fmt.Errorf("%s: %s: %d values along the product are no multiple of %d", name, q, contracted, m))
		}
		if m := max(1, q.Block.Rows); other%m != 0 {
			errs = append(errs, fmt.Errorf("%s: %s: %d values across the product are no multiple of %d", name, q, other, m))
		}
	}
	check("fprop.x", r.Fprop.X, l.In, 0)
	check("fprop.w", r.Fprop.W, l.In, l.Out)
	check("dgrad.dy", r.Dgrad.DY, l.Out, 0)
	check("dgrad.w", r.Dgrad.W, l.Out, l.In)
	return errors.Join(errs...)
}

// Print writes the table, one line for each group of linears that differ only in
// their block's number, and the operands of the recipes.
func (t Table) Print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "weights\tshape\tblocks\trecipe\tbits\tbecause")
	type key struct {
		name, path, why string
		in, out         int
	}
	var order []key
	blocks := map[key][]int{}
	bits := map[key]float64{}
	used := map[string]Recipe{}
	for _, c := range t {
		k := key{c.Name, starred(c), c.Why, c.In, c.Out}
		if _, seen := blocks[k]; !seen {
			order = append(order, k)
		}
		blocks[k] = append(blocks[k], c.Block)
		bits[k] = c.Bits()
		used[c.Name] = c.Recipe
	}
	for _, k := range order {
		fmt.Fprintf(tw, "%s\t%dx%d\t%s\t%s\t%.3g\t%s\n", k.path, k.in, k.out, span(blocks[k]), k.name, bits[k], k.why)
	}
	fmt.Fprintln(tw)
	fmt.Fprintln(tw, "recipe\tfprop x\tfprop w\tdgrad dy\tdgrad w\twgrad dy\twgrad x")
	for _, name := range slices.Sorted(maps.Keys(used)) {
		_, quantizers := used[name].Operands()
		fmt.Fprint(tw, name)
		for _, q := range quantizers {
			fmt.Fprintf(tw, "\t%s", q)
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

// starred is the path with a star for the number of its block.
func starred(c Choice) string {
	return strings.Replace(c.Path, fmt.Sprintf(".%d.", c.Block), ".*.", 1)
}

// span is a list of blocks as it is read: "0-3", "1,3", "-".
func span(blocks []int) string {
	if blocks[0] < 0 {
		return "-"
	}
	n := len(blocks)
	if n > 1 && blocks[n-1]-blocks[0] == n-1 {
		return fmt.Sprintf("%d-%d", blocks[0], blocks[n-1])
	}
	parts := make([]string, n)
	for i, b := range blocks {
		parts[i] = fmt.Sprint(b)
	}
	return strings.Join(parts, ",")
}
