package report

import "time"

// Fact is a named value; Note explains it.
type Fact struct {
	Name  string
	Value string
	Note  string
}

// Series is one curve. Points whose Y is not finite break it.
type Series struct {
	Name    string
	X, Y    []float64
	Smooth  bool // draw the points faint and a moving average over them
	Markers bool // mark the points: for few of them
	Peer    bool // another program's curve
}

// Scale says how the numbers on an axis are written.
type Scale int

// The scales.
const (
	Plain    Scale = iota // 1.25
	Count                 // 12k
	Duration              // seconds as 3m20s
	Size                  // bytes as 1.5G, in powers of 1024
	Percent               // a share as 40%
)

// Plot is one diagram.
type Plot struct {
	Title  string
	XLabel string
	YLabel string
	Note   string // below the plot
	XScale Scale
	YScale Scale
	Zero   bool // the vertical axis begins at 0
	Log    bool // the vertical axis is logarithmic, where all values are above 0
	Series []Series
}

// Sample is a text the model wrote, and what the judge said.
type Sample struct {
	Prompt   string
	Code     string
	Judged   bool // false: there is no verdict
	Compiled bool
	Novel    bool     // compiled, and nowhere in the training text
	Codes    []string // error codes
	Message  string   // why it does not compile, one line
}

// CompileRate is the share of samples that compile, with an interval.
type CompileRate struct {
	Samples  int
	Compiled int
	Novel    int // -1 when it was not determined
	Lo, Hi   float64
	Level    float64 // of the interval, 0.95
	ByCode   map[string]int
	Note     string // how the samples were drawn and judged
}

// Parameter is a row of the table of weights.
type Parameter struct {
	Name   string
	Class  string
	Shape  string
	Count  int64
	Rule   string // the optimizer's
	Format string // precision
}

// Peer is another program's run on the same task, for comparison. Its curve is
// validation bits per byte over seconds of training.
type Peer struct {
	Name    string
	Command string // how it was run
	Seconds []float64
	BPB     []float64
}

// Data is all that the report shows.
type Data struct {
	Title       string
	Subtitle    string
	Generated   time.Time
	Headline    []Fact // a few figures at the top
	Plots       []Plot
	Peers       []Peer // their commands; FromRun and Curves plot them
	Rust        *CompileRate
	Samples     []Sample
	Corpus      []Fact
	Tokenizer   []Fact
	Parameters  []Parameter
	Environment []Fact
	Config      string // TOML
	Next        []Fact // Name: a command to type; Value: what it does
	Notes       []string
}
