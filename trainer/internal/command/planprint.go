package command

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nanochat-go/nanochat/arch/lm"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// print shows the plan as text.
func (r PlanResult) print(o cli.Common, c config.Config) {
	m := r.Model
	kind := "dense"
	if m.Ternary {
		kind = "ternary"
	}
	o.Printf("model        %d layers of %d, %s; %d query and %d key-value heads of %d; %s MLP of %d; vocabulary %d; context %d\n",
		m.NumLayers, m.Dim, kind, m.NumHeads, m.NumKVHeads, m.HeadDim, m.MLP, m.HiddenDim, m.VocabSize, m.Context)
	if extras := append(m.Extras(), recomputed(m)...); len(extras) > 0 {
		o.Printf("  with %s\n", strings.Join(extras, ", "))
	}
	if n := m.Loop.Loops; n > 0 {
		o.Printf("loops        the layers run %d times: %d in all, with a cache for each\n", n, n*m.NumLayers)
	}
	if n := m.MTP.Heads; n > 0 {
		o.Printf("heads        %d %s for later tokens, in training and to draft\n", n, m.MTP.Kind)
	}
	o.Printf("parameters   %s, %s without embedding and head\n", grouped(r.Parameters.Total), grouped(r.Parameters.NonEmbedding))
	for _, class := range slices.Sorted(maps.Keys(r.Parameters.ByClass)) {
		o.Printf("  %-18s %s\n", class, grouped(r.Parameters.ByClass[class]))
	}
	o.Printf("operations   %s to train on a token, %s to generate the last token of a context\n", track.Quantity(r.FLOPs.Train), track.Quantity(r.FLOPs.Decode))
	o.Printf("\nmemory of a training step on %d rows (upper estimate, before the compiler reuses any)\n", c.Train.Batch)
	b := r.Bytes
	for _, row := range []struct {
		name  string
		bytes int64
	}{{"weights", b.Weights}, {"gradients", b.Gradients}, {"optimizer state", b.OptimizerState}, {"accumulators", b.Accumulators},
		{"activations", b.Activations}, {"attention scores", b.Scores}, {"logits", b.Logits}, {"working", b.Working}, {"total", b.Total}} {
		if row.bytes > 0 {
			o.Printf("  %-18s %s\n", row.name, track.Bytes(row.bytes))
		}
	}
	o.Printf("checkpoint   %s each, %d kept\n", track.Bytes(b.Checkpoint), c.Checkpoint.Keep)
	o.Printf("serving      %s of weights, %s of cache for a row of %d tokens\n", track.Bytes(b.Serving), track.Bytes(b.KVCache), m.Context)
	o.Printf("%s", r.Run.text(c))
	o.Printf("\noptimizer, %s an update\n%s", plural(c.Optim.Accumulate, "batch", "batches"), collapse(r.Optimizer))
	o.Printf("\nprecision of the linears, %.3g bits a weight\n%s", r.LinearBits, r.Precision)
}

// recomputed says what the backward pass does not keep.
func recomputed(m lm.Config) []string {
	if m.Remat == 0 {
		return nil
	}
	return []string{plural(m.Remat, "sublayer", "sublayers") + " recomputed together"}
}

// text says what the budget amounts to on this machine.
func (r PlanRun) text(c config.Config) string {
	clock := track.Clock(time.Duration(r.Seconds * float64(time.Second)))
	line := fmt.Sprintf("%s steps of %s tokens, %s tokens: about %s", grouped(c.Train.Steps), grouped(r.TokensPerStep), grouped(int(r.Tokens)), clock)
	switch {
	case c.Train.Time > 0:
		line = fmt.Sprintf("%s: about %s tokens in %s steps of %s", c.Train.Time.Std(), track.Quantity(r.Tokens), track.Quantity(r.Steps), grouped(r.TokensPerStep))
	case c.Train.Tokens > 0:
		line = fmt.Sprintf("%s tokens in %s steps of %s: about %s", grouped(int(c.Train.Tokens)), grouped(int(math.Ceil(r.Steps))), grouped(r.TokensPerStep), clock)
	}
	return fmt.Sprintf("time         %s\n  at %s tokens/s: backend %s makes %s operations a second (measured), of which training is assumed to reach %.0f %%\n",
		line, track.Quantity(r.TokensPerSecond), r.Backend, track.Quantity(r.PeakFLOPS), 100*r.AssumedMFU)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// grouped writes an integer with its thousands apart.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

var blockNumber = regexp.MustCompile(`\.layers\.\d+\.`)

// collapse makes one line of the lines of an optimizer's table that differ in
// nothing but the number of the block.
func collapse(table string) string {
	var order []string
	first, count := map[string]string{}, map[string]int{}
	for line := range strings.Lines(table) {
		key := strings.Join(strings.Fields(blockNumber.ReplaceAllString(line, ".layers.*.")), " ")
		if count[key]++; count[key] == 1 {
			order = append(order, key)
			first[key] = strings.TrimRight(line, "\n")
		}
	}
	var b strings.Builder
	for _, key := range order {
		line := "  " + first[key]
		if count[key] > 1 {
			line = "  " + blockNumber.ReplaceAllString(first[key], ".layers.*.") + fmt.Sprintf("  × %d blocks", count[key])
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
