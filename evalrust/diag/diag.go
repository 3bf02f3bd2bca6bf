package diag

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Level is how serious the compiler finds a message.
type Level string

// The compiler's levels.
const (
	Error       Level = "error"
	Warning     Level = "warning"
	Note        Level = "note"
	Help        Level = "help"
	FailureNote Level = "failure-note"
)

// Span is a place in the source; lines and columns count from 1, columns in
// characters.
type Span struct {
	File      string `json:"file,omitempty"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Label     string `json:"label,omitempty"`
	Text      string `json:"text,omitempty"` // the first line of the source there
}

// Diagnostic is one message.
type Diagnostic struct {
	Level   Level    `json:"level"`
	Code    string   `json:"code,omitempty"` // E0308, the name of a lint, or "" where there is none
	Message string   `json:"message"`
	Span    *Span    `json:"span,omitempty"` // nil for a message about the whole program
	Hints   []string `json:"hints,omitempty"`
}

// String is the message on one line, as in "error[E0308] at 3:5: mismatched types".
func (d Diagnostic) String() string {
	var b strings.Builder
	b.WriteString(string(d.Level))
	if d.Code != "" {
		b.WriteString("[" + d.Code + "]")
	}
	if d.Span != nil {
		b.WriteString(" at " + d.Span.position())
	}
	b.WriteString(": " + strings.Join(strings.Fields(d.Message), " "))
	return b.String()
}

// Report is what the compiler wrote.
type Report struct {
	Diagnostics []Diagnostic // the first ones, at most the limit given to Parse
	Errors      int          // all that were seen, also those left out
	Warnings    int
	Raw         string // lines that are no messages, cut
	Truncated   bool   // messages were left out, or the last line is not whole
}

// FirstError is the first message at level error, nil without one.
func (r Report) FirstError() *Diagnostic {
	for i := range r.Diagnostics {
		if r.Diagnostics[i].Level == Error {
			return &r.Diagnostics[i]
		}
	}
	return nil
}

// The most that is kept of one message's text, of what is no message, and the
// number of hints of a message.
const (
	maxText  = 2 << 10
	maxRaw   = 4 << 10
	maxHints = 4
)

// message is the compiler's object, with the parts that are read.
type message struct {
	Type    string                 `json:"$message_type"`
	Message *string                `json:"message"`
	Code    *struct{ Code string } `json:"code"`
	Level   string                 `json:"level"`
	Spans   []struct {
		FileName    string  `json:"file_name"`
		LineStart   int     `json:"line_start"`
		LineEnd     int     `json:"line_end"`
		ColumnStart int     `json:"column_start"`
		ColumnEnd   int     `json:"column_end"`
		IsPrimary   bool    `json:"is_primary"`
		Label       *string `json:"label"`
		Text        []struct{ Text string }
	} `json:"spans"`
	Children []struct {
		Message string `json:"message"`
		Level   string `json:"level"`
	} `json:"children"`
}

// Parse reads the compiler's output and keeps the first limit messages of level
// error or warning. It never fails: what it does not understand is in Raw.
func Parse(output []byte, limit int) Report {
	var r Report
	for line := range bytes.Lines(output) {
		whole := bytes.HasSuffix(line, []byte("\n"))
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		var m message
		if line[0] != '{' || json.Unmarshal(line, &m) != nil || m.Message == nil || m.Level == "" {
			if line[0] == '{' && m.Type != "" && m.Type != "diagnostic" {
				continue // a notice about an artefact
			}
			if line[0] == '{' && !whole {
				r.Truncated = true
				continue
			}
			r.Raw = cut(r.Raw+string(line)+"\n", maxRaw)
			continue
		}
		r.add(m, limit)
	}
	return r
}

func (r *Report) add(m message, limit int) {
	d := Diagnostic{Level: Level(m.Level), Message: cut(*m.Message, maxText)}
	if strings.HasPrefix(m.Level, "error") { // also "error: internal compiler error"
		d.Level = Error
	}
	if m.Code != nil {
		d.Code = cut(m.Code.Code, 64)
	}
	switch d.Level {
	case Error:
		if len(m.Spans) == 0 && (strings.HasPrefix(d.Message, "aborting due to ") || strings.HasPrefix(d.Message, "could not compile ")) {
			return
		}
		r.Errors++
	case Warning:
		if len(m.Spans) == 0 && strings.HasSuffix(d.Message, " emitted") {
			return
		}
		r.Warnings++
	default:
		return
	}
	if len(r.Diagnostics) >= limit {
		r.Truncated = true
		return
	}
	d.Span = m.span()
	for _, c := range m.Children {
		if len(d.Hints) < maxHints && c.Message != "" {
			d.Hints = append(d.Hints, cut(c.Message, maxText))
		}
	}
	r.Diagnostics = append(r.Diagnostics, d)
}

func (m message) span() *Span {
	for i, s := range m.Spans {
		if !s.IsPrimary && i+1 < len(m.Spans) {
			continue
		}
		out := &Span{File: s.FileName, Line: s.LineStart, Column: s.ColumnStart, EndLine: s.LineEnd, EndColumn: s.ColumnEnd}
		if s.Label != nil {
			out.Label = cut(*s.Label, maxText)
		}
		if len(s.Text) > 0 {
			out.Text = cut(s.Text[0].Text, maxText)
		}
		return out
	}
	return nil
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	n -= len(mark)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}
