package humaneval

import (
	"fmt"
	"strings"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/extract"
	"github.com/nanochat-go/nanochat/evalrust/rustlex"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

// Protocol is how a completion belongs to its prompt.
type Protocol string

// The protocols.
const (
	Completion Protocol = "completion" // it continues the prompt, up to the first stop string
	Chat       Protocol = "chat"       // it is an answer with the whole function somewhere
)

// Truncate cuts a completion before the first stop string.
func (p *Problem) Truncate(completion string) string {
	end := len(completion)
	for _, stop := range p.Stop {
		if i := strings.Index(completion, stop); i >= 0 {
			end = min(end, i)
		}
	}
	return completion[:end]
}

// solution is the source with the function, up to and with its closing brace.
// Without one it is "".
func (p *Problem) solution(completion string, protocol Protocol) string {
	if protocol != Chat {
		return p.Prompt + p.Truncate(completion) + "\n}\n"
	}
	u := extract.Code(answer(completion))
	var b strings.Builder
	found := false
	for _, i := range u.Items {
		if i.Kind == "fn" && i.Name == "main" {
			continue
		}
		found = found || i.Kind == "fn" && i.Name == p.Entry
		b.WriteString(u.Text(i) + "\n")
	}
	if !found {
		return ""
	}
	uses := ""
	for line := range strings.Lines(p.Prompt) {
		if s := strings.TrimSpace(line); strings.HasPrefix(s, "use ") && !strings.Contains(u.Code, s) {
			uses += line
		}
	}
	return uses + b.String()
}

// answer is what follows the reasoning of a model.
func answer(text string) string {
	for _, tag := range []string{"</think>", "</thinking>", "</reasoning>"} {
		if i := strings.LastIndex(text, tag); i >= 0 {
			text = text[i+len(tag):]
		}
	}
	return text
}

// upstream is the program of MultiPL-E: the function with the tests behind it.
func (p *Problem) upstream(completion string, protocol Protocol) string {
	if protocol != Chat {
		return p.Prompt + p.Truncate(completion) + "\n" + p.Tests
	}
	s := p.solution(completion, protocol)
	if s == "" {
		return ""
	}
	return s + "\n" + strings.TrimPrefix(strings.TrimSpace(p.Tests), "}")
}

// public makes the function visible outside of its module.
func (p *Problem) public(source string) string {
	for _, i := range extract.Items(source) {
		if i.Kind != "fn" || i.Name != p.Entry {
			continue
		}
		text := source[i.Start:i.End]
		if at := head(text); !strings.HasPrefix(text[at:], "pub") {
			return source[:i.Start+at] + "pub " + source[i.Start+at:]
		}
		return source
	}
	// What is no item to us may be one to the compiler: the function is where the
	// prompt has it.
	if i := strings.LastIndex(p.Prompt, "fn "+p.Entry); i >= 0 && strings.HasPrefix(source, p.Prompt) {
		return source[:i] + "pub " + source[i:]
	}
	return source
}

// head is the offset of the first token of an item behind its comments and
// attributes.
func head(item string) int {
	tokens := rustlex.Code(item)
	for i := 0; i < len(tokens); i++ {
		if !tokens[i].Is('#') {
			return tokens[i].Pos
		}
		for depth := 0; i < len(tokens); i++ {
			if tokens[i].Is('[') {
				depth++
			} else if tokens[i].Is(']') {
				if depth--; depth == 0 {
					break
				}
			}
		}
	}
	return 0
}

// harness is the module that calls the function of another one and tells the
// values. It holds no value that is wanted.
func (p *Problem) harness(module string) string {
	var b strings.Builder
	for line := range strings.Lines(p.Prompt) {
		if strings.HasPrefix(line, "use ") {
			b.WriteString(line)
		}
	}
	b.WriteString("pub fn run(tell: &mut dyn FnMut(&dyn ::std::fmt::Debug)) {\n")
	for _, c := range p.Cases {
		fmt.Fprintf(&b, "    { let value: %s = super::%s::%s(%s); tell(&value); }\n", p.Return, module, p.Entry, c.Args)
	}
	b.WriteString("}\n")
	return b.String()
}

// The root of a blind program, behind the list of its modules. Values go to
// descriptor 3, each on a line that begins with a number drawn for this run,
// which standard input gives once, and counts; the last line says that all ran.
const blindRoot = `fn main() {
    let which = ::std::env::args().nth(1).unwrap_or_default();
    let mut nonce = ::std::string::String::new();
    ::std::io::Read::read_to_string(&mut ::std::io::stdin(), &mut nonce).unwrap();
    let mut out = unsafe { <::std::fs::File as ::std::os::fd::FromRawFd>::from_raw_fd(3) };
    let mut count = 0;
    let mut tell = |value: &dyn ::std::fmt::Debug| {
        let line = ::std::format!("{} {} {:?}\n", nonce, count, value);
        ::std::io::Write::write_all(&mut out, line.as_bytes()).unwrap();
        count += 1;
    };
    match which.as_str() {
%s        _ => ::std::process::exit(2),
    }
    let line = ::std::format!("{} end\n", nonce);
    ::std::io::Write::write_all(&mut out, line.as_bytes()).unwrap();
}
`

// blind is the program of some samples, each with its harness.
func blind(problems []*Problem, sources []string, members []int, edition string) evalrust.Program {
	p := evalrust.Program{Root: "main.rs", Edition: edition, Link: true}
	var modules, arms strings.Builder
	for _, k := range members {
		name := evalrust.ModuleName(k)
		fmt.Fprintf(&modules, "mod %s;\nmod %s_harness;\n", name, name)
		fmt.Fprintf(&arms, "        \"%d\" => %s_harness::run(&mut tell),\n", k, name)
		p.Files = append(p.Files,
			sandbox.File{Name: name + ".rs", Data: []byte(sources[k])},
			sandbox.File{Name: name + "_harness.rs", Data: []byte(problems[k].harness(name))})
	}
	root := modules.String() + fmt.Sprintf(blindRoot, arms.String())
	p.Files = append(p.Files, sandbox.File{Name: "main.rs", Data: []byte(root)})
	return p
}
