package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// The plot's own units; the page scales it. Margins leave room for labels at
// the larger size that narrow screens get.
const (
	plotWidth    = 480
	plotHeight   = 270
	marginLeft   = 66
	marginRight  = 16
	marginTop    = 12
	marginBottom = 46
	palette      = 6 // colours and dash patterns in the style sheet
)

// drawing is a plot that is laid out.
type drawing struct {
	Plot
	ID      string
	SVG     template.HTML
	LogAxis bool
	Legend  []legend
	Rows    []summary
}

type legend struct {
	Class string
	Name  string
	Peer  bool
}

// summary is the text form of a series.
type summary struct {
	Name, First, Last, Low, High string
}

// draw lays out a plot.
func draw(p Plot, id string) drawing {
	d := drawing{Plot: p, ID: id}
	x, y := axes(p)
	d.LogAxis = y.log
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-labelledby="%s-t %s-d" class="plot">`, plotWidth, plotHeight, id, id)
	fmt.Fprintf(&b, `<title id="%s-t">%s</title>`, id, template.HTMLEscapeString(p.Title))
	for i, s := range p.Series {
		d.Legend = append(d.Legend, legend{Class: fmt.Sprintf("s%d", i%palette+1), Name: s.Name, Peer: s.Peer})
		if row, ok := summarise(s, p); ok {
			d.Rows = append(d.Rows, row)
		}
	}
	fmt.Fprintf(&b, `<desc id="%s-d">%s</desc>`, id, template.HTMLEscapeString(describe(p, d.Rows)))
	frame(&b, p, x, y)
	for i, s := range p.Series {
		drawSeries(&b, s, i%palette+1, x, y)
	}
	b.WriteString("</svg>")
	d.SVG = template.HTML(b.String()) // only numbers and escaped text went in
	return d
}

// axes fits both axes to the points.
func axes(p Plot) (x, y axis) {
	xlo, xhi := math.Inf(1), math.Inf(-1)
	ylo, yhi := xlo, xhi
	for _, s := range p.Series {
		for i := range min(len(s.X), len(s.Y)) {
			if drawable(s.X[i], s.Y[i]) {
				xlo, xhi = min(xlo, s.X[i]), max(xhi, s.X[i])
				ylo, yhi = min(ylo, s.Y[i]), max(yhi, s.Y[i])
			}
		}
	}
	if xlo > xhi {
		xlo, xhi, ylo, yhi = 0, 1, 0, 1
	}
	if p.Zero {
		ylo, yhi = min(ylo, 0), max(yhi, 0)
	}
	if p.YScale == Percent {
		yhi = max(yhi, 0.05)
	}
	x, y = newAxis(xlo, xhi, 5, p.XScale, false), newAxis(ylo, yhi, 4, p.YScale, true)
	if p.Log && ylo > 1e-200 && yhi < ylo*logSpan {
		y = newLogAxis(ylo, yhi, 8, p.YScale)
	}
	if p.YScale == Percent && y.hi > 1 && yhi <= 1 {
		y.hi = 1
	}
	x.from, x.to = marginLeft, plotWidth-marginRight
	y.from, y.to = plotHeight-marginBottom, marginTop
	return x, y
}

// frame draws grid, ticks and labels. They are hidden from screen readers,
// which get the description.
func frame(b *strings.Builder, p Plot, x, y axis) {
	b.WriteString(`<g aria-hidden="true">`)
	for _, t := range y.ticks {
		fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`, marginLeft, plotWidth-marginRight, y.at(t), y.at(t))
		fmt.Fprintf(b, `<text class="tick" x="%d" y="%.1f" text-anchor="end" dominant-baseline="central">%s</text>`, marginLeft-7, y.at(t), label(t, y.scale))
	}
	for _, t := range x.ticks {
		anchor := "middle"
		if x.at(t) > plotWidth-marginRight-14 {
			anchor = "end"
		}
		fmt.Fprintf(b, `<line class="axis" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, x.at(t), x.at(t), plotHeight-marginBottom, plotHeight-marginBottom+4)
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%d" text-anchor="%s">%s</text>`, x.at(t), plotHeight-marginBottom+19, anchor, label(t, x.scale))
	}
	fmt.Fprintf(b, `<line class="axis" x1="%d" x2="%d" y1="%d" y2="%d"/>`, marginLeft, plotWidth-marginRight, plotHeight-marginBottom, plotHeight-marginBottom)
	fmt.Fprintf(b, `<text class="tick" x="%d" y="%d" text-anchor="middle">%s</text></g>`,
		(marginLeft+plotWidth-marginRight)/2, plotHeight-6, template.HTMLEscapeString(p.XLabel))
}

// drawSeries draws the line, its moving average, and markers.
func drawSeries(b *strings.Builder, s Series, n int, x, y axis) {
	pts := points(s)
	class := fmt.Sprintf("line s%d", n)
	if s.Smooth && len(pts) > 8 {
		fmt.Fprintf(b, `<path class="%s raw" d="%s"/>`, class, path(thin(pts, x), x, y))
		pts = smooth(pts)
	}
	if len(pts) > 1 {
		fmt.Fprintf(b, `<path class="%s" d="%s"/>`, class, path(thin(pts, x), x, y))
	}
	if s.Markers && len(pts) <= 60 || len(pts) == 1 {
		for _, q := range pts {
			if drawable(q.x, q.y) {
				fmt.Fprintf(b, `<circle class="mark s%d" cx="%.1f" cy="%.1f" r="3.2"/>`, n, x.at(q.x), y.at(q.y))
			}
		}
	}
}

type point struct{ x, y float64 }

// points are the points of a series in order; one that is not finite has a y of
// NaN.
func points(s Series) []point {
	pts := make([]point, 0, len(s.X))
	for i := range min(len(s.X), len(s.Y)) {
		q := point{s.X[i], s.Y[i]}
		if math.IsNaN(q.x) || math.IsInf(q.x, 0) {
			continue
		}
		if math.IsInf(q.y, 0) {
			q.y = math.NaN()
		}
		pts = append(pts, q)
	}
	return pts
}

// smooth is a centred moving average over about a fortieth of the points; the
// window shrinks towards both ends, so that it adds no lag.
func smooth(pts []point) []point {
	sums, counts := make([]float64, len(pts)+1), make([]float64, len(pts)+1)
	for i, q := range pts {
		sums[i+1], counts[i+1] = sums[i], counts[i]
		if !math.IsNaN(q.y) {
			sums[i+1] += q.y
			counts[i+1]++
		}
	}
	half := max(len(pts)/80, 2)
	out := make([]point, len(pts))
	for i, q := range pts {
		h := min(half, i, len(pts)-1-i)
		out[i] = point{q.x, (sums[i+h+1] - sums[i-h]) / (counts[i+h+1] - counts[i-h])}
	}
	return out
}

// thin keeps the lowest and the highest point of every column of the plot.
func thin(pts []point, x axis) []point {
	columns := int(x.to - x.from)
	if len(pts) <= 2*columns {
		return pts
	}
	var out []point
	for i := 0; i < len(pts); {
		column := int(x.at(pts[i].x))
		low, high, gap, j := -1, -1, -1, i
		for ; j < len(pts) && int(x.at(pts[j].x)) == column; j++ {
			switch {
			case math.IsNaN(pts[j].y):
				gap = j
			case low < 0:
				low, high = j, j
			case pts[j].y < pts[low].y:
				low = j
			case pts[j].y > pts[high].y:
				high = j
			}
		}
		first, second := min(low, high), max(low, high)
		if first >= 0 {
			out = append(out, pts[first])
		}
		if second > first {
			out = append(out, pts[second])
		}
		if gap >= 0 {
			out = append(out, pts[gap])
		}
		i = j
	}
	return out
}

// path writes points as SVG path data; a gap begins a new stroke.
func path(pts []point, x, y axis) string {
	var b strings.Builder
	pen := "M"
	for _, q := range pts {
		if math.IsNaN(q.y) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", pen, x.at(q.x), y.at(q.y))
		pen = "L"
	}
	return b.String()
}

// summarise reads the text form of a series off its points.
func summarise(s Series, p Plot) (summary, bool) {
	var first, last, low, high *point
	for _, q := range points(s) {
		if math.IsNaN(q.y) {
			continue
		}
		if first == nil {
			first, low, high = &q, &q, &q
		}
		if q.y < low.y {
			low = &q
		}
		if q.y > high.y {
			high = &q
		}
		last = &q
	}
	if first == nil {
		return summary{}, false
	}
	write := func(q *point) string {
		return fmt.Sprintf("%s at %s %s", label(q.y, p.YScale), strings.ToLower(p.XLabel), label(q.x, p.XScale))
	}
	return summary{Name: s.Name, First: write(first), Last: write(last), Low: write(low), High: write(high)}, true
}

// describe is the plot in words.
func describe(p Plot, rows []summary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Line plot of %s over %s.", p.YLabel, p.XLabel)
	for _, r := range rows {
		fmt.Fprintf(&b, " %s: first %s, last %s, lowest %s, highest %s.", r.Name, r.First, r.Last, r.Low, r.High)
	}
	return b.String()
}
