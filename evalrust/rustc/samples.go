package rustc

import (
	"context"

	"github.com/nanochat-go/nanochat/evalrust/extract"
	"github.com/nanochat-go/nanochat/evalrust/passk"
)

// NoFunction is the outcome of a sample without a complete function.
const NoFunction = "no-function"

// Sample is what became of a text that a model wrote.
type Sample struct {
	Unit    extract.Unit
	Verdict Verdict // zero when there is no function to judge
}

// Compiled says whether the sample holds a complete function and compiles.
func (s Sample) Compiled() bool { return s.Unit.Functions > 0 && s.Verdict.Compiled }

// Code is one word for the outcome, as Verdict.Code, or NoFunction.
func (s Sample) Code() string {
	if s.Unit.Functions == 0 {
		return NoFunction
	}
	return s.Verdict.Code()
}

// Reason is one line that says why the sample does not count, "" if it does.
func (s Sample) Reason() string {
	if s.Unit.Functions == 0 {
		return "no complete function"
	}
	return s.Verdict.Reason()
}

// JudgeSamples extracts the source of every text and judges it, see CheckAll.
// The samples are in the order of the texts.
func JudgeSamples(ctx context.Context, j Judge, texts []string, workers int) ([]Sample, error) {
	samples := make([]Sample, len(texts))
	var sources []string
	var at []int
	for i, text := range texts {
		samples[i].Unit = extract.Code(text)
		if samples[i].Unit.Functions > 0 {
			sources, at = append(sources, samples[i].Unit.Code), append(at, i)
		}
	}
	verdicts, err := CheckAll(ctx, j, sources, workers)
	for k, v := range verdicts {
		samples[at[k]].Verdict = v
	}
	return samples, err
}

// Rate is the share of samples that compile.
type Rate struct {
	Samples  int            `json:"samples"`
	Compiled int            `json:"compiled"`
	Rate     float64        `json:"rate"`
	Interval [2]float64     `json:"interval"` // Wilson, 95 %
	ByCode   map[string]int `json:"by_code"`  // outcomes of those that do not compile
}

// Tally counts samples. The rate of none is 0, with the interval 0 to 1.
func Tally(samples []Sample) Rate {
	r := Rate{Samples: len(samples), ByCode: map[string]int{}}
	for _, s := range samples {
		if s.Compiled() {
			r.Compiled++
		} else {
			r.ByCode[s.Code()]++
		}
	}
	if r.Samples > 0 {
		r.Rate = float64(r.Compiled) / float64(r.Samples)
	}
	r.Interval[0], r.Interval[1] = passk.Wilson(r.Compiled, r.Samples, passk.Z95)
	return r
}
