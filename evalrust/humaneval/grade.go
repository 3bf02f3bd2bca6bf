package humaneval

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nanochat-go/nanochat/evalrust"
)

// grade compares what a blind program told with what is wanted. ran is the
// verdict by its exit status, nonce what every line must begin with.
func (p *Problem) grade(ran evalrust.Verdict, told, nonce string) evalrust.Verdict {
	v := ran
	lines := strings.Split(told, "\n")
	lines = lines[:len(lines)-1] // what follows the last line end is not whole
	complete := len(lines) > 0 && lines[len(lines)-1] == nonce+" end"
	if complete {
		lines = lines[:len(lines)-1]
	}
	for i, line := range lines {
		text, ok := strings.CutPrefix(line, nonce+" "+strconv.Itoa(i)+" ")
		if !ok || i >= len(p.Cases) {
			return spoof(v, fmt.Sprintf("line %d of the results is not the harness's", i))
		}
		got, err := canonical(text)
		if err != nil || got != p.Cases[i].Want {
			v.Class, v.Status, v.Reason = evalrust.WrongAnswer, evalrust.StatusAssert, fmt.Sprintf("test %d gives another value", i)
			return v
		}
	}
	if ran.Class != evalrust.Pass {
		return v
	}
	if !complete || len(lines) != len(p.Cases) {
		return spoof(v, fmt.Sprintf("ended with status 0 after %d of %d tests", len(lines), len(p.Cases)))
	}
	return v
}

// spoof is the verdict of a program that ends well without the tests.
func spoof(v evalrust.Verdict, reason string) evalrust.Verdict {
	v.Class, v.Status, v.Reason, v.Exploit = evalrust.ExploitBlocked, evalrust.StatusNoNonce, reason, true
	return v
}
