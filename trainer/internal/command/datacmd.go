package command

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nanochat-go/nanochat/systems/corpus"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// DataResult is what data prepare and data stats report.
type DataResult struct {
	Out       string                         `json:"out,omitempty"` // the folder that was written
	Source    string                         `json:"source"`
	Documents int64                          `json:"documents"`
	Bytes     int64                          `json:"bytes"`
	Removed   map[corpus.Reason]corpus.Count `json:"removed"`
	Origins   int                            `json:"origins"`
	Licenses  map[string]int                 `json:"licenses"` // documents
	Train     data.Part                      `json:"train"`
	Val       data.Part                      `json:"val"`
	Tokens    int64                          `json:"tokens"` // 0 when only counted
	Vocab     int                            `json:"vocab"`  // 0 when only counted
	Seconds   float64                        `json:"seconds"`
}

func dataResult(m data.Manifest) DataResult {
	return DataResult{Source: m.Source, Documents: m.Documents, Bytes: m.Bytes, Removed: m.Removed, Origins: m.Origins, Licenses: m.Licenses,
		Train: m.Train, Val: m.Val, Tokens: m.Train.Tokens + m.Val.Tokens, Vocab: m.Vocab, Seconds: m.Seconds}
}

// print shows the counts as text.
func (r DataResult) print(o cli.Common) {
	o.Printf("documents   %d, %sB, from %d origins\n", r.Documents, track.Quantity(float64(r.Bytes)), r.Origins)
	for _, p := range []struct {
		name string
		part data.Part
	}{{"train", r.Train}, {"validation", r.Val}} {
		o.Printf("%-12s%d documents, %sB", p.name, p.part.Documents, track.Quantity(float64(p.part.Bytes)))
		if r.Tokens > 0 {
			o.Printf(", %d tokens", p.part.Tokens)
		}
		o.Printf("\n")
	}
	printRemoved(o, r.Removed)
	for _, l := range slices.SortedFunc(maps.Keys(r.Licenses), func(a, b string) int { return r.Licenses[b] - r.Licenses[a] }) {
		name := l
		if name == "" {
			name = "not known"
		}
		o.Printf("licence     %s: %d documents\n", name, r.Licenses[l])
	}
}

func printRemoved(o cli.Common, removed map[corpus.Reason]corpus.Count) {
	for _, reason := range slices.Sorted(maps.Keys(removed)) {
		o.Printf("removed     %s: %d documents, %sB\n", reason, removed[reason].Documents, track.Quantity(float64(removed[reason].Bytes)))
	}
}

// DataPrepare is the command data prepare.
func DataPrepare(ctx context.Context, o cli.DataOptions) (any, error) {
	c, err := config.Load(o.Preset, o.File, o.Set)
	if err != nil {
		return nil, err
	}
	p, err := data.Prepare(ctx, c, o.Out, o.Notice)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if p.Dir != o.Out {
		return nil, fmt.Errorf("data %s is prepared already: give it to train with --data", p.Dir)
	}
	r := dataResult(p.Manifest)
	r.Out = o.Out
	r.print(o.Common)
	o.Printf("tokenizer   %d ids\nwritten to  %s; use it with: trainer train --data %s\n", r.Vocab, o.Out, quoted(o.Out))
	return r, nil
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,@%") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// DataStats is the command data stats.
func DataStats(ctx context.Context, o cli.DataOptions) (any, error) {
	c, err := config.Load(o.Preset, o.File, o.Set)
	if err != nil {
		return nil, err
	}
	m, err := data.Count(ctx, c)
	if err != nil {
		return nil, err
	}
	r := dataResult(m)
	r.print(o.Common)
	return r, nil
}

// CratesResult is what data crates reports.
type CratesResult struct {
	Out       string                         `json:"out"`
	Crates    int                            `json:"crates"`
	Documents int64                          `json:"documents"`
	Bytes     int64                          `json:"bytes"`
	Removed   map[corpus.Reason]corpus.Count `json:"removed"`
	Licenses  map[string]int                 `json:"licenses"` // crates
	Seconds   float64                        `json:"seconds"`
}

// DataCrates is the command data crates.
func DataCrates(ctx context.Context, o cli.CratesOptions) (any, error) {
	start := time.Now()
	if _, err := os.Stat(o.List); err != nil {
		return nil, fmt.Errorf("list of crates %s: %w: name a file with a crate on each line, see trainer data crates --help", o.List, cause(err))
	}
	o.Notice("reading %s; cargo fetches the crates that its cache does not hold", o.List)
	m, err := corpus.FetchCrates(ctx, o.List, o.Out)
	if err != nil {
		return nil, err
	}
	r := CratesResult{Out: o.Out, Crates: len(m.Crates), Documents: m.Kept.Documents, Bytes: m.Kept.Bytes, Removed: m.Removed,
		Licenses: map[string]int{}, Seconds: time.Since(start).Seconds()}
	for _, c := range m.Crates {
		r.Licenses[c.License]++
	}
	o.Printf("crates      %d, with %d documents, %sB\n", r.Crates, r.Documents, track.Quantity(float64(r.Bytes)))
	printRemoved(o.Common, r.Removed)
	o.Printf("written to  %s; use it with: trainer train --preset crates --data %s\n", o.Out, quoted(o.Out))
	return r, nil
}
