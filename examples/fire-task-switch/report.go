package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// figure is a mean over seeds and half the width of its 95 % t interval.
type figure struct {
	Mean float64 `json:"mean"`
	Half float64 `json:"half"`
}

// figureOf is the figure of at least two values.
func figureOf(values []float64) figure {
	mean, deviation := stat.MeanStdDev(values, nil)
	n := float64(len(values))
	return figure{mean, distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975) * deviation / math.Sqrt(n)}
}

// row is an arm of a task at the rate that was best on seed 0. Loss, in nats, and
// accuracy are of held-out data, means over the sets.
type row struct {
	Task    string    `json:"task"`
	Arm     string    `json:"arm"`
	Rate    float64   `json:"rate"`
	Grid    []float64 `json:"grid"` // what decides at each rate, seed 0
	N       int       `json:"n"`
	Final   figure    `json:"final"`   // accuracy or loss at the end
	Gain    figure    `json:"gain"`    // of it over vanilla, seed by seed; above 0 is better
	Quarter figure    `json:"quarter"` // accuracy or loss after a quarter of the steps
	Values  []float64 `json:"values"`  // final by seed

	GridLosses [][]float64 `json:"grid_losses"` // of each held-out set at each rate, seed 0
	Losses     []figure    `json:"losses"`      // at the end, by held-out set
	LossGains  []figure    `json:"loss_gains"`  // how far they are below vanilla's, seed by seed

	Dormant    figure `json:"dormant"` // after the intervention
	DormantEnd figure `json:"dormant_end"`
	DfI        figure `json:"dfi"` // divided by the smaller side
	DfIEnd     figure `json:"dfi_end"`
	SFE        figure `json:"sfe"` // since the end of the first phase
	SFEEnd     figure `json:"sfe_end"`
}

// warmRow is a task at the end of its first phase.
type warmRow struct {
	Task    string `json:"task"`
	N       int    `json:"n"`
	Final   figure `json:"final"`
	Dormant figure `json:"dormant"`
	DfI     figure `json:"dfi"`
}

// each is the figure of f over records.
func each(records []record, f func(r record) float64) figure {
	var values []float64
	for _, r := range records {
		values = append(values, f(r))
	}
	return figureOf(values)
}

// summarise adds the rows of a task. Of each arm's runs the first are those of
// seed 0, one for each rate.
func (r *results) summarise(t *task, runs map[string][]record) {
	vanilla := runs[arms[0].name][len(t.rates):]
	r.Warm = append(r.Warm, warmRow{
		Task: t.name, N: len(vanilla), Final: each(vanilla, func(x record) float64 { return t.figure(x.Warm) }),
		Dormant: each(vanilla, func(x record) float64 { return x.Warm.Dormant }), DfI: each(vanilla, func(x record) float64 { return x.Warm.DfI }),
	})
	for _, arm := range arms {
		tuned, rest := runs[arm.name][:len(t.rates)], runs[arm.name][len(t.rates):]
		x := rowOf(t, rest, vanilla)
		for _, y := range tuned {
			x.Grid, x.GridLosses = append(x.Grid, t.figure(y.End)), append(x.GridLosses, y.End.Losses)
		}
		r.Rows = append(r.Rows, x)
	}
}

// rowOf is the row of an arm's runs beside vanilla's of the same seeds.
func rowOf(t *task, runs, vanilla []record) row {
	r := row{Task: t.name, Arm: runs[0].Arm, Rate: runs[0].Rate, N: len(runs)}
	var gains []float64
	for i, x := range runs {
		r.Values = append(r.Values, t.figure(x.End))
		gains = append(gains, t.score(x.End)-t.score(vanilla[i].End))
	}
	r.Final, r.Gain = figureOf(r.Values), figureOf(gains)
	r.Quarter = each(runs, func(x record) float64 { return t.figure(x.Quarter) })
	for i := range t.sets {
		r.Losses = append(r.Losses, each(runs, func(x record) float64 { return x.End.Losses[i] }))
		var gains []float64
		for k, x := range runs {
			gains = append(gains, vanilla[k].End.Losses[i]-x.End.Losses[i])
		}
		r.LossGains = append(r.LossGains, figureOf(gains))
	}
	r.Dormant = each(runs, func(x record) float64 { return x.Switched.Dormant })
	r.DormantEnd = each(runs, func(x record) float64 { return x.End.Dormant })
	r.DfI = each(runs, func(x record) float64 { return x.Switched.DfI })
	r.DfIEnd = each(runs, func(x record) float64 { return x.End.DfI })
	r.SFE = each(runs, func(x record) float64 { return x.Switched.SFE })
	r.SFEEnd = each(runs, func(x record) float64 { return x.End.SFE })
	return r
}

// results is what docs/results holds.
type results struct {
	Readme  string    `json:"readme"`
	What    string    `json:"what"`
	Command string    `json:"command"`
	Commit  string    `json:"commit"`
	Date    string    `json:"date"`
	Machine string    `json:"machine"`
	Spread  string    `json:"spread"`
	Warm    []warmRow `json:"warm"`
	Rows    []row     `json:"rows"`
}

// table is the part of a README that the results of a task are.
func (r results) table(t *task) string {
	var b strings.Builder
	for _, w := range r.Warm {
		if w.Task == t.name {
			fmt.Fprintf(&b, "After the first phase: %s %.3f ± %.3f, dormant %.2f, DfI/m %.2g (n = %d).\n\n", t.word(), w.Final.Mean, w.Final.Half, w.Dormant.Mean, w.DfI.Mean, w.N)
		}
	}
	fmt.Fprintf(&b, "| Arm | rate | %s at the end | gain over vanilla | after a quarter | dormant | DfI/m | SFE | n |\n|---|---|---|---|---|---|---|---|---|\n", t.word())
	for _, x := range r.Rows {
		if x.Task == t.name {
			fmt.Fprintf(&b, "| %s | %g | %.3f ± %.3f | %+.3f ± %.3f | %.3f ± %.3f | %.2f, %.2f | %.2g, %.2g | %.2f, %.2f | %d |\n",
				x.Arm, x.Rate, x.Final.Mean, x.Final.Half, x.Gain.Mean, x.Gain.Half, x.Quarter.Mean, x.Quarter.Half,
				x.Dormant.Mean, x.DormantEnd.Mean, x.DfI.Mean, x.DfIEnd.Mean, x.SFE.Mean, x.SFEEnd.Mean, x.N)
		}
	}
	if len(t.sets) > 1 {
		r.tableOfSets(&b, t)
	}
	return b.String()
}

// tableOfSets has the losses of each held-out set.
func (r results) tableOfSets(b *strings.Builder, t *task) {
	b.WriteString("\n| Arm |")
	for _, set := range t.sets {
		fmt.Fprintf(b, " loss, %s | gain over vanilla |", set)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|---|", len(t.sets)) + "\n")
	for _, x := range r.Rows {
		if x.Task != t.name {
			continue
		}
		fmt.Fprintf(b, "| %s |", x.Arm)
		for i := range t.sets {
			fmt.Fprintf(b, " %.3f ± %.3f | %+.3f ± %.3f |", x.Losses[i].Mean, x.Losses[i].Half, x.LossGains[i].Mean, x.LossGains[i].Half)
		}
		b.WriteString("\n")
	}
}

// archive is a folder with a file for each run.
type archive string

func (a archive) path(t *task, arm string, seed uint64, rate float64) string {
	return filepath.Join(string(a), fmt.Sprintf("%s-%s-%d-%g.json", t.name, arm, seed, rate))
}

// load returns a run, and false if there is none.
func (a archive) load(t *task, arm string, seed uint64, rate float64) (r record, found bool, err error) {
	text, err := os.ReadFile(a.path(t, arm, seed, rate))
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	return r, true, json.Unmarshal(text, &r)
}

// save writes a run in one piece.
func (a archive) save(t *task, r record) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	path := a.path(t, r.Arm, r.Seed, r.Rate)
	if err := os.WriteFile(path+".part", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

// best is the run with the highest score.
func best(t *task, runs []record) record {
	return slices.MaxFunc(runs, func(a, b record) int {
		if t.score(a.End) < t.score(b.End) {
			return -1
		}
		return 1
	})
}
