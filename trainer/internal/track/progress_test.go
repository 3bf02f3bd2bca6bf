package track

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Mutation: returning w instead of w-1 in Progress.width, or clearing one row
// only in erase, makes TestProgress_Widths and TestProgress_Resize fail.

// screen is a terminal that wraps at its width and folds lines anew when it is
// resized, as most do. It knows the escape sequences that are used here.
type screen struct {
	t     *testing.T
	width int
	lines []string // logical lines; a line takes several rows when it is long
	line  int      // of the cursor
	col   int      // of the cursor in the logical line
	raw   bytes.Buffer
}

func newScreen(t *testing.T, width int) *screen {
	return &screen{t: t, width: width, lines: []string{""}}
}

var sequence = regexp.MustCompile(`^\x1b\[([0-9]*)([A-Za-z])`)

func (s *screen) Write(b []byte) (int, error) {
	s.raw.Write(b)
	ascii := strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, string(b))
	for text := ascii; text != ""; {
		if m := sequence.FindStringSubmatch(text); m != nil {
			s.control(m[1], m[2])
			text = text[len(m[0]):]
			continue
		}
		switch c := text[0]; c {
		case '\r':
			s.col -= s.col % s.width // of the row, not of the logical line
		case '\n':
			s.line, s.col = s.line+1, 0
			if s.line == len(s.lines) {
				s.lines = append(s.lines, "")
			}
		default:
			require.GreaterOrEqual(s.t, c, byte(' '), "control character %q", c)
			l := s.lines[s.line]
			l += strings.Repeat(" ", max(0, s.col-len(l)))
			s.lines[s.line] = l[:s.col] + string(c) + l[min(s.col+1, len(l)):]
			s.col++
		}
		text = text[1:]
	}
	return len(b), nil
}

func (s *screen) control(arg, name string) {
	n := 1
	fmt.Sscan(arg, &n)
	switch name {
	case "m":
	case "K":
		s.lines[s.line] = s.lines[s.line][:min(s.col, len(s.lines[s.line]))]
	case "J":
		s.lines[s.line] = s.lines[s.line][:min(s.col, len(s.lines[s.line]))]
		s.lines = s.lines[:s.line+1]
	case "A":
		for range n {
			if s.col >= s.width {
				s.col -= s.width
			} else {
				require.Positive(s.t, s.line, "cursor above the screen")
				s.line--
				rows := max(1, (len(s.lines[s.line])+s.width-1)/s.width)
				s.col = (rows-1)*s.width + s.col%s.width
			}
		}
	default:
		s.t.Fatalf("escape sequence %q%s", arg, name)
	}
}

// resize folds the lines at another width. A cursor behind the last character
// of a full row stays on that row.
func (s *screen) resize(width int) {
	s.width = width
	if s.col > 0 && s.col%width == 0 && s.col == len(s.lines[s.line]) {
		s.col--
	}
}

func (s *screen) columns() int { return s.width }

// last is the logical line with the cursor.
func (s *screen) last() string { return s.lines[s.line] }

func (s *screen) text() string { return strings.Join(s.lines, "\n") }

var busy = Status{Step: 1200, Steps: 3000, Share: 0.4, Loss: 2.4131, BPB: 1.9321, ValBPB: 1.981, TokensPerS: 48_234, MFU: 0.312, Wait: 0.021, ETA: 192 * time.Second}

func TestProgress_Widths(t *testing.T) {
	for _, c := range []struct {
		width int
		want  string
	}{
		{200, "[========>             ]   40%  step 1200/3000  loss 2.413  bpb 1.932  val bpb 1.981  48.2k tok/s  mfu 31%  wait 2.1%  eta 3m12s"},
		{100, "step 1200/3000  loss 2.413  bpb 1.932  val bpb 1.981  48.2k tok/s  mfu 31%  wait 2.1%  eta 3m12s"},
		{80, "step 1200/3000  loss 2.413  bpb 1.932  48.2k/s  mfu 31%  wait 2.1%  eta 3m12s"},
		{40, "1200/3000 bpb 1.932 48.2k/s 3m12s"},
		{20, "1200 bpb 1.932"},
		{10, "1200"},
		{3, "12"},
		{2, "1"},
		{0, "step 1200/3000  loss 2.413  bpb 1.932  48.2k/s  mfu 31%  wait 2.1%  eta 3m12s"},
	} {
		t.Run(fmt.Sprint(c.width), func(t *testing.T) {
			s, clk := newScreen(t, max(c.width, 1)), newClock()
			if c.width == 0 {
				s.width = 80
			}
			p := NewProgress(ProgressOptions{Out: s, Terminal: true, Width: func() int { return c.width }, Clock: clk.now})
			for range 3 {
				p.Update(busy)
				clk.pass(time.Second)
			}
			require.Equal(t, c.want, s.last())
			require.Len(t, s.lines, 1, "redrawn in place")
			require.Less(t, len(s.last()), max(s.width, 2), "the last column stays free")
			p.Close()
			require.Equal(t, c.want+"\n", s.text())
		})
	}
}

func TestStatus_FitsEveryWidth(t *testing.T) {
	small := Status{Step: 3, ETA: -1}
	huge := Status{Step: 123_456_789, Steps: 999_999_999, Share: 1.5, Loss: 12.5, BPB: 8, ValBPB: 9, TokensPerS: 1e12, MFU: 1.5, Wait: 1, Skipped: 1234, ETA: 9000 * time.Hour}
	for _, s := range []Status{small, busy, huge} {
		before := 0
		for width := 12; width < 220; width++ {
			line, length := s.render(width, false)
			require.Equal(t, len(line), length)
			require.LessOrEqual(t, length, width)
			require.Contains(t, line, fmt.Sprint(s.Step))
			if s != small {
				require.GreaterOrEqual(t, strings.Count(line, " "), before/2)
				before = strings.Count(line, " ")
			}
			coloured, n := s.render(width, true)
			require.Equal(t, length, n)
			require.Equal(t, line, regexp.MustCompile(`\x1b\[[0-9]*m`).ReplaceAllString(coloured, ""))
		}
	}
}

func TestProgress_Resize(t *testing.T) {
	s, clk := newScreen(t, 120), newClock()
	p := NewProgress(ProgressOptions{Out: s, Terminal: true, Colour: true, Width: s.columns, Clock: clk.now})
	p.Message("first message")
	for i, width := range []int{120, 40, 20, 200, 25, 80, 33, 150, 20} {
		s.resize(width)
		clk.pass(time.Second)
		if i%2 == 0 {
			p.Message("at %d", width)
		}
		p.Update(busy)
		require.Less(t, len(s.last()), width)
		require.Equal(t, 1, strings.Count(s.text(), "1200"), "nothing of the old line is left:\n%s", s.text())
	}
	p.Close()
	require.True(t, strings.HasPrefix(s.text(), "first message\nat 120\nat 20\nat 25\nat 33\nat 20\n1200"), s.text())
}

func TestProgress_Piped(t *testing.T) {
	var out bytes.Buffer
	clk := newClock()
	p := NewProgress(ProgressOptions{Out: &out, Clock: clk.now})
	p.Phase("compiling the step")
	clk.pass(5 * time.Second)
	for i := 1; i <= 36_000; i++ { // an hour at ten steps a second
		p.Update(Status{Step: i, Steps: 36_000, BPB: 2, ETA: -1})
		if i == 18_000 {
			p.Phase("evaluating")
			p.Message("best so far\nsaved")
		}
		clk.pass(100 * time.Millisecond)
	}
	p.Close()
	text := out.String()
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, text, "\r")
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	require.Equal(t, "compiling the step", lines[0])
	require.Equal(t, "step     1/36000  bpb 2.000  wait 0.0%", lines[1])
	require.Equal(t, "step 36000/36000  bpb 2.000  wait 0.0%", lines[len(lines)-1], "the last status is written")
	require.Contains(t, text, "\nbest so far\nsaved\n")
	require.NotContains(t, text, "evaluating")
	require.Greater(t, len(lines), 60)
	require.Less(t, len(lines), 120, "gaps grow to a minute")
}

func TestProgress_Redraws(t *testing.T) {
	s, clk := newScreen(t, 80), newClock()
	p := NewProgress(ProgressOptions{Out: s, Terminal: true, Width: s.columns, Clock: clk.now})
	for i := 1; i <= 1000; i++ {
		p.Update(Status{Step: i, ETA: -1})
		clk.pass(time.Millisecond)
	}
	require.LessOrEqual(t, strings.Count(s.raw.String(), "step"), 11, "ten a second")
	p.Close()
	require.Contains(t, s.text(), "step 1000", "the last status is not lost")
}

func TestProgress_Phase(t *testing.T) {
	s, clk := newScreen(t, 60), newClock()
	p := NewProgress(ProgressOptions{Out: s, Terminal: true, Width: s.columns, Clock: clk.now})
	p.Phase("compiling the step")
	require.Equal(t, "compiling the step", s.last())
	clk.pass(7 * time.Second)
	p.mu.Lock()
	p.draw() // as the ticker does
	p.mu.Unlock()
	require.Equal(t, "compiling the step  7s", s.last())
	p.Update(Status{Step: 5, ETA: -1})
	p.mu.Lock()
	p.draw()
	p.mu.Unlock()
	require.True(t, strings.HasPrefix(s.last(), "step 5"))
	p.Phase("evaluating \x1b[2J and " + strings.Repeat("more ", 30))
	require.True(t, strings.HasPrefix(s.last(), "step 5  evaluating ?[2J and"), s.last())
	require.Less(t, len(s.last()), 60)
	p.Close()
	require.True(t, strings.HasPrefix(s.lines[0], "step 5"))
}

func TestProgress_PhaseOnlyLeavesNothing(t *testing.T) {
	s := newScreen(t, 60)
	p := NewProgress(ProgressOptions{Out: s, Terminal: true, Width: s.columns, Clock: newClock().now})
	p.Phase("reading")
	p.Close()
	p.Close()
	require.Equal(t, "", s.text())
	p.Message("afterwards")
	require.Equal(t, "afterwards\n", s.text())
}

func TestProgress_Messages(t *testing.T) {
	s, clk := newScreen(t, 60), newClock()
	p := NewProgress(ProgressOptions{Out: s, Terminal: true, Width: s.columns, Clock: clk.now})
	p.Update(busy)
	p.Message("one\ntwo\n")
	p.Warn("danger \x1b]0;title\x07")
	w := p.Writer()
	fmt.Fprint(w, "log ")
	fmt.Fprint(w, "line\nhalf")
	require.Equal(t, []string{"one", "two", "warning: danger ?]0;title?", "log line"}, strings.Split(s.text(), "\n")[:4])
	require.Contains(t, s.last(), "1200")
	p.Close()
	require.Contains(t, s.text(), "\nhalf\n")
}

func TestProgress_Quiet(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		p := NewProgress(ProgressOptions{Out: &out, Terminal: terminal, Quiet: true, Tick: time.Millisecond})
		p.Phase("compiling")
		p.Update(busy)
		p.Message("hello")
		p.Warn("danger")
		p.Close()
		require.Equal(t, "warning: danger\n", out.String())
	}
}

// locked is a writer for several goroutines.
type locked struct {
	sync.Mutex
	bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.Buffer.Write(b)
}

func TestProgress_ConcurrentSafe(t *testing.T) {
	var out locked
	p := NewProgress(ProgressOptions{Out: &out, Terminal: true, Tick: time.Millisecond})
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for i := range 100 {
				p.Update(Status{Step: i + 1, ETA: -1})
				p.Phase("phase")
				p.Message("message %d of %d", i, g)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	wait.Wait()
	p.Close()
	require.Equal(t, 400, strings.Count(out.String(), "message "))
}

func TestForFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer f.Close()
	o := ForFile(f, false)
	require.False(t, o.Terminal)
	require.False(t, o.Colour)
	require.False(t, IsTerminal(f))
}
