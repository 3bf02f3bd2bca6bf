package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/report"
	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// nextSteps are commands that make sense after a run.
func nextSteps(run string) []report.Fact {
	return []report.Fact{
		{Name: fmt.Sprintf(`go run ./trainer generate --run %s --prompt "/// Returns"`, run), Value: "continue a text"},
		{Name: fmt.Sprintf("go run ./trainer eval rust --run %s --samples 256 --seed 2", run), Value: "a compile rate with a narrower interval"},
		{Name: "go run ./trainer data crates --list crates.txt --out crates", Value: "fetch real Rust with cargo"},
		{Name: "go run ./trainer train --preset crates --data crates --run runs/crates", Value: "train on it"},
	}
}

// peers reads the runs of other programs that lie in the run directory as
// peers/*.json, each with name, command, and a curve as seconds and bpb.
func (r runDir) peers() ([]report.Peer, error) {
	files, err := filepath.Glob(r.file("peers", "*.json"))
	if err != nil {
		return nil, err
	}
	var all []report.Peer
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var p struct {
			Name, Command string
			Seconds, BPB  []float64
		}
		if err := json.Unmarshal(text, &p); err != nil || p.Name == "" || len(p.Seconds) != len(p.BPB) {
			return nil, errors.Join(fmt.Errorf("%s: want name, command, and seconds and bpb of one length", f), err)
		}
		all = append(all, report.Peer{Name: p.Name, Command: p.Command, Seconds: p.Seconds, BPB: p.BPB})
	}
	return all, nil
}

// ReportResult is what report reports.
type ReportResult struct {
	Report string   `json:"report"`
	Peers  []string `json:"peers"`
}

// Report is the command report: it writes a run's report.html again, with the
// metrics as they are now and the peers that lie in the run directory.
func Report(_ context.Context, o cli.ReportOptions) (any, error) {
	dir := runDir{path: o.Run}
	text, err := os.ReadFile(dir.file(reportFacts))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: a run writes it when it ends or is interrupted; go on with: trainer train --run %s --resume", o.Run, reportFacts, o.Run)
	}
	if err != nil {
		return nil, err
	}
	var d report.Data
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", dir.file(reportFacts), err)
	}
	peers, err := dir.render(d)
	if err != nil {
		return nil, err
	}
	r := &ReportResult{Report: dir.reportFile(), Peers: []string{}}
	for _, p := range peers {
		r.Peers = append(r.Peers, p.Name)
	}
	o.Printf("%s\n", r.Report)
	return r, nil
}

// reportFacts holds what the report says beside the curves.
const reportFacts = "report.json"

// render writes report.html from the facts and the curves of the run and its
// peers.
func (r runDir) render(d report.Data) ([]report.Peer, error) {
	peers, err := r.peers()
	if err != nil {
		return nil, err
	}
	curves, err := report.FromRun(r.path, peers...)
	if err != nil {
		return nil, err
	}
	d.Title, d.Plots, d.Peers, d.Config, d.Notes = curves.Title, curves.Plots, curves.Peers, curves.Config, curves.Notes
	return peers, report.WriteFile(r.reportFile(), d)
}

// report writes report.html.
func (t *trainer) report(r *TrainResult, m Manifest, j *judged) error {
	d := report.Data{Environment: report.Environment(track.ReadMachine())}
	d.Subtitle = fmt.Sprintf("%d parameters, %s; trained on %s", m.Parameters, t.kind(), m.Data.Source)
	d.Headline = []report.Fact{
		{Name: "Validation", Value: fmt.Sprintf("%.4f", r.ValBPB), Note: "bits per byte"},
		{Name: "Tokens", Value: fmt.Sprintf("%.2f M", float64(r.Tokens)/1e6), Note: fmt.Sprintf("in %d steps", r.Steps)},
		{Name: "Speed", Value: fmt.Sprintf("%.0f", r.TokensPerSecond), Note: "tokens a second, " + m.Backend},
	}
	if r.Rust != nil {
		d.Headline = append(d.Headline, report.Fact{Name: "Compile rate", Value: fmt.Sprintf("%.0f %%", 100*r.Rust.Rate.Rate),
			Note: fmt.Sprintf("%d of %d samples", r.Rust.Compiled, r.Rust.Samples)})
		d.Rust = &report.CompileRate{Samples: r.Rust.Samples, Compiled: r.Rust.Compiled, Novel: r.Rust.Novel, Lo: r.Rust.Interval[0], Hi: r.Rust.Interval[1],
			Level: 0.95, ByCode: r.Rust.ByCode, Note: fmt.Sprintf("Whole documents at temperature %g, seed %d; new means that no function of the sample stands in the training text, comments and layout aside.",
				r.Rust.Temperature, r.Rust.Seed)}
	}
	d.Samples = j.reported()
	d.Corpus, d.Tokenizer = corpusFacts(m), tokenizerFacts(t)
	for _, p := range t.stepper.Model.Params() {
		row := report.Parameter{Name: p.Name, Class: string(p.Class), Shape: dims(p.Shape), Count: int64(p.Size()), Rule: t.stepper.Opt.RuleOf(p.Name), Format: "float32"}
		if t.cfg.Model.Ternary && p.Class == "matrix" {
			row.Format = "ternary"
		}
		d.Parameters = append(d.Parameters, row)
	}
	d.Environment = append(d.Environment, report.Fact{Name: "Backend", Value: m.Backend, Note: m.Reason})
	d.Next = nextSteps(t.dir.path)
	if err := writeJSON(t.dir.file(reportFacts), d); err != nil {
		return err
	}
	_, err := t.dir.render(d)
	return err
}

func dims(shape []int) string {
	var s []string
	for _, d := range shape {
		s = append(s, strconv.Itoa(d))
	}
	return strings.Join(s, " × ")
}

// reported are the samples as the report shows them.
func (j *judged) reported() []report.Sample {
	if j == nil {
		return nil
	}
	var all []report.Sample
	for i, text := range j.Texts {
		s := report.Sample{Code: text}
		if j.Samples != nil {
			v := j.Samples[i]
			s.Judged, s.Compiled, s.Codes, s.Message = true, v.Compiled(), v.Verdict.Codes(), v.Reason()
			s.Novel = j.Novel != nil && j.Novel[i]
		}
		all = append(all, s)
	}
	return all
}

func corpusFacts(m Manifest) []report.Fact {
	d := m.Data
	facts := []report.Fact{
		{Name: "Source", Value: d.Source},
		{Name: "Documents", Value: fmt.Sprint(d.Documents), Note: fmt.Sprintf("%.1f MB after the filters, of %d origins", float64(d.Bytes)/1e6, d.Origins)},
		{Name: "Training", Value: fmt.Sprint(d.Train.Tokens), Note: fmt.Sprintf("tokens of %d documents", d.Train.Documents)},
		{Name: "Validation", Value: fmt.Sprint(d.Val.Tokens), Note: fmt.Sprintf("tokens of %d documents", d.Val.Documents)},
	}
	var removed []string
	for reason, n := range d.Removed {
		removed = append(removed, fmt.Sprintf("%s %d", reason, n.Documents))
	}
	slices.Sort(removed)
	if len(removed) > 0 {
		facts = append(facts, report.Fact{Name: "Removed", Value: strings.Join(removed, ", "), Note: "documents"})
	}
	return facts
}

func tokenizerFacts(t *trainer) []report.Fact {
	d := t.data.Manifest.Train
	return []report.Fact{
		{Name: "Ids", Value: strconv.Itoa(t.data.Tokenizer.VocabSize()), Note: "byte-level BPE, split " + string(t.data.Tokenizer.Split())},
		{Name: "Bytes per token", Value: fmt.Sprintf("%.2f", float64(d.Bytes)/float64(max(d.Tokens, 1))), Note: "of the training text"},
	}
}
