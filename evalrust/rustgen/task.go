package rustgen

import (
	"bytes"
	"fmt"
	"strings"
)

// CrateName is the crate that doc examples import from.
const CrateName = "tasks"

// Receiver says how a method takes self.
type Receiver uint8

// The receivers: a free function, and the three ways of taking self. Eval gets the receiver as its first argument.
const (
	Free Receiver = iota
	ByRef
	ByMut
	ByValue
)

// Task is one function to be written: what it is called, what it means, one way to write it, and inputs to try it on.
type Task struct {
	// Family is the kind of task; a family is held out as a whole.
	Family string
	// Idiom is the way Body is written: "loop", "iterator", "recursion", "early return", "while", "match" or "expression".
	Idiom string
	// Name is the function's name.
	Name string
	// Generics is the generic parameter list with its brackets, or empty.
	Generics string
	// Receiver and Self say whether the function is a method, and of which type.
	Receiver Receiver
	Self     *TypeDef
	// Params are the parameters without self; those of a closure that the function returns follow its own.
	Params []Param
	// Result is the result type; Unit for a function without one.
	Result Type
	// Body is the function's statements at one level of indentation, without the braces.
	Body string

	doc      string
	bounds   string // where clause, on its own line
	params   string // overrides the rendered parameter list, for types that Param cannot say
	result   string // overrides the rendered result type
	eval     func(args []Value) (Value, error)
	inputs   func(r *rng) []Value
	seed     uint64
	examples int    // examples in the doc comment
	later    int    // how many of the last Params go to the closure that the function returns
	private  bool   // a trait's method, which has no visibility of its own
	call     string // how tests call it, with $0 for the first argument, where that is not plain
	group    *group
}

// Eval computes what the function returns for args, independently of Body. A method gets its receiver first; one that takes
// &mut self returns the receiver afterwards, or a pair of result and receiver when it has a result. ErrUndefined means that the
// Rust function would panic or overflow.
func (t *Task) Eval(args []Value) (Value, error) {
	want := len(t.Params)
	if t.Receiver != Free {
		want++
	}
	if len(args) != want {
		return Value{}, fmt.Errorf("rustgen: %s takes %d arguments, got %d", t.Name, want, len(args))
	}
	return t.eval(args)
}

// Doc is the doc comment's text as one line, without slashes.
func (t *Task) Doc() string { return t.doc }

// Signature is the function's head, from "pub fn" to the result type.
func (t *Task) Signature() string { return string(t.appendSignature(nil, 0)) }

func (t *Task) appendSignature(dst []byte, indent int) []byte {
	if !t.private {
		dst = append(dst, "pub "...)
	}
	dst = append(append(append(dst, "fn "...), t.Name...), t.Generics...)
	dst = append(dst, '(')
	start := len(dst)
	dst = t.appendParams(dst, ", ")
	tail := t.resultText()
	// 100 columns with " {", which is where rustfmt breaks the parameter list.
	open := " {"
	if t.bounds != "" {
		open = ""
	}
	if width := len(dst) - lastLine(dst) + 1 + len(tail) + len(open); width > lineWidth {
		pad := strings.Repeat(" ", 4*indent)
		dst = append(append(append(dst[:start], '\n'), pad...), "    "...)
		dst = t.appendParams(dst, ",\n    "+pad)
		dst = append(append(dst, ",\n"...), pad...)
	}
	dst = append(dst, ')')
	return append(dst, tail...)
}

func lastLine(b []byte) int { return bytes.LastIndexByte(b, '\n') + 1 }

func (t *Task) appendParams(dst []byte, sep string) []byte {
	if t.params != "" {
		return append(dst, t.params...)
	}
	first := true
	switch t.Receiver {
	case ByRef:
		dst, first = append(dst, "&self"...), false
	case ByMut:
		dst, first = append(dst, "&mut self"...), false
	case ByValue:
		dst, first = append(dst, "self"...), false
	}
	for _, p := range t.Params[:len(t.Params)-t.later] {
		if !first {
			dst = append(dst, sep...)
		}
		first = false
		dst = append(append(append(dst, p.Name...), ": "...), p.Type.text...)
	}
	return dst
}

func (t *Task) resultText() string {
	if t.result != "" {
		return " -> " + t.result
	}
	if t.Result.Kind == Unit {
		return ""
	}
	return " -> " + t.Result.text
}

// appendText writes doc comment, signature and body at an indentation.
func (t *Task) appendText(dst []byte, indent int) []byte {
	dst = t.appendHead(dst, indent)
	dst = appendIndented(dst, t.Body, indent)
	return append(appendPad(dst, indent), "}\n"...)
}

func (t *Task) appendHead(dst []byte, indent int) []byte {
	dst = appendDoc(dst, t.doc, indent)
	dst = t.appendDocExamples(dst, indent)
	dst = appendPad(dst, indent)
	dst = t.appendSignature(dst, indent)
	if t.bounds != "" {
		dst = append(append(appendPad(append(dst, '\n'), indent), t.bounds...), '\n')
		return append(appendPad(dst, indent), "{\n"...)
	}
	return append(dst, " {\n"...)
}

func appendPad(dst []byte, indent int) []byte {
	for range indent {
		dst = append(dst, "    "...)
	}
	return dst
}

// appendIndented writes lines, each moved right by indent levels.
func appendIndented(dst []byte, text string, indent int) []byte {
	if indent == 0 {
		return append(dst, text...)
	}
	for line := range strings.Lines(text) {
		if line != "\n" {
			dst = appendPad(dst, indent)
		}
		dst = append(dst, line...)
	}
	return dst
}

// appendDoc writes text as a doc comment wrapped at 96 columns.
func appendDoc(dst []byte, text string, indent int) []byte {
	for text != "" {
		room, line := 92-4*indent, text
		if len(text) > room {
			cut := strings.LastIndexByte(text[:room], ' ')
			line, text = text[:cut], text[cut+1:]
		} else {
			text = ""
		}
		dst = append(append(append(appendPad(dst, indent), "/// "...), line...), '\n')
	}
	return dst
}

// Function is the function alone: doc comment, signature and body.
func (t *Task) Function() string { return string(t.appendText(nil, 0)) }

// Code is the function without its doc comment.
func (t *Task) Code() string {
	return t.Signature() + " {\n" + t.Body + "}\n"
}

// Prompt is everything before the function's body: the items it needs, doc comment, signature and opening brace. A model that
// continues it writes the body.
func (t *Task) Prompt() string {
	dst := t.group.appendUses(nil)
	for _, p := range t.group.pieces {
		if p.task == t {
			return string(t.appendHead(dst, p.indent))
		}
		dst = p.append(dst)
	}
	return string(dst)
}

// depth is the indentation at which the function stands in its program.
func (t *Task) depth() int {
	for _, p := range t.group.pieces {
		if p.task == t {
			return p.indent
		}
	}
	return 0
}

// Complete is a whole source in which body, as a model wrote it behind Prompt, stands for the task's own. The brace that closes the
// function is added; what a model writes from that brace on is the caller's to cut.
func (t *Task) Complete(body string) string {
	dst := append([]byte(t.Prompt()), strings.TrimRight(body, " \n")...)
	dst = append(dst, '\n')
	seen := false
	for _, p := range t.group.pieces {
		if seen {
			dst = p.append(dst)
		}
		if p.task == t {
			seen = true
			dst = append(appendPad(dst, p.indent), "}\n"...)
		}
	}
	return string(dst)
}

// Source is the task with the items it needs, as a file that compiles alone.
func (t *Task) Source() string { return string(t.group.appendText(t.group.appendUses(nil))) }
