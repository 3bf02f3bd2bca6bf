package rustgen

import (
	"bytes"
	"strings"
)

// fnCallWidth is the width of arguments up to which rustfmt leaves a call on one line; testIndent stands before each line of a test.
const (
	fnCallWidth = 60
	testIndent  = "        "
)

// fits says whether an example can be laid out in a test without breaking an argument list over lines.
func (t *Task) fits(e Example) bool {
	if len(literal(nil, t.Result, e.Want, false)) > fnCallWidth {
		return false
	}
	mutated := t.mutated()
	if mutated < 0 && !t.bindsAny(e.Args) {
		call := len(t.appendCall(nil, t.literals(e.Args)))
		most := 80
		switch {
		case t.Receiver != Free || strings.Contains(t.call, "."):
			most = chainWidth
		case t.Result.Kind == Bool:
			most -= len("let result")
		}
		return call-len(t.Name) <= fnCallWidth && call <= most
	}
	for i, a := range e.Args {
		text := literal(nil, t.argType(i), a, true)
		if bound := t.binds(i, e.Args); !bound && len(text) > fnCallWidth || (bound || i == mutated) && !callFits(t.argType(i), a) {
			return false
		}
	}
	for line := range strings.Lines(string(t.appendAssert(nil, e, testIndent))) {
		if len(line) > lineWidth+1 {
			return false
		}
	}
	return true
}

// callFits says whether the call that makes a value, or each element of a slice, keeps its arguments on one line.
func callFits(t Type, v Value) bool {
	switch {
	case t.Kind == Slice || t.Kind == Vec && t.Args[0].Kind == Named:
		for _, x := range v.L {
			if !callFits(t.Args[0], x) {
				return false
			}
		}
		return true
	case t.Kind == Ref || t.Kind == RefMut:
		return callFits(t.Args[0], v)
	case t.Kind == Map:
		return true
	}
	text := literal(nil, t, v, true)
	open := bytes.IndexByte(text, '(')
	return open < 0 || len(text)-open-2 <= fnCallWidth
}

// argType is the type of Eval's i-th argument: the receiver, then the parameters.
func (t *Task) argType(i int) Type {
	if t.Receiver == Free {
		return t.Params[i].Type
	}
	if i == 0 {
		return named(t.Self)
	}
	return t.Params[i-1].Type
}

// argName is the name of the variable for Eval's i-th argument.
func (t *Task) argName(i int) string {
	if t.Receiver == Free {
		return t.Params[i].Name
	}
	if i == 0 {
		return snake(t.Self.Name)
	}
	return t.Params[i-1].Name
}

// binds says whether a test gives the argument a variable: a struct with methods, or a slice of values with names.
func (t *Task) binds(i int, args []Value) bool {
	typ := t.argType(i)
	switch {
	case i == 0 && t.Receiver != Free && t.call == "":
		return typ.Def.Variants == nil || len(t.Name) > 20
	case typ.Kind == Slice && (typ.Args[0].Kind == Named || typ.Args[0].Kind == Dyn):
		return len(args[i].L) > 0
	case typ.Kind == Ref && typ.Args[0].Kind == Map:
		return len(args[i].L) > 0
	case typ.Kind == Named && typ.Def.Variants == nil && t.Receiver == Free && t.call != "":
		return true // an operand
	case typ.Kind == Ref && typ.Args[0].Kind == Named:
		return typ.Args[0].Def.Variants == nil
	}
	return false
}

func (t *Task) bindsAny(args []Value) bool {
	for i := range args {
		if t.binds(i, args) {
			return true
		}
	}
	return false
}

// mutated is the index of the argument that the function changes in place, or -1.
func (t *Task) mutated() int {
	if t.Receiver == ByMut {
		return 0
	}
	for i, p := range t.Params {
		if p.Type.Kind == RefMut {
			return i
		}
	}
	return -1
}

// literals are the arguments as Rust expressions.
func (t *Task) literals(args []Value) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = string(literal(nil, t.argType(i), a, true))
	}
	return out
}

// appendAssert writes what the example says, each line behind prefix.
func (t *Task) appendAssert(dst []byte, e Example, prefix string) []byte {
	args, mutated := t.literals(e.Args), t.mutated()
	for i, a := range args {
		name := t.argName(i)
		switch {
		case i == mutated && t.Receiver == ByMut:
			dst, args[i] = appendLet(dst, prefix, "mut "+name, a), name
		case i == mutated:
			dst, args[i] = appendLet(dst, prefix, "mut "+name, strings.TrimPrefix(a, "&mut ")), "&mut "+name
		case t.binds(i, e.Args) && a[0] == '&':
			dst, args[i] = appendLet(dst, prefix, t.letName(i, e.Args[i]), a[1:]), "&"+name
		case t.binds(i, e.Args):
			dst, args[i] = appendLet(dst, prefix, name, a), name
		}
	}
	call := string(t.appendCall(nil, args))
	if mutated < 0 {
		return appendCheck(dst, prefix, call, t.Result, e.Want)
	}
	after := e.Want
	if t.Result.Kind == Unit {
		dst = append(append(append(dst, prefix...), call...), ";\n"...)
	} else {
		dst, after = appendCheck(dst, prefix, call, t.Result, e.Want.L[0]), e.Want.L[1]
	}
	left := t.argType(mutated)
	if left.Kind == RefMut {
		left = left.Args[0]
	}
	return appendCheck(dst, prefix, t.argName(mutated), left, after)
}

// letName is the name of the variable for an argument, with a type where the values alone do not give it.
func (t *Task) letName(i int, v Value) string {
	if typ := t.argType(i); typ.Kind == Slice && typ.Args[0].Kind == Dyn {
		return t.argName(i) + ": [" + typ.Args[0].text + "; " + itoa(int64(len(v.L))) + "]"
	}
	return t.argName(i)
}

// appendLet writes a variable's definition; an array that is too wide gets a line for each element.
func appendLet(dst []byte, prefix, name, expr string) []byte {
	dst = append(append(append(append(dst, prefix...), "let "...), name...), " = "...)
	open := strings.IndexByte(expr, '[')
	if open < 0 || strings.IndexByte(expr[:open], '(') >= 0 && !strings.HasPrefix(expr, "HashMap::from(") || !broken(expr, open) {
		return append(append(dst, expr...), ";\n"...)
	}
	end := len(expr) - 1
	if strings.HasSuffix(expr, ")") {
		end--
	}
	dst = append(append(dst, expr[:open+1]...), '\n')
	for _, x := range elements(expr[open+1 : end]) {
		dst = append(append(append(append(dst, prefix...), "    "...), x...), ",\n"...)
	}
	return append(append(append(dst, prefix...), expr[end:]...), ";\n"...)
}

// arrayWidth is the width up to which rustfmt leaves an array's elements on one line.
const arrayWidth = 60

func broken(expr string, open int) bool {
	return len(strings.TrimRight(expr, ")"))-open-2 > arrayWidth
}

// elements splits at the commas that are outside brackets and quotes.
func elements(list string) []string {
	var out []string
	depth, start, quoted := 0, 0, false
	for i := range len(list) {
		switch c := list[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth--
		case c == ',' && depth == 0:
			out, start = append(out, list[start:i]), i+2
		}
	}
	return append(out, list[start:])
}

// appendCheck writes assert! or assert_eq!, broken over lines where rustfmt would.
func appendCheck(dst []byte, prefix, call string, t Type, want Value) []byte {
	dst = append(dst, prefix...)
	if t.Kind == Bool {
		not := ""
		if want.I == 0 {
			not = "!"
		}
		if len(not)+len(call) <= fnCallWidth {
			return append(dst, "assert!("+not+call+");\n"...)
		}
		return append(dst, "let result = "+call+";\n"+prefix+"assert!("+not+"result);\n"...)
	}
	w := string(literal(nil, t, want, false))
	if len(call)+2+len(w) <= fnCallWidth {
		return append(dst, "assert_eq!("+call+", "+w+");\n"...)
	}
	return append(dst, "assert_eq!(\n"+prefix+"    "+call+",\n"+prefix+"    "+w+"\n"+prefix+");\n"...)
}

// appendCall writes the call of the function or method on arguments that are written already.
func (t *Task) appendCall(dst []byte, args []string) []byte {
	if t.call != "" {
		return appendTemplate(dst, t.call, args)
	}
	switch {
	case t.Receiver != Free:
		dst = append(append(dst, args[0]...), '.')
		args = args[1:]
	case t.Self != nil:
		dst = append(append(dst, t.Self.Name...), "::"...)
	}
	dst = append(append(dst, t.Name...), '(')
	for i, a := range args {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, a...)
	}
	return append(dst, ')')
}

// appendTemplate puts args[i] in place of $i.
func appendTemplate(dst []byte, tmpl string, args []string) []byte {
	for i := 0; i < len(tmpl); i++ {
		if tmpl[i] == '$' && i+1 < len(tmpl) && digit(int64(tmpl[i+1])) {
			i++
			dst = append(dst, args[tmpl[i]-'0']...)
			continue
		}
		dst = append(dst, tmpl[i])
	}
	return dst
}

// snake turns a type's name into a variable's.
func snake(name string) string {
	var b strings.Builder
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
