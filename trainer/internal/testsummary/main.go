// Command testsummary reads the output of go test -json from standard input
// and prints what a person wants of it: a line for each package, the output of
// what failed, and every skipped test with its reason. It exits with 1 when
// anything failed or when a test was skipped without a reason.
//
//	go test -json work | go run ./trainer/internal/testsummary
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is one line of test2json.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

type key struct{ pkg, test string }

// summary collects what the events say.
type summary struct {
	output  map[key][]string
	skipped []string
	failed  int
	passed  int
	mute    int // skips without a reason
}

func main() {
	s := summary{output: map[key][]string{}}
	if err := s.read(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testsummary:", err)
		os.Exit(1)
	}
	if !s.print(os.Stdout) {
		os.Exit(1)
	}
}

// read consumes the events of r and prints a line to w as each package ends.
func (s *summary) read(r io.Reader, w io.Writer) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprint(w, string(line)) // a build error arrives as plain text
			} else {
				s.add(e, w)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) add(e event, w io.Writer) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "output", "build-output":
		s.output[k] = append(s.output[k], e.Output)
	case "pass":
		if e.Test != "" {
			s.passed++
		} else {
			fmt.Fprintf(w, "ok  \t%s\t%.1fs\n", e.Package, e.Elapsed)
		}
	case "build-fail":
		s.failed++
		fmt.Fprint(w, strings.Join(s.output[k], ""))
	case "fail":
		s.failed++
		fmt.Fprint(w, strings.Join(s.output[k], ""))
		if e.Test == "" {
			fmt.Fprintf(w, "FAIL\t%s\t%.1fs\n", e.Package, e.Elapsed)
		}
	case "skip":
		if e.Test == "" {
			return // a package without tests
		}
		why := reason(s.output[k])
		if why == "" {
			why = "no reason given"
			s.mute++
		}
		s.skipped = append(s.skipped, e.Package+" "+e.Test+": "+why)
	}
}

// reason is the last line that the test itself printed.
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			return line
		}
	}
	return ""
}

// print writes the skips and the totals; it reports whether all is well.
func (s *summary) print(w io.Writer) bool {
	slices.Sort(s.skipped)
	for _, line := range s.skipped {
		fmt.Fprintln(w, "skipped", line)
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, len(s.skipped))
	if s.mute > 0 {
		fmt.Fprintf(w, "%d of the skipped gave no reason\n", s.mute)
	}
	return s.failed == 0 && s.mute == 0
}
