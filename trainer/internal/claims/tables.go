package claims

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// card is the memory of a card of 24 GB, bytes.
const card = 24 << 30

// claimed is the least saving of state that a claim names, percent.
var claimed = map[string]float64{"C1": 86, "C2": 50, "C3": 50}

// claimedStep is what C8 says of a whole step, percent.
const claimedStep = 50

// Tables returns the tables of docs/claims.md by their names.
func (r *Report) Tables() map[string]string {
	return map[string]string{"shapes": r.shapes(), "state": r.state(), "savings": r.savings(), "7B": r.steps(), "FOAM": r.foam()}
}

func row(b *strings.Builder, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

func header(b *strings.Builder, cells ...string) {
	row(b, cells...)
	row(b, slices.Repeat([]string{"---"}, len(cells))...)
}

func gb(bytes int64) string { return fmt.Sprintf("%.2f", float64(bytes)/1e9) }

// saving is in percent of the base.
func saving(bytes, base int64) float64 { return 100 * (1 - float64(bytes)/float64(base)) }

// percent prints a saving, in bold if it reaches the least one to the nearest
// whole percent; a least of 0 marks nothing.
func percent(p, least float64) string {
	text := fmt.Sprintf("%.1f", math.Round(10*p)/10+0) // + 0: no -0.0
	if least > 0 && math.Round(p) >= least {
		return "**" + text + "**"
	}
	return text
}

func (r *Report) shapes() string {
	var b strings.Builder
	header(&b, "Shape", "d", "layers", "MLP", "vocabulary", "rank r", "parameters", "in matrices")
	for _, s := range r.Shapes {
		row(&b, s.Name, fmt.Sprint(s.Dim), fmt.Sprint(s.Layers), fmt.Sprint(s.Hidden), fmt.Sprint(s.Vocabulary), fmt.Sprint(s.Rank),
			fmt.Sprint(s.Parameters), fmt.Sprintf("%.1f %%", 100*float64(s.Matrices)/float64(s.Parameters)))
	}
	return b.String()
}

// names lists the shapes behind leading cells.
func (r *Report) names(leading ...string) []string {
	for _, s := range r.Shapes {
		leading = append(leading, s.Name)
	}
	return leading
}

func (r *Report) state() string {
	var b strings.Builder
	header(&b, r.names("GB of state, matrices / whole model")...)
	for _, m := range r.Methods {
		cells := []string{m.What}
		for _, s := range m.State {
			cells = append(cells, gb(s.Matrices)+" / "+gb(s.Whole))
		}
		row(&b, cells...)
	}
	return b.String()
}

func (r *Report) savings() string {
	var b strings.Builder
	header(&b, r.names("Claim", "% less state than the three baselines", "of")...)
	for _, m := range r.Methods[baselines:] {
		for _, part := range []struct {
			name  string
			bytes func(State) int64
		}{
			{"matrices", func(s State) int64 { return s.Matrices }}, {"whole model", func(s State) int64 { return s.Whole }},
		} {
			cells := []string{m.Claim, m.What, part.name}
			for i, s := range m.State {
				cells = append(cells, r.against(i, part.bytes(s), claimed[m.Claim], part.bytes))
			}
			row(&b, cells...)
		}
	}
	return b.String()
}

// against prints what bytes save of those of each baseline for a shape.
func (r *Report) against(shape int, bytes int64, least float64, of func(State) int64) string {
	var less []string
	for _, base := range r.Methods[:baselines] {
		less = append(less, percent(saving(bytes, of(base.State[shape])), least))
	}
	return strings.Join(less, " / ")
}

// bytes is a step's, with activations or without them.
func (s Step) bytes(state int64, activations bool) int64 {
	n := s.Weights + s.Gradients + state
	if activations {
		n += s.Activations
	}
	return n
}

// steps is the table of whole steps of the last shape.
func (r *Report) steps() string {
	var b strings.Builder
	i := len(r.Shapes) - 1
	cells := []string{"GB of a step, and % less than the three baselines"}
	for _, p := range precisions {
		cells = append(cells, p, "%")
	}
	header(&b, cells...)
	for _, m := range r.Methods {
		cells := []string{m.What}
		for _, p := range precisions {
			step := r.Shapes[i].Steps[p]
			total := step.bytes(m.State[i].Whole, true)
			text := gb(total)
			if total <= card {
				text = "**" + text + "**"
			}
			cells = append(cells, text, r.against(i, total, 0, func(s State) int64 { return step.bytes(s.Whole, true) }))
		}
		row(&b, cells...)
	}
	return b.String()
}

// foam is the table of what FOAM saves of whole steps.
func (r *Report) foam() string {
	var b strings.Builder
	header(&b, r.names("% less than AdamW, without / with activations", "weights and gradients")...)
	for _, m := range r.Methods {
		if m.Claim != "C8" {
			continue
		}
		for _, p := range precisions {
			cells := []string{m.What, p}
			for i, s := range r.Shapes {
				less := func(activations bool) string {
					own, base := m.State[i].Whole, r.Methods[0].State[i].Whole
					return percent(saving(s.Steps[p].bytes(own, activations), s.Steps[p].bytes(base, activations)), claimedStep)
				}
				cells = append(cells, less(false)+" / "+less(true))
			}
			row(&b, cells...)
		}
	}
	return b.String()
}
