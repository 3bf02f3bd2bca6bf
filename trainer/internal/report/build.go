package report

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// FromRun reads the metrics and the configuration of a run directory. The title
// is the directory's name.
func FromRun(dir string, peers ...Peer) (Data, error) {
	records, err := track.Read(filepath.Join(dir, track.MetricsFile))
	if err != nil {
		return Data{}, err
	}
	config, err := os.ReadFile(filepath.Join(dir, "config.toml"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Data{}, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Data{}, err
	}
	return Data{
		Title:       filepath.Base(abs),
		Plots:       Curves(records, peers...),
		Peers:       peers,
		Config:      string(config),
		Environment: Environment(track.ReadMachine()),
		Notes:       notes(records),
	}, nil
}

// notes are the messages in the journal.
func notes(records []track.Record) []string {
	var out []string
	for _, r := range records {
		if r.Kind == track.KindNote {
			out = append(out, r.Text)
		}
	}
	return out
}

// Environment describes a machine.
func Environment(m track.Machine) []Fact {
	facts := []Fact{{Name: "System", Value: m.OS + "/" + m.Arch, Note: m.Kernel}}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, Fact{Name: name, Value: value})
		}
	}
	add("Processor", m.CPU)
	add("Cores used", count(float64(m.Cores)))
	if m.Memory > 0 {
		add("Memory", track.Bytes(m.Memory))
	}
	add("Go", m.Go)
	commit := m.Commit
	if m.Modified {
		commit += " with changes"
	}
	add("Commit", commit)
	return facts
}

// curve collects the points of one value; x picks the other axis.
func curve(records []track.Record, kind track.Kind, name string, x func(track.Record) float64) Series {
	var s Series
	for _, r := range records {
		if y, ok := r.Values[name]; ok && r.Kind == kind {
			s.X, s.Y = append(s.X, x(r)), append(s.Y, y)
		}
	}
	return s
}

func byStep(r track.Record) float64 { return float64(r.Step) }

func byTime(r track.Record) float64 { return r.Elapsed }

// Curves makes the plots that the records have values for. With peers there is
// one more, of validation bits per byte over training time for all of them.
func Curves(records []track.Record, peers ...Peer) []Plot {
	get := func(kind track.Kind, name, title string, smooth bool) Series {
		s := curve(records, kind, name, byStep)
		s.Name, s.Smooth, s.Markers = title, smooth, kind != track.KindTrain
		return s
	}
	compile := get(track.KindRust, track.CompileRate, "compile rate", false)
	candidates := []Plot{
		{Title: "Bits per byte", YLabel: "bits per byte", Log: true, Series: []Series{
			get(track.KindTrain, track.TrainBPB, "training", true),
			get(track.KindVal, track.ValBPB, "validation", false)}},
		comparison(records, peers),
		{Title: "Training loss", YLabel: "nats per token", Log: true, Series: []Series{
			get(track.KindTrain, track.TrainLoss, "training", true),
			get(track.KindVal, track.ValLoss, "validation", false)}},
		{Title: "Compile rate of samples", YLabel: "share that compiles", YScale: Percent, Zero: true, Series: []Series{compile}},
		{Title: "Learning rate", YLabel: "rate", Zero: true, Series: []Series{get(track.KindTrain, track.TrainLR, "learning rate", false)}},
		{Title: "Gradient norm", YLabel: "norm before clipping", Zero: true, Series: []Series{get(track.KindTrain, track.GradNorm, "gradient norm", true)}},
		{Title: "Skipped updates", YLabel: "updates skipped so far", YScale: Count, Zero: true, Series: []Series{skipped(records)}},
		{Title: "Size of the updates", YLabel: "root mean square of a group's update", Log: true, Series: groups(records, track.UpdateRMS)},
		{Title: "Size of the weights", YLabel: "root mean square of a group's weights", Log: true, Series: groups(records, track.WeightRMS)},
		{Title: "Error of stored momentum", YLabel: "‖orth(M) − orth(Q(M))‖/‖orth(M)‖", Zero: true, Series: groups(records, track.StorageError),
			Note: "What keeping Muon's momentum M as Q(M) does to the direction of its steps."},
		{Title: "Error of quantised operands", YLabel: "‖Q(x) − x‖/‖x‖", Zero: true, Series: groups(records, track.QuantError),
			Note: "The mean over the linears, by product and operand."},
		{Title: "Values quantised to zero", YLabel: "share of those that were not", YScale: Percent, Zero: true, Series: groups(records, track.QuantUnderflow)},
		{Title: "Values clipped", YLabel: "share beyond the format at their scale", YScale: Percent, Zero: true, Series: groups(records, track.QuantClipped)},
		{Title: "Bias of rounding", YLabel: "mean error over its standard error", Zero: true, Series: groups(records, track.QuantBias),
			Note: "Root mean square over the linears: near 1 where rounding favours no direction."},
		spread(records),
		gains(records),
		{Title: "Gain through the residual maps", YLabel: "of the product of all maps", Log: true, Series: []Series{
			last(records, track.ForwardGain, "signal"), last(records, track.BackwardGain, "gradient"), last(records, track.Attenuation, "least, gradient")},
			Note: "At most 1 for doubly stochastic maps."},
		{Title: "Throughput", YLabel: "tokens per second", YScale: Count, Zero: true, Series: []Series{get(track.KindTrain, track.TokensPerS, "tokens per second", true)}},
		{Title: "Use of the machine", YLabel: "share", YScale: Percent, Zero: true, Series: []Series{
			get(track.KindTrain, track.MFU, "model FLOP utilisation", true),
			get(track.KindTrain, track.DataWait, "waiting for data", true)}},
		{Title: "Memory", YLabel: "resident, in bytes", YScale: Size, Zero: true, Series: []Series{get(track.KindTrain, track.RSSBytes, "resident memory", false)}},
	}
	var plots []Plot
	for _, p := range append(candidates, objectives(records)...) {
		var some []Series
		for _, s := range p.Series {
			if finite(s) > 0 {
				some = append(some, s)
			}
		}
		if p.Series = some; len(some) == 0 {
			continue
		}
		if p.XLabel == "" {
			p.XLabel, p.XScale = "step", Count
		}
		plots = append(plots, p)
	}
	return plots
}

// objectives are the plots of what objectives other than the next token's loss report.
func objectives(records []track.Record) []Plot {
	acceptance := curve(records, track.KindRust, track.Acceptance, byStep)
	acceptance.Name, acceptance.Markers = "drafts by the heads for later tokens", true
	return []Plot{
		{Title: "Loss of each pass", YLabel: "nats per token", Log: true, Series: groups(records, track.PassLoss),
			Note: "What a looped model says after each of its passes."},
		{Title: "Exits", YLabel: "mean probability of ending", YScale: Percent, Zero: true, Series: groups(records, track.PassExit),
			Note: "After which pass the gate of a looped model ends a token."},
		{Title: "Loss of later tokens", YLabel: "nats per token", Log: true, Series: groups(records, track.LaterLoss),
			Note: "By distance: 2 is the token after the next."},
		{Title: "Acceptance length", YLabel: "tokens a verification", Zero: true, Series: []Series{acceptance}},
	}
}

// groups are the curves of a measure of the optimizer, one for each group.
func groups(records []track.Record, measure string) []Series {
	names := map[string]bool{}
	for _, r := range records {
		for name := range r.Values {
			if strings.HasPrefix(name, measure) {
				names[name] = true
			}
		}
	}
	var all []Series
	for _, name := range slices.Sorted(maps.Keys(names)) {
		s := curve(records, track.KindTrain, name, byStep)
		s.Name = strings.TrimPrefix(name, measure)
		all = append(all, s)
	}
	return all
}

// spread is the histogram of the scales of quantised operands at the last step that
// was measured, one curve for each operand.
func spread(records []track.Record) Plot {
	p := Plot{Title: "Scales of blocks", XLabel: "factors of two below the tensor's largest", YLabel: "share of the blocks", YScale: Percent, Zero: true}
	for _, r := range slices.Backward(records) {
		by := map[string]*Series{}
		for _, name := range slices.Sorted(maps.Keys(r.Values)) {
			rest, is := strings.CutPrefix(name, track.QuantSpread)
			operand, place, ok := strings.Cut(rest, "/")
			below, err := strconv.Atoi(place)
			if !is || !ok || err != nil {
				continue
			}
			if by[operand] == nil {
				by[operand] = &Series{Name: operand, Markers: true}
			}
			s := by[operand]
			s.X, s.Y = append(s.X, float64(below)), append(s.Y, r.Values[name])
		}
		if len(by) == 0 {
			continue
		}
		for _, operand := range slices.Sorted(maps.Keys(by)) {
			p.Series = append(p.Series, *by[operand])
		}
		p.Note = fmt.Sprintf("After step %d; the last place has all that are further below.", r.Step)
		break
	}
	return p
}

// byPlace returns the values of a measure by the place in the model that ends its name.
func byPlace(r track.Record, measure string) Series {
	var s Series
	for _, name := range slices.Sorted(maps.Keys(r.Values)) {
		place, is := strings.CutPrefix(name, measure)
		if at, err := strconv.Atoi(place); is && err == nil {
			s.X, s.Y = append(s.X, float64(at)), append(s.Y, r.Values[name])
		}
	}
	return s
}

// gains shows the residual maps of hyper-connections through the depth of the model at
// the last step that was measured.
func gains(records []track.Record) Plot {
	p := Plot{Title: "Residual maps by sublayer", XLabel: "sublayer", XScale: Count, YLabel: "gain, or cosine", Zero: true}
	for _, r := range slices.Backward(records) {
		for _, m := range []struct{ measure, name string }{{track.LayerGain, "gain of the map"}, {track.ForwardGain, "gain up to here, signal"},
			{track.BackwardGain, "gain up to here, gradient"}, {track.StreamCosine, "cosine between streams"}} {
			if s := byPlace(r, m.measure); len(s.X) > 0 {
				s.Name, s.Markers = m.name, true
				p.Series = append(p.Series, s)
			}
		}
		if len(p.Series) > 0 {
			p.Note = fmt.Sprintf("After step %d, counted from 0 through the forward pass.", r.Step)
			break
		}
	}
	return p
}

// last is the curve over the steps of a measure at its last place.
func last(records []track.Record, measure, title string) Series {
	s := Series{Name: title}
	for _, r := range records {
		if at := byPlace(r, measure); len(at.Y) > 0 {
			s.X, s.Y = append(s.X, byStep(r)), append(s.Y, at.Y[len(at.Y)-1])
		}
	}
	return s
}

// skipped counts the updates that were left out, if any were.
func skipped(records []track.Record) Series {
	s, n := Series{Name: "skipped updates"}, 0.0
	for _, r := range records {
		if r.Kind == track.KindTrain {
			n += r.Values[track.Skipped]
			s.X, s.Y = append(s.X, byStep(r)), append(s.Y, n)
		}
	}
	if n == 0 {
		return Series{}
	}
	return s
}

// comparison plots our validation curve beside those of peers.
func comparison(records []track.Record, peers []Peer) Plot {
	if len(peers) == 0 {
		return Plot{}
	}
	ours := curve(records, track.KindVal, track.ValBPB, byTime)
	ours.Name, ours.Markers = "this run", true
	p := Plot{Title: "Against peers", XLabel: "training time", XScale: Duration, YLabel: "validation bits per byte", Log: true, Series: []Series{ours}}
	for _, peer := range peers {
		n := min(len(peer.Seconds), len(peer.BPB))
		p.Series = append(p.Series, Series{Name: peer.Name, X: peer.Seconds[:n], Y: peer.BPB[:n], Markers: true, Peer: true})
	}
	return p
}

// finite counts the points that can be drawn.
func finite(s Series) int {
	n := 0
	for i := range min(len(s.X), len(s.Y)) {
		if drawable(s.X[i], s.Y[i]) {
			n++
		}
	}
	return n
}

func drawable(x, y float64) bool {
	return !math.IsNaN(x) && !math.IsInf(x, 0) && !math.IsNaN(y) && !math.IsInf(y, 0)
}
