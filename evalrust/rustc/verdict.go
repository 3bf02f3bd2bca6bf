package rustc

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/nanochat-go/nanochat/evalrust/diag"
)

// Verdict is what a judge found out about a source.
type Verdict struct {
	Compiled    bool              `json:"compiled"`
	Refused     string            `json:"refused,omitempty"` // why it was not given to the compiler
	Diagnostics []diag.Diagnostic `json:"diagnostics,omitempty"`
	Errors      int               `json:"errors,omitempty"` // all of them, Diagnostics holds the first
	Timeout     bool              `json:"timeout,omitempty"`
	OutOfMemory bool              `json:"out_of_memory,omitempty"`
	Crashed     string            `json:"crashed,omitempty"`   // how the compiler fell over the source
	Truncated   bool              `json:"truncated,omitempty"` // the compiler said more than is kept
	Duration    time.Duration     `json:"duration"`            // of the compiler
}

// Code is one word for the outcome, for histograms: "" when it compiled,
// "refused", "timeout", "memory", "crash", or the key of the first error
// (E0308, syntax, …).
func (v Verdict) Code() string {
	switch {
	case v.Compiled:
		return ""
	case v.Refused != "":
		return "refused"
	case v.Timeout:
		return "timeout"
	case v.OutOfMemory:
		return "memory"
	case v.Crashed != "":
		return "crash"
	}
	if d := v.firstError(); d != nil {
		return d.Key()
	}
	return "unknown"
}

// Codes are the distinct keys of the errors in order, or the one word of Code.
func (v Verdict) Codes() []string {
	var codes []string
	seen := map[string]bool{}
	for _, d := range v.Diagnostics {
		if key := d.Key(); d.Level == diag.Error && !seen[key] {
			seen[key] = true
			codes = append(codes, key)
		}
	}
	if code := v.Code(); code != "" && !seen[code] {
		codes = append([]string{code}, codes...)
	}
	return codes
}

// Reason is one line that says why the source did not compile, "" if it did.
func (v Verdict) Reason() string {
	switch {
	case v.Compiled:
		return ""
	case v.Refused != "":
		return "refused: " + v.Refused
	case v.Timeout:
		return "the compiler ran out of time"
	case v.OutOfMemory:
		return "the compiler ran out of memory"
	case v.Crashed != "":
		return "the compiler crashed: " + v.Crashed
	}
	if d := v.firstError(); d != nil {
		return d.String()
	}
	return "not compiled"
}

func (v Verdict) firstError() *diag.Diagnostic {
	return diag.Report{Diagnostics: v.Diagnostics}.FirstError()
}

// environment matches a message about the machine, not the program: one without
// a place that quotes an error of the operating system.
var environment = regexp.MustCompile(`\(os error \d+\)`)

// starved are the texts in which a compiler without memory complains.
var starved = []string{"tried to allocate more memory", "memory allocation of ", "out of memory", "LLVM ERROR: out of memory"}

func outOfMemory(s string) bool {
	for _, text := range starved {
		if strings.Contains(s, text) {
			return true
		}
	}
	return false
}

// Conclude turns the end of a run into a verdict that keeps the first
// diagnostics, or into an error when it says nothing about the source.
func Conclude(res Ending, diagnostics int) (Verdict, error) {
	report := diag.Parse(res.Output, diagnostics)
	v := Verdict{Diagnostics: report.Diagnostics, Errors: report.Errors, Truncated: report.Truncated || res.Overflow}
	memory := res.Starved || outOfMemory(report.Raw)
	for _, d := range report.Diagnostics {
		if d.Level != diag.Error {
			continue
		}
		memory = memory || outOfMemory(d.Message)
		if d.Span == nil && d.Code == "" && environment.MatchString(d.Message) {
			return Verdict{}, fmt.Errorf("rustc: the compiler cannot work: %s", d.Message)
		}
	}
	switch {
	case res.Overtime:
		v.Timeout = true
	case memory:
		v.OutOfMemory = true
	case res.Overflow:
		if v.Errors == 0 {
			v.Crashed = "more output than the limit"
		}
	case res.Exit == 0:
		v.Compiled = true
	case res.Signal != "":
		v.Crashed = res.Signal
	case res.Exit == 101:
		v.Crashed = "internal compiler error"
	case v.Errors == 0:
		return Verdict{}, fmt.Errorf("rustc: exit status %d without a message about the source: %q", res.Exit, report.Raw)
	}
	return v, nil
}
