package track

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// ProgressOptions say how progress is shown. Width, Clock and Out are injected
// by tests; ForFile fills them for a process.
type ProgressOptions struct {
	Out      io.Writer
	Terminal bool             // redraw one line; otherwise write plain lines
	Colour   bool             // on a terminal
	Quiet    bool             // warnings only
	Width    func() int       // of the terminal now, 0 when unknown; nil is unknown
	Clock    func() time.Time // nil is time.Now
	Tick     time.Duration    // redraw when nothing else does; 0 never
}

// The gaps between two drawings of the line, and between two plain lines.
const (
	redrawGap   = 100 * time.Millisecond
	plainGapMin = 2 * time.Second
	plainGapMax = time.Minute
)

// Progress shows where a run stands, on a terminal or in a log. Its methods may
// be called from several goroutines.
type Progress struct {
	opts ProgressOptions

	mu      sync.Mutex
	status  Status
	phase   string
	since   time.Time // of the phase
	begun   time.Time
	written time.Time // the last drawing, or plain line
	drawn   int       // characters of the line on the terminal, 0 without one
	stale   bool      // the status is newer than the drawing
	closed  bool
	partial string // of a line written through Writer
	stop    chan struct{}
	done    sync.WaitGroup
}

// NewProgress begins to show progress. Close ends it.
func NewProgress(o ProgressOptions) *Progress {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Width == nil {
		o.Width = func() int { return 0 }
	}
	p := &Progress{opts: o, begun: o.Clock(), stop: make(chan struct{})}
	if o.Terminal && !o.Quiet && o.Tick > 0 {
		p.done.Go(func() { p.tick(o.Tick) })
	}
	return p
}

// tick keeps the line alive while nothing happens, and fits it to a terminal
// that was resized.
func (p *Progress) tick(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-t.C:
			p.mu.Lock()
			if !p.closed && (p.stale || p.phase != "" || p.drawn > p.width()) {
				p.draw()
			}
			p.mu.Unlock()
		}
	}
}

// Update shows a status and ends a phase.
func (p *Progress) Update(s Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.status.Step == 0
	p.status, p.phase, p.stale = s, "", true
	if p.opts.Quiet || p.closed {
		return
	}
	now := p.opts.Clock()
	if p.opts.Terminal {
		if now.Sub(p.written) >= redrawGap {
			p.draw()
		}
		return
	}
	gap := min(max(now.Sub(p.begun)/10, plainGapMin), plainGapMax)
	if first || now.Sub(p.written) >= gap {
		p.plain(now)
	}
}

// plain writes the status as a line of its own.
func (p *Progress) plain(now time.Time) {
	line, _ := p.status.render(-1, false)
	fmt.Fprintln(p.opts.Out, line)
	p.written, p.stale = now, false
}

// Phase says what goes on between updates: compiling, evaluating. On a terminal
// it stands on the line with its duration; elsewhere it is a line of its own,
// before the first step only.
func (p *Progress) Phase(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opts.Quiet || p.closed {
		return
	}
	p.phase, p.since = strings.Join(strings.Fields(clean(text)), " "), p.opts.Clock()
	switch {
	case p.opts.Terminal:
		p.draw()
	case p.status.Step == 0 && p.phase != "":
		fmt.Fprintln(p.opts.Out, p.phase)
	}
}

// Message prints a line, or several, above the progress line; not when quiet.
func (p *Progress) Message(format string, args ...any) {
	if !p.opts.Quiet {
		p.print(fmt.Sprintf(format, args...))
	}
}

// Warn prints a message also when quiet.
func (p *Progress) Warn(format string, args ...any) {
	p.print("warning: " + fmt.Sprintf(format, args...))
}

// print prints a text as it is, without the control characters in it, above the
// progress line.
func (p *Progress) print(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say(text)
}

func (p *Progress) say(text string) {
	text = strings.TrimRight(clean(text), "\n") + "\n"
	if p.drawn > 0 {
		text = p.erase() + text
		p.drawn = 0
	}
	io.WriteString(p.opts.Out, text)
	if p.opts.Terminal && !p.closed && (p.status.Step > 0 || p.phase != "") && !p.opts.Quiet {
		p.draw()
	}
}

// Writer passes whole lines on as messages, for a logger that must not tear the
// progress line.
func (p *Progress) Writer() io.Writer { return lineWriter{p} }

type lineWriter struct{ p *Progress }

func (w lineWriter) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	text := w.p.partial + string(b)
	end := strings.LastIndexByte(text, '\n') + 1
	w.p.partial = text[end:]
	if end > 0 {
		w.p.say(text[:end])
	}
	return len(b), nil
}

// Close writes the last status for good and ends the line. Messages may still
// follow.
func (p *Progress) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.phase = ""
	if p.partial != "" {
		p.say(p.partial)
		p.partial = ""
	}
	if !p.opts.Quiet && p.status.Step > 0 {
		if p.opts.Terminal {
			p.draw()
		} else if p.stale {
			p.plain(p.opts.Clock())
		}
	}
	if p.drawn > 0 {
		text := "\n"
		if p.status.Step == 0 {
			text = p.erase()
		}
		io.WriteString(p.opts.Out, text)
		p.drawn = 0
	}
	p.closed = true
	p.mu.Unlock()
	close(p.stop)
	p.done.Wait()
}

// width is the number of columns that may be written: all but the last, where
// some terminals wrap.
func (p *Progress) width() int {
	w := p.opts.Width()
	if w <= 0 {
		w = 80
	}
	return max(w-1, 1)
}

// erase returns what removes the line and leaves the cursor at its beginning. A
// terminal that has become narrower has folded the line into several rows.
func (p *Progress) erase() string {
	columns := p.width() + 1
	rows := (p.drawn + columns - 1) / columns
	if rows <= 1 {
		return "\r\x1b[K"
	}
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", rows-1)
}

// draw redraws the line.
func (p *Progress) draw() {
	width := p.width()
	line, length := p.status.render(width, p.opts.Colour)
	if p.phase != "" {
		line = p.phase
		if d := p.opts.Clock().Sub(p.since); d >= time.Second {
			line += "  " + Clock(d)
		}
		if p.status.Step > 0 {
			line = fmt.Sprintf("step %d  %s", p.status.Step, line)
		}
		length = -1
	}
	if length < 0 || length > width { // a phase, or nothing is left to leave out
		if length > 0 {
			line, _ = p.status.render(width, false)
		}
		line, length = fit(line, width)
	}
	text := line
	if p.drawn > 0 {
		text = p.erase() + line
	}
	io.WriteString(p.opts.Out, text)
	p.drawn, p.stale, p.written = max(length, 1), false, p.opts.Clock()
}

// fit cuts a text to width characters; it takes every character for one column
// wide, and drops those that are not.
func fit(s string, width int) (string, int) {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == width {
			break
		}
		if r < ' ' || r > '~' {
			r = '?'
		}
		b.WriteRune(r)
		n++
	}
	return b.String(), n
}
