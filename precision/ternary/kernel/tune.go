package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// planRows is up to how many rows of activations a plan has a choice for each number.
const planRows = 16

// plan says how many rows of activations are multiplied: 0 is one after the other, b+1
// is batch b of the path. More than planRows are multiplied as planRows are, and the rest
// of a division by it as so many rows.
type plan [planRows + 1]uint8

// shape is what a plan is measured for. Sizes are powers of two.
type shape struct {
	path       *path
	rows, cols int
}

// Sizes beyond which choices stay the same, which bounds the time and the memory of
// measuring. A part of a product has fewer rows than its matrix, so that the measurement
// is of about a part.
const (
	minPlan     = 64
	maxPlanRows = 512
	maxPlanCols = 2048
)

func (m *Matrix) shape(p *path) shape {
	power := func(n, limit int) int { return min(max(minPlan, 1<<bits.Len(uint(n-1))), limit) }
	return shape{p, power(m.rows, maxPlanRows), power(m.cols, maxPlanCols)}
}

// tuner holds the plans of the process.
type tuner struct {
	mu    sync.RWMutex
	plans map[shape]*plan
	one   sync.Mutex // held by who measures
}

var tuned = tuner{plans: map[shape]*plan{}}

// plan returns the plan for a shape, which the first call measures.
func (t *tuner) plan(s shape) *plan {
	if p := t.known(s); p != nil {
		return p
	}
	t.one.Lock()
	defer t.one.Unlock()
	if p := t.known(s); p != nil {
		return p
	}
	p := s.measure()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.plans[s] = p
	return p
}

func (t *tuner) known(s shape) *plan {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.plans[s]
}

// measure times every way for every number of rows.
func (s shape) measure() *plan {
	p := &plan{}
	m := &Matrix{rows: s.rows, cols: s.cols, steps: steps * lines(s.cols), scales: make([]float32, groups(s.rows)*group)}
	m.tiles = aligned[tile](groups(s.rows) * m.steps)
	x, err := newActivations(planRows, s.cols, s.path)
	if err != nil {
		panic(err) // the sizes are constants
	}
	x.rows = planRows
	y, room := make([]float32, planRows*s.rows), &Scratch{}
	single := fastest(func() { s.path.single(y[:s.rows], m, x, 0, 0, groups(s.rows)) })
	var best [planRows + 1]time.Duration
	for n := range best {
		best[n] = time.Duration(n) * single
	}
	for i, b := range s.path.batches {
		if b.allowed != nil && !b.allowed() {
			continue
		}
		for n := 2; n <= planRows; n++ {
			if took := fastest(func() { b.run(y, m, x, 0, groups(s.rows), 0, n, room) }); took < best[n] {
				p[n], best[n] = uint8(i+1), took
			}
		}
	}
	return p
}

// fastest is the shortest of some calls: others were interrupted.
func fastest(f func()) time.Duration {
	f()
	least := time.Duration(1<<63 - 1)
	for range 5 {
		start := time.Now()
		f()
		least = min(least, time.Since(start))
	}
	return least
}

// planFile is what SaveTuning writes.
type planFile struct {
	Version int        `json:"version"`
	Plans   []planLine `json:"plans"`
}

type planLine struct {
	Path    string   `json:"path"`
	Rows    int      `json:"rows"`
	Cols    int      `json:"cols"`
	Methods []string `json:"methods"` // for 1, 2, ... rows of activations
}

const (
	planVersion = 1
	singly      = "single"
)

// tuningFile is different for processors that differ.
func tuningFile(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("ternary-kernel-%s-%08x.json", Path(), signature()))
}

// SaveTuning writes what was measured in this process about batches of activations to a
// file in dir, which must exist, for LoadTuning. The name of the file has the model of the
// processor, so that machines can share a directory.
func SaveTuning(dir string) error {
	f := planFile{Version: planVersion, Plans: []planLine{}}
	tuned.mu.RLock()
	for s, p := range tuned.plans {
		l := planLine{Path: s.path.name, Rows: s.rows, Cols: s.cols}
		for _, choice := range p[1:] {
			l.Methods = append(l.Methods, s.path.method(choice))
		}
		f.Plans = append(f.Plans, l)
	}
	tuned.mu.RUnlock()
	data, err := json.Marshal(f)
	if err == nil {
		err = replace(tuningFile(dir), data)
	}
	if err != nil {
		return fmt.Errorf("kernel: saving choices: %w", err)
	}
	return nil
}

// replace writes a file that readers see whole or not at all.
func replace(name string, data []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		_ = os.Remove(temporary.Name()) // the first error counts
	}
	return err
}

// LoadTuning reads what SaveTuning has written in dir on such a processor, so that it is
// not measured anew. Where there is no file, or a choice is of another version of this
// package, it will be measured. Results do not depend on choices.
func LoadTuning(dir string) error {
	data, err := os.ReadFile(tuningFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var f planFile
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		return fmt.Errorf("kernel: loading choices: %w", err)
	}
	if f.Version != planVersion {
		return nil
	}
	tuned.mu.Lock()
	defer tuned.mu.Unlock()
	for _, l := range f.Plans {
		for _, p := range paths() {
			if plan, ok := p.read(l.Methods); ok && p.name == l.Path {
				tuned.plans[shape{p, l.Rows, l.Cols}] = plan
			}
		}
	}
	return nil
}

// method is the name of a choice of a plan.
func (p *path) method(choice uint8) string {
	if choice == 0 {
		return singly
	}
	return p.batches[choice-1].name
}

// read makes a plan of the names of its choices.
func (p *path) read(methods []string) (*plan, bool) {
	if len(methods) != planRows {
		return nil, false
	}
	var result plan
	for i, name := range methods {
		choice := 0
		for choice <= len(p.batches) && p.method(uint8(choice)) != name {
			choice++
		}
		if choice > len(p.batches) || choice > 0 && p.batches[choice-1].allowed != nil && !p.batches[choice-1].allowed() {
			return nil, false
		}
		result[i+1] = uint8(choice)
	}
	return &result, true
}
