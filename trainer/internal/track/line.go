package track

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Status is what the progress line shows. What is not known is 0 (ETA: below 0)
// and left out.
type Status struct {
	Step, Steps int     // made, and in all
	Share       float64 // of the budget, 0 to 1
	Loss        float64 // nats per token
	BPB         float64 // bits per byte, of the training text
	ValBPB      float64 // bits per byte, of the validation text
	TokensPerS  float64
	MFU         float64 // share of the measured peak
	Wait        float64 // share of the time spent waiting for data
	Skipped     int     // updates left out because something was not finite
	ETA         time.Duration
}

// field is one part of the line in several lengths, the longest first; an empty
// text leaves it out.
type field struct {
	texts []string
	style string // SGR codes, for terminals with colours
}

// The fields, in the order of the line.
const (
	fBar = iota
	fShare
	fStep
	fLoss
	fBPB
	fVal
	fSpeed
	fMFU
	fWait
	fSkip
	fETA
	fieldCount
)

// sheds is the order in which fields are shortened by one length when the line
// is too long; separator stands for the wide gap between fields.
const separator = -1

var sheds = []int{fBar, fBar, fShare, fVal, fSpeed, fStep, separator, fETA, fWait, fMFU, fLoss, fSpeed, fStep, fSkip, fETA, fETA, fBPB, fBPB}

// fields lays out a status.
func (s Status) fields() [fieldCount]field {
	var f [fieldCount]field
	number := fmt.Sprint(s.Step)
	of := number
	if s.Steps > 0 {
		of = fmt.Sprintf("%*d/%d", len(fmt.Sprint(s.Steps)), s.Step, s.Steps)
	}
	f[fStep] = field{texts: []string{"step " + of, of, number}, style: "1"}
	if s.Share > 0 {
		share := min(s.Share, 1)
		f[fBar] = field{texts: []string{bar(share, 24), bar(share, 10)}, style: "36"}
		f[fShare] = field{texts: []string{fmt.Sprintf("%3.0f%%", 100*share)}}
	}
	known := func(i int, ok bool, style string, texts ...string) {
		if ok {
			f[i] = field{texts: texts, style: style}
		}
	}
	known(fLoss, known64(s.Loss), "", fmt.Sprintf("loss %.3f", s.Loss))
	known(fBPB, known64(s.BPB), "1", fmt.Sprintf("bpb %.3f", s.BPB), fmt.Sprintf("%.3f", s.BPB))
	known(fVal, known64(s.ValBPB), "", fmt.Sprintf("val bpb %.3f", s.ValBPB))
	known(fSpeed, known64(s.TokensPerS), "", quantity(s.TokensPerS)+" tok/s", quantity(s.TokensPerS)+"/s")
	known(fMFU, known64(s.MFU), "2", "mfu "+percent(s.MFU))
	known(fWait, s.Step > 0 && s.Wait >= 0, "2", "wait "+percent(s.Wait))
	known(fSkip, s.Skipped > 0, "33", fmt.Sprintf("skipped %d", s.Skipped))
	known(fETA, s.ETA >= 0, "", "eta "+Clock(s.ETA), Clock(s.ETA))
	return f
}

func known64(x float64) bool { return x > 0 && !math.IsInf(x, 0) }

// bar draws a share in n characters.
func bar(share float64, n int) string {
	done := int(share * float64(n-2))
	b := strings.Repeat("=", done)
	if done < n-2 {
		b += ">" + strings.Repeat(" ", n-3-done)
	}
	return "[" + b + "]"
}

// render fits a status into width characters and says how many it took. A
// negative width has room for everything.
func (s Status) render(width int, colour bool) (line string, length int) {
	f := s.fields()
	gap := "  "
	if width < 0 {
		f[fBar] = field{}
	}
	for _, shed := range sheds { // the step's number always stays
		if width < 0 || measure(f, gap) <= width {
			break
		}
		if shed == separator {
			gap = " "
		} else if len(f[shed].texts) > 0 {
			f[shed].texts = f[shed].texts[1:]
		}
	}
	var parts []string
	for _, part := range f {
		if len(part.texts) == 0 {
			continue
		}
		text := part.texts[0]
		if colour && part.style != "" {
			text = "\x1b[" + part.style + "m" + text + "\x1b[0m"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, gap), measure(f, gap)
}

func measure(f [fieldCount]field, gap string) int {
	n := -len(gap)
	for _, part := range f {
		if len(part.texts) > 0 {
			n += len(part.texts[0]) + len(gap)
		}
	}
	return max(n, 0)
}
