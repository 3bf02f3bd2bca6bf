package rustgen

import (
	"errors"
	"fmt"
	"slices"
)

// MaxLevel is the highest difficulty.
const MaxLevel = 5

// Config says which programs to generate. The zero value is level 1, seed 0, training families, tests where the level has them.
type Config struct {
	// Seed selects one of 2^64 streams.
	Seed uint64
	// Level is the difficulty, 1 to 5; 0 means 1.
	Level int
	// HeldOut draws from the families that are kept out of training text, and only from them.
	HeldOut bool
	// Tests gives every program a module of unit tests; otherwise some programs of level 3 and above have one.
	Tests bool
}

// Validate reports every setting that is out of range.
func (c Config) Validate() error {
	var errs []error
	if c.Level < 0 || c.Level > MaxLevel {
		errs = append(errs, fmt.Errorf("rustgen: level %d is not in 1..%d", c.Level, MaxLevel))
	}
	return errors.Join(errs...)
}

// Generator draws programs. Program i depends on the configuration and i alone. Next is for one goroutine; At is safe for many.
type Generator struct {
	cfg     Config
	stream  uint64
	next    uint64
	buckets []bucket
	total   int
}

// bucket is one family with the running sum of weights up to and including it.
type bucket struct {
	f   *family
	sum int
}

// Program is one document.
type Program struct {
	// Index is the program's number in its stream.
	Index uint64
	// Text is the source file.
	Text string
	// Tasks are the functions that the file implements, in order.
	Tasks []*Task

	groups []*group
}

// New makes a generator that starts at program 0.
func New(cfg Config) (*Generator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Level = max(cfg.Level, 1)
	g := &Generator{cfg: cfg, stream: mix(cfg.Seed) ^ mix(uint64(cfg.Level)<<8|bit(cfg.HeldOut)<<1|bit(cfg.Tests))}
	for i := range registry {
		f := &registry[i]
		w := f.weightAt(cfg.Level)
		if w == 0 || f.heldOut != cfg.HeldOut {
			continue
		}
		g.total += w
		g.buckets = append(g.buckets, bucket{f, g.total})
	}
	if g.total == 0 {
		return nil, fmt.Errorf("rustgen: no family is held out at level %d", cfg.Level)
	}
	return g, nil
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// Next is the program after the last one.
func (g *Generator) Next() Program {
	p := g.At(g.next)
	g.next++
	return p
}

// Seek makes i the next program.
func (g *Generator) Seek(i uint64) { g.next = i }

// AppendText appends the text of the next program.
func (g *Generator) AppendText(dst []byte) []byte {
	p, tests := g.draw(g.next)
	g.next++
	return p.appendText(dst, tests)
}

// At is program i.
func (g *Generator) At(i uint64) Program {
	p, tests := g.draw(i)
	p.Text = string(p.appendText(make([]byte, 0, 1024), tests))
	return p
}

// groupsOf is how many families a program takes, in percent for one, two and three.
var groupsOf = [MaxLevel + 1][3]int{1: {70, 25, 5}, 2: {75, 25, 0}, 3: {65, 35, 0}, 4: {70, 30, 0}, 5: {80, 20, 0}}

// testsIn is the share of programs with unit tests, in percent.
var testsIn = [MaxLevel + 1]int{3: 20, 4: 35, 5: 35}

// docsIn is the share of functions with doc examples, in percent.
var docsIn = [MaxLevel + 1]int{3: 20, 4: 25, 5: 25}

func (g *Generator) draw(i uint64) (Program, bool) {
	r := newRNG(g.stream, i)
	tests := r.chance(testsIn[g.cfg.Level]) || g.cfg.Tests
	roll, want := r.below(100), 1
	for share, k := groupsOf[g.cfg.Level], 0; k < 2 && roll >= share[k]; k++ {
		roll -= share[k]
		want++
	}
	p := Program{Index: i}
	var names []string
	for tries := 0; len(p.groups) < want && tries < 3*want; tries++ {
		f := g.family(r)
		grp := f.make(&ctx{rng: r, level: g.cfg.Level, family: f})
		if overlaps(names, grp.names) {
			continue
		}
		names = append(names, grp.names...)
		p.add(grp, f, r, g.cfg.Level)
	}
	return p, tests
}

// add appends a group and gives each of its tasks a seed, and perhaps doc examples.
func (p *Program) add(grp *group, f *family, r *rng, level int) {
	p.groups = append(p.groups, grp)
	for _, piece := range grp.pieces {
		t := piece.task
		if t == nil {
			continue
		}
		t.seed = r.pcg.Uint64()
		if docs := r.chance(docsIn[level]); docs && !t.private {
			t.examples = 1 + r.below(2)
		}
		t.Family = f.name
		p.Tasks = append(p.Tasks, t)
	}
}

func (g *Generator) family(r *rng) *family {
	x := r.below(g.total)
	i, _ := slices.BinarySearchFunc(g.buckets, x, func(b bucket, x int) int {
		if b.sum <= x {
			return -1
		}
		return 1
	})
	return g.buckets[i].f
}

func overlaps(a, b []string) bool {
	for _, x := range b {
		if slices.Contains(a, x) {
			return true
		}
	}
	return false
}

func (p *Program) appendText(dst []byte, tests bool) []byte {
	dst = p.appendItems(dst)
	if tests {
		dst = append(dst, '\n')
		dst = p.appendTests(dst)
	}
	return dst
}

func (p *Program) appendItems(dst []byte) []byte {
	var uses []string
	for _, grp := range p.groups {
		for _, u := range grp.uses {
			if !slices.Contains(uses, u) {
				uses = append(uses, u)
			}
		}
	}
	slices.Sort(uses)
	dst = appendUses(dst, uses)
	for i, grp := range p.groups {
		if i > 0 {
			dst = append(dst, '\n')
		}
		dst = grp.appendText(dst)
	}
	return dst
}

// Items is the source without a module of unit tests.
func (p *Program) Items() string { return string(p.appendItems(nil)) }

// Tests is a module of unit tests for all tasks of the program.
func (p *Program) Tests() string { return string(p.appendTests(nil)) }

func (p *Program) appendTests(dst []byte) []byte {
	dst = append(dst, testsHead...)
	for i, t := range p.Tasks {
		if i > 0 {
			dst = append(dst, '\n')
		}
		dst = t.appendTest(dst, testAssertions)
	}
	return append(dst, "}\n"...)
}

// testAssertions is the number of assertions in a generated unit test.
const testAssertions = 3
