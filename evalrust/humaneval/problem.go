package humaneval

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/nanochat-go/nanochat/evalrust/rustlex"
)

// Problem is a task: a prompt that ends inside a function, and what calls of
// the function must give.
type Problem struct {
	Name   string   `json:"name"`
	Prompt string   `json:"prompt"`
	Tests  string   `json:"tests"`
	Stop   []string `json:"stop_tokens"`

	Entry  string `json:"-"` // the function's name
	Return string `json:"-"` // its type, as written in the prompt
	Cases  []Case `json:"-"`
}

// Case is one call and its value.
type Case struct {
	Args string // as written in the tests
	Want string // canonical
}

// Set is a set of problems.
type Set struct {
	Problems []*Problem
	SHA256   string // of the file
	byName   map[string]*Problem
}

// Find returns the problem of a name, or of its first two parts (HumanEval_53).
func (s *Set) Find(name string) (*Problem, bool) {
	p, ok := s.byName[name]
	return p, ok
}

// Load reads problems, one JSON object a line in MultiPL-E's form.
func Load(r io.Reader) (*Set, error) {
	h := sha256.New()
	set := &Set{byName: map[string]*Problem{}}
	lines := bufio.NewReader(io.TeeReader(r, h))
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var p Problem
			if e := json.Unmarshal(line, &p); e != nil {
				return nil, fmt.Errorf("humaneval: line %d: %w", n, e)
			}
			if e := p.parse(); e != nil {
				return nil, fmt.Errorf("humaneval: line %d: problem %q: %w", n, p.Name, e)
			}
			set.add(&p)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("humaneval: %w", err)
		}
	}
	if len(set.Problems) == 0 {
		return nil, fmt.Errorf("humaneval: no problems")
	}
	set.SHA256 = hex.EncodeToString(h.Sum(nil))
	return set, nil
}

func (s *Set) add(p *Problem) {
	s.Problems = append(s.Problems, p)
	s.byName[p.Name] = p
	if parts := strings.SplitN(p.Name, "_", 3); len(parts) == 3 {
		s.byName[parts[0]+"_"+parts[1]] = p
		s.byName[parts[0]+"/"+parts[1]] = p
	}
}

// parse reads the cases off the tests, which must be of the form
//
//	} fn main() { let candidate = NAME; assert_eq!(candidate(ARGS), LITERAL); … }
func (p *Problem) parse() error {
	t := reader{text: p.Tests, tokens: rustlex.Code(p.Tests)}
	if !t.accept("}", "fn", "main", "(", ")", "{", "let", "candidate", "=") || len(t.tokens) <= t.at+1 {
		return fmt.Errorf("the tests do not begin with } fn main() { let candidate =")
	}
	p.Entry = t.tokens[t.at].Text
	t.at++
	if !t.accept(";") {
		return fmt.Errorf("want ; behind candidate = %s", p.Entry)
	}
	for !t.accept("}") {
		if !t.accept("assert_eq", "!", "(", "candidate", "(") {
			return fmt.Errorf("test %d is not of the form assert_eq!(candidate(…), …)", len(p.Cases))
		}
		args, ok := t.until(")")
		want := ""
		if ok && t.accept(",") {
			want, ok = t.until(")")
		}
		if !ok || !t.accept(";") {
			return fmt.Errorf("test %d is not of the form assert_eq!(candidate(…), …)", len(p.Cases))
		}
		value, err := canonical(strings.TrimSuffix(strings.TrimSpace(want), ","))
		if err != nil {
			return fmt.Errorf("test %d: %w", len(p.Cases), err)
		}
		p.Cases = append(p.Cases, Case{args, value})
	}
	if len(p.Cases) == 0 {
		return fmt.Errorf("no tests")
	}
	return p.signature()
}

// signature finds the function in the prompt.
func (p *Problem) signature() error {
	tokens := rustlex.Code(p.Prompt)
	for i := len(tokens) - 2; i >= 0; i-- {
		if tokens[i].Name() != "fn" || tokens[i+1].Name() != p.Entry {
			continue
		}
		last := tokens[len(tokens)-1]
		if !last.Is('{') {
			break
		}
		p.Return = "()"
		for k := i; k+1 < len(tokens); k++ {
			if tokens[k].Is('-') && tokens[k+1].Is('>') {
				p.Return = strings.TrimSpace(p.Prompt[tokens[k+1].End():last.Pos])
			}
		}
		return nil
	}
	return fmt.Errorf("the prompt does not end in the body of fn %s", p.Entry)
}

// Contradiction names two cases with the same call and different values, which
// no function satisfies. It is "" without.
func (p *Problem) Contradiction() string {
	seen := map[string]int{}
	for i, c := range p.Cases {
		call := strings.Join(strings.Fields(c.Args), " ")
		if j, ok := seen[call]; ok && p.Cases[j].Want != c.Want {
			return fmt.Sprintf("tests %d and %d want different values of the same call", j, i)
		}
		seen[call] = i
	}
	return ""
}

// reader goes through tokens and returns source text.
type reader struct {
	text   string
	tokens []rustlex.Token
	at     int
}

func (r *reader) accept(texts ...string) bool {
	for i, s := range texts {
		if r.at+i >= len(r.tokens) || r.tokens[r.at+i].Text != s {
			return false
		}
	}
	r.at += len(texts)
	return true
}

// until returns the source up to the delimiter that closes what is open, and
// passes over it.
func (r *reader) until(closing string) (string, bool) {
	if r.at >= len(r.tokens) {
		return "", false
	}
	start, depth := r.tokens[r.at].Pos, 0
	for ; r.at < len(r.tokens); r.at++ {
		t := r.tokens[r.at]
		if depth == 0 && t.Text == closing {
			text := r.text[start:t.Pos]
			r.at++
			return text, true
		}
		switch {
		case t.Is('('), t.Is('['), t.Is('{'):
			depth++
		case t.Is(')'), t.Is(']'), t.Is('}'):
			depth--
		}
	}
	return "", false
}
