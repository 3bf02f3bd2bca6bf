package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
)

//go:embed report.tmpl
var templateText string

//go:embed style.css
var styleText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"percent": func(x float64) string { return fmt.Sprintf("%.1f", 100*x) + " %" },
	"level":   func(x float64) string { return trimZeros(fmt.Sprintf("%.1f", 100*x)) + " %" },
	"count":   grouped,
	"visible": visible,
	"join":    func(s []string) string { return strings.Join(s, ", ") },
}).Parse(templateText))

// view is what the template sees.
type view struct {
	Data
	Style    template.CSS
	Drawings []drawing
	Date     string
	Total    int64 // parameters
	ByClass  []classCount
	Rate     float64
	Codes    []codeCount
}

type classCount struct {
	Class   string
	Tensors int
	Count   int64
	Share   float64
}

type codeCount struct {
	Code  string
	Count int
	Share float64 // of the samples that do not compile
}

// grouped writes a number with thin gaps between thousands.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// visible writes out characters that show nothing or change the order of the
// text, so that a sample reads as the compiler reads it.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			fmt.Fprintf(&b, "\\u{%x}", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func newView(d Data) view {
	if d.Generated.IsZero() {
		d.Generated = time.Now()
	}
	v := view{Data: d, Style: template.CSS(styleText), Date: d.Generated.UTC().Format("2 January 2006, 15:04 UTC")}
	for i, p := range d.Plots {
		v.Drawings = append(v.Drawings, draw(p, fmt.Sprintf("plot%d", i+1)))
	}
	classes := map[string]*classCount{}
	for _, p := range d.Parameters {
		v.Total += p.Count
		c := classes[p.Class]
		if c == nil {
			c = &classCount{Class: p.Class}
			classes[p.Class] = c
		}
		c.Tensors++
		c.Count += p.Count
	}
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		c := *classes[name]
		c.Share = float64(c.Count) / float64(max(v.Total, 1))
		v.ByClass = append(v.ByClass, c)
	}
	slices.SortStableFunc(v.ByClass, func(a, b classCount) int { return int(min(max(b.Count-a.Count, -1), 1)) })
	if r := d.Rust; r != nil {
		v.Rate = float64(r.Compiled) / float64(max(r.Samples, 1))
		for _, code := range slices.Sorted(maps.Keys(r.ByCode)) {
			v.Codes = append(v.Codes, codeCount{code, r.ByCode[code], float64(r.ByCode[code]) / float64(max(r.Samples-r.Compiled, 1))})
		}
		slices.SortStableFunc(v.Codes, func(a, b codeCount) int { return b.Count - a.Count })
	}
	return v
}

// IntervalBars draws the rate and its interval on a bar from 0 to 1.
func (v view) IntervalBars() template.HTML {
	const width, height = 520.0, 12.0
	at := func(x float64) float64 { return width * min(max(x, 0), 1) }
	lo, hi := at(v.Rust.Lo), at(v.Rust.Hi)
	return template.HTML(fmt.Sprintf(`<rect class="track" x="0" y="14" width="%.0f" height="%.0f"/>`+
		`<rect class="span" x="%.1f" y="14" width="%.1f" height="%.0f"/><rect class="dot" x="%.1f" y="8" width="4" height="24"/>`,
		width, height, lo, max(hi-lo, 1), height, min(max(at(v.Rate)-2, 0), width-4)))
}

// Write renders the page.
func Write(w io.Writer, d Data) error {
	var b bytes.Buffer
	if err := page.Execute(&b, newView(d)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// WriteFile renders the page into a file; a crash leaves the old one or the
// new one.
func WriteFile(path string, d Data) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp-")
	if err != nil {
		return err
	}
	err = errors.Join(Write(f, d), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
