package command

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/bench"
	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/grid"
)

// CompareResult is what compare reports.
type CompareResult struct {
	*grid.Result
	Variants []CompareVariant `json:"variants"`
	Machine  string           `json:"machine"`
}

// CompareVariant is what compare reports of a variant beside its losses.
type CompareVariant struct {
	Name     string  `json:"name"`
	Bits     float64 `json:"bits"`         // of a weight of the linears, scales included
	Step     float64 `json:"step_seconds"` // median
	Emulated bool    `json:"emulated"`
}

// shorthand are the recipes that people ask for by a family's name.
var shorthand = map[string]string{"fp4": "nvfp4", "fp8": "fp8_tensor"}

// Compare is the command compare.
func Compare(ctx context.Context, o cli.CompareOptions) (any, error) {
	p, c, err := comparison(o)
	if err != nil {
		return nil, err
	}
	found, err := runGrid(ctx, o.Common, p, c, o.Run, o.Workers)
	if err != nil {
		return nil, err
	}
	r := CompareResult{Result: found, Machine: backend.Machine()}
	for _, m := range p.Methods {
		v := CompareVariant{Name: m.Name}
		own, err := config.Load(p.Preset, "", append(slices.Clone(p.Set), m.Set...))
		if err != nil {
			return nil, err
		}
		table, err := own.Linears(own.LM(own.Tokenizer.Vocab))
		if err != nil {
			return nil, err
		}
		var steps []float64
		for _, run := range found.Runs {
			if run.Method == m.Name && run.Step > 0 {
				steps = append(steps, run.Step)
			}
		}
		v.Bits, v.Step = table.Bits(), bench.Median(steps)
		for _, choice := range table {
			v.Emulated = v.Emulated || !choice.Recipe.IsZero()
		}
		r.Variants = append(r.Variants, v)
	}
	r.print(o.Common)
	return r, writeJSON(filepath.Join(o.Run, "results.json"), r)
}

// comparison is the protocol of a comparison and what its runs have in common.
func comparison(o cli.CompareOptions) (grid.Protocol, config.Config, error) {
	c, err := config.Load(o.Preset, "", o.Set)
	if err != nil {
		return grid.Protocol{}, c, err
	}
	if o.Seeds < 1 || o.Workers < 1 {
		return grid.Protocol{}, c, fmt.Errorf("--seeds %d, --workers %d, want at least 1", o.Seeds, o.Workers)
	}
	p := grid.Protocol{Question: strings.Join(o.Variants, " against "), Preset: o.Preset, Set: o.Set, Rates: []float64{c.Optim.LR}}
	for i := range o.Seeds {
		p.Seeds = append(p.Seeds, c.Seed+int64(i))
	}
	for _, v := range o.Variants {
		set := v
		if !strings.Contains(v, "=") {
			name := v
			if full, ok := shorthand[v]; ok {
				name = full
			}
			set = "precision.recipe=" + name
			if name == "ternary" {
				set = "model.ternary=true"
			}
		}
		p.Methods = append(p.Methods, grid.Method{Name: v, Set: []string{set}})
	}
	p.Base = o.Variants[0]
	if err := p.Validate(); err != nil {
		return p, c, err
	}
	_, err = checkGrid(p)
	return p, c, err
}

// print shows the comparison.
func (r CompareResult) print(o cli.Common) {
	var text strings.Builder
	tw := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "variant\tloss, nats a token\tseeds\tdifference\tof the loss\tstep\tbits a weight")
	base := r.Rows[0].Loss.Mean
	for i, row := range r.Rows {
		v := r.Variants[i]
		gap, share := "", ""
		if i > 0 && row.Diff.N > 0 {
			gap, share = signed(row.Diff.String()), fmt.Sprintf("%+.2f %%", 100*row.Diff.Mean/base)
		}
		loss := row.Loss.String()
		if row.Diverged > 0 {
			loss += fmt.Sprintf(", %d diverged", row.Diverged)
		}
		step := fmt.Sprintf("%.3f s", v.Step)
		if v.Emulated {
			step += " emulated"
		}
		fmt.Fprintf(tw, "%s\t%s\t%d\t%s\t%s\t%s\t%.3g\n", row.Method, loss, row.Loss.N, gap, share, step, v.Bits)
	}
	_ = tw.Flush()
	o.Printf("%s", text.String())
}

// signed puts a plus in front of what has no sign.
func signed(s string) string {
	if strings.HasPrefix(s, "-") {
		return s
	}
	return "+" + s
}
