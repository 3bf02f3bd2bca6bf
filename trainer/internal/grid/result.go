package grid

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Choice is the rate that a method was given.
type Choice struct {
	Rate float64 `json:"rate"`
	Edge bool    `json:"edge,omitempty"` // it is the first or last of the grid
}

// Interval is a mean with its 95 % interval by Student's t; Half is NaN-free: 0
// for a single value, which has none.
type Interval struct {
	Mean float64 `json:"mean"`
	Half float64 `json:"half"`
	N    int     `json:"n"`
}

// interval returns the mean of x and its 95 % interval.
func interval(x []float64) Interval {
	i := Interval{N: len(x)}
	if len(x) == 0 {
		return i
	}
	i.Mean = stat.Mean(x, nil)
	if n := float64(len(x)); n > 1 {
		t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975)
		i.Half = t * stat.StdDev(x, nil) / math.Sqrt(n)
	}
	return i
}

// String shows the interval.
func (i Interval) String() string {
	if i.N < 2 {
		return fmt.Sprintf("%.4f", i.Mean)
	}
	return fmt.Sprintf("%.4f ± %.4f", i.Mean, i.Half)
}

// Row is what was found for a method.
type Row struct {
	Method string `json:"method"`
	Choice
	Loss     Interval `json:"loss"` // at the chosen rate, over the seeds that did not diverge
	Against  string   `json:"against,omitempty"`
	Diff     Interval `json:"diff"` // of loss to Against, within the seeds that both have
	Diverged int      `json:"diverged,omitempty"`
	Steps    int      `json:"steps"`
	State    int64    `json:"state_bytes"`

	Stability *Smoothness `json:"stability,omitempty"`
	// Grid are the losses of the first seed in the order of the rates, nil for
	// runs that diverged.
	Rates []float64  `json:"rates,omitempty"`
	Grid  []*float64 `json:"grid,omitempty"`
}

// Result is the comparison.
type Result struct {
	Protocol Protocol  `json:"protocol"`
	Rows     []Row     `json:"rows"`
	Runs     []Outcome `json:"runs"`
}

// choices are the rates of all methods.
func (p Protocol) choices(runs []Outcome) map[string]Choice {
	best := map[string]Choice{}
	for _, m := range p.Methods {
		if m.Follows == "" {
			best[m.Name] = p.choose(m, runs)
		}
	}
	for _, m := range p.Methods {
		if m.Follows != "" {
			best[m.Name] = best[m.Follows]
		}
	}
	return best
}

// choose returns the best rate of a method on the first seed.
func (p Protocol) choose(m Method, grid []Outcome) Choice {
	rates := p.rates(m)
	best, least := 0, math.Inf(1)
	for i, rate := range rates {
		if o, ok := find(grid, m.Name, rate, p.Seeds[0]); ok && o.loss() < least {
			best, least = i, o.loss()
		}
	}
	return Choice{Rate: rates[best], Edge: len(rates) > 1 && (best == 0 || best == len(rates)-1)}
}

func find(runs []Outcome, method string, rate float64, seed int64) (Outcome, bool) {
	i := slices.IndexFunc(runs, func(o Outcome) bool { return o.Method == method && o.Rate == rate && o.Seed == seed })
	if i < 0 {
		return Outcome{}, false
	}
	return runs[i], true
}

// Compare compares the methods by their runs.
func (p Protocol) Compare(runs []Outcome) *Result {
	best := p.choices(runs)
	r := &Result{Protocol: p, Runs: runs}
	for _, m := range p.Methods {
		row := Row{Method: m.Name, Choice: best[m.Name]}
		if a := p.against(m); a != m.Name {
			row.Against = a
		}
		var losses, diffs []float64
		var all []Outcome
		for _, s := range p.seeds(m) {
			o, ok := find(runs, m.Name, row.Rate, s)
			if !ok {
				continue
			}
			all = append(all, o)
			row.Steps, row.State = o.Steps, o.StateBytes
			if o.Diverged {
				row.Diverged++
				continue
			}
			losses = append(losses, o.Loss)
			if b, ok := find(runs, row.Against, best[row.Against].Rate, s); ok && !b.Diverged {
				diffs = append(diffs, o.Loss-b.Loss)
			}
		}
		row.Loss, row.Diff, row.Stability = interval(losses), interval(diffs), smoothness(all)
		if m.Follows == "" {
			row.Rates = p.rates(m)
			for _, rate := range row.Rates {
				o, _ := find(runs, m.Name, rate, p.Seeds[0])
				var loss *float64
				if !o.Diverged {
					loss = &o.Loss
				}
				row.Grid = append(row.Grid, loss)
			}
		}
		r.Rows = append(r.Rows, row)
	}
	return r
}

// Markdown shows the rows as a table.
func (r *Result) Markdown() string {
	var b strings.Builder
	b.WriteString("| Method | Steps | Rate | Loss, nats a token | n | Difference | to | State bytes |\n|---|---|---|---|---|---|---|---|\n")
	for _, row := range r.Rows {
		rate := fmt.Sprintf("%g", row.Rate)
		if row.Edge {
			rate += " (end of the grid)"
		}
		loss := row.Loss.String()
		if row.Diverged > 0 {
			loss += fmt.Sprintf(", %d diverged", row.Diverged)
		}
		diff := ""
		if row.Against != "" && row.Diff.N > 0 {
			diff = row.Diff.String()
			if !strings.HasPrefix(diff, "-") {
				diff = "+" + diff
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %d | %s | %s | %d |\n", row.Method, row.Steps, rate, loss, row.Loss.N, diff, row.Against, row.State)
	}
	return b.String() + r.stabilityMarkdown()
}
