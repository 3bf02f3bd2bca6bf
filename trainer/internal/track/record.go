package track

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"time"
)

// Kind says what a record is about.
type Kind string

// The kinds of records.
const (
	KindStart  Kind = "start"
	KindResume Kind = "resume"
	KindTrain  Kind = "train"
	KindVal    Kind = "val"
	KindRust   Kind = "rust"
	KindNote   Kind = "note"
)

// The names of the values, see the package comment for units.
const (
	TrainLoss   = "train/loss"
	TrainBPB    = "train/bpb"
	TrainLR     = "train/lr"
	GradNorm    = "train/grad_norm"
	Skipped     = "train/skipped"
	ValLoss     = "val/loss"
	ValBPB      = "val/bpb"
	TokensPerS  = "perf/tok_per_s"
	StepSeconds = "perf/step_s"
	DataWait    = "perf/data_wait"
	MFU         = "perf/mfu"
	RSSBytes    = "perf/rss_bytes"
	Acceptance  = "generate/acceptance"
	CompileRate = "rust/compile_rate"
	CompileLo   = "rust/compile_lo"
	CompileHi   = "rust/compile_hi"
)

// What the names of the parts of an objective begin with; a pass, or the distance of a
// token, follows.
const (
	PassLoss  = "loop/loss/"
	PassExit  = "loop/exit/"
	LaterLoss = "mtp/loss/"
)

// What the names of measures of the optimizer begin with; a group follows those
// behind the first, see the package comment.
const (
	Optim        = "optim/"
	UpdateRMS    = Optim + "update_rms/"
	WeightRMS    = Optim + "weight_rms/"
	StorageError = Optim + "storage_error/"
)

// What the names of measures of quantised operands begin with; the operand follows,
// as in "fprop.x".
const (
	Precision      = "precision/"
	QuantError     = Precision + "error/"
	QuantCosine    = Precision + "cosine/"
	QuantUnderflow = Precision + "underflow/"
	QuantClipped   = Precision + "clipped/"
	QuantBias      = Precision + "bias/"
	// QuantSpread is followed by the operand and the place in quant.Health.Spread, as in
	// "fprop.x/07".
	QuantSpread = Precision + "spread/"
)

// What the names of measures of hyper-connections begin with; the place of the
// sublayer in the forward pass follows.
const (
	MHC          = "mhc/"
	LayerGain    = MHC + "layer/"
	ForwardGain  = MHC + "forward/"
	BackwardGain = MHC + "backward/"
	Attenuation  = MHC + "attenuation/"
	MapResidual  = MHC + "residual/"
	StreamCosine = MHC + "cosine/"
)

// Position is where in a run something happened.
type Position struct {
	Step    int
	Tokens  int64
	Elapsed time.Duration // of training
}

// Values are named numbers.
type Values map[string]float64

// MarshalJSON writes the names in order, and null for what is not finite.
func (v Values) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(v)) {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		b = append(append(b, key...), ':')
		if x := v[name]; math.IsNaN(x) || math.IsInf(x, 0) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, x, 'g', -1, 64)
		}
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads null as NaN.
func (v *Values) UnmarshalJSON(b []byte) error {
	var raw map[string]*float64
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*v = make(Values, len(raw))
	for name, x := range raw {
		if x == nil {
			(*v)[name] = math.NaN()
		} else {
			(*v)[name] = *x
		}
	}
	return nil
}

// Record is one line of metrics.jsonl.
type Record struct {
	Time    time.Time `json:"time"`
	Kind    Kind      `json:"kind"`
	Step    int       `json:"step"`
	Tokens  int64     `json:"tokens"`
	Elapsed float64   `json:"elapsed"`
	Values  Values    `json:"values,omitempty"`
	Text    string    `json:"text,omitempty"`
}

var kinds = []Kind{KindStart, KindResume, KindTrain, KindVal, KindRust, KindNote}

// parse reads one line, strictly.
func parse(line []byte) (Record, error) {
	var r Record
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("more than one value")
	}
	if !slices.Contains(kinds, r.Kind) {
		return r, fmt.Errorf("unknown kind %q", r.Kind)
	}
	if r.Step < 0 || r.Tokens < 0 || r.Elapsed < 0 || r.Time.IsZero() {
		return r, errors.New("negative step, tokens or elapsed, or no time")
	}
	return r, nil
}

// Read returns the records of a metrics file. Where a kind has several records
// of one step the last stands. A line that is cut off at the end of the file is
// left out; any other line that is no record is an error that names it.
func Read(path string) ([]Record, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	type key struct {
		kind Kind
		step int
	}
	var records []Record
	last := map[key]int{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		r, err := parse(line)
		if err != nil {
			return records, fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		k := key{r.Kind, r.Step}
		if i, again := last[k]; again && r.Kind != KindNote {
			records[i] = r
			continue
		}
		last[k] = len(records)
		records = append(records, r)
	}
	return records, nil
}
