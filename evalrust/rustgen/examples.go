package rustgen

import "strings"

// Example is one call and what it returns.
type Example struct {
	Args []Value
	Want Value
}

// exampleTries bounds the draws for one example; a family whose inputs are undefined more often than that is a bug.
const exampleTries = 64

// Examples draws up to n distinct calls on which the task is defined. The first k of Examples(n) are Examples(k).
func (t *Task) Examples(n int) []Example {
	r := newRNG(t.seed, 0xe8a)
	out := make([]Example, 0, n)
	for tries := 0; len(out) < n && tries < exampleTries*n; tries++ {
		args := t.inputs(r)
		want, err := t.eval(args)
		if err != nil || seenArgs(out, args) || t.wide(args, want) {
			continue
		}
		// Calls that all return the same say little: the second half of the tries takes what comes.
		if len(out) > 0 && tries < 12 && want.Equal(out[len(out)-1].Want) {
			continue
		}
		out = append(out, Example{args, want})
	}
	return out
}

// wide says whether arguments or result would not fit on a line of their own.
func (t *Task) wide(args []Value, want Value) bool {
	call := len(t.appendCall(nil, args))
	most := 80
	if t.Result.Kind == Bool {
		most -= len("let result")
	}
	return call-len(t.Name) > fnCallWidth || call > most || len(literal(nil, t.Result, want, false)) > fnCallWidth
}

func seenArgs(have []Example, args []Value) bool {
	for _, e := range have {
		if List(e.Args...).Equal(List(args...)) {
			return true
		}
	}
	return false
}

// Tests is a module of unit tests for this task.
func (t *Task) Tests() string {
	return string(append(t.appendTest(append([]byte(nil), testsHead...), 4), "}\n"...))
}

const testsHead = "#[cfg(test)]\nmod tests {\n    use super::*;\n\n"

// appendTest writes one #[test] function with up to n assertions.
func (t *Task) appendTest(dst []byte, n int) []byte {
	dst = append(append(append(dst, "    #[test]\n    fn test_"...), t.testName()...), "() {\n"...)
	for _, e := range t.Examples(n) {
		dst = t.appendAssert(dst, e, "        ")
	}
	return append(dst, "    }\n"...)
}

func (t *Task) testName() string {
	if t.Self == nil {
		return t.Name
	}
	return snake(t.Self.Name) + "_" + t.Name
}

// appendDocExamples writes the "# Examples" section of the doc comment.
func (t *Task) appendDocExamples(dst []byte, indent int) []byte {
	if t.examples == 0 {
		return dst
	}
	examples := t.Examples(t.examples)
	if len(examples) == 0 {
		return dst
	}
	pad := string(appendPad(nil, indent))
	dst = append(append(dst, pad...), "///\n"...)
	dst = append(append(dst, pad...), "/// # Examples\n"...)
	dst = append(append(dst, pad...), "///\n"...)
	dst = append(append(dst, pad...), "/// ```\n"...)
	for _, u := range t.exampleUses() {
		dst = append(append(append(dst, pad...), "/// use "...), u...)
		dst = append(dst, ";\n"...)
	}
	for _, e := range examples {
		dst = t.appendAssert(dst, e, pad+"/// ")
	}
	return append(append(dst, pad...), "/// ```\n"...)
}

// exampleUses lists the imports of a doc example.
func (t *Task) exampleUses() []string {
	var uses []string
	for _, p := range t.Params {
		if mentions(p.Type, Map) {
			uses = append(uses, "std::collections::HashMap")
			break
		}
	}
	if len(t.group.pieces) == 1 {
		return append(uses, CrateName+"::"+t.Name)
	}
	return append(uses, CrateName+"::*")
}

func mentions(t Type, k Kind) bool {
	if t.Kind == k {
		return true
	}
	for _, a := range t.Args {
		if mentions(a, k) {
			return true
		}
	}
	return false
}

// appendAssert writes what the example says, each line behind prefix.
func (t *Task) appendAssert(dst []byte, e Example, prefix string) []byte {
	if t.Receiver == ByMut {
		return t.appendMutAssert(dst, e, prefix)
	}
	call := string(t.appendCall(nil, e.Args))
	return appendCheck(dst, prefix, call, t.Result, e.Want)
}

// appendMutAssert calls a method on a variable and checks both its result and what it left behind.
func (t *Task) appendMutAssert(dst []byte, e Example, prefix string) []byte {
	v, self := snake(t.Self.Name), named(t.Self)
	dst = append(append(append(append(dst, prefix...), "let mut "...), v...), " = "...)
	dst = append(literal(dst, self, e.Args[0], true), ";\n"...)
	call := []byte(v + "." + t.Name + "(")
	for i, p := range t.Params {
		if i > 0 {
			call = append(call, ", "...)
		}
		call = literal(call, p.Type, e.Args[i+1], true)
	}
	call = append(call, ')')
	after := e.Want
	if t.Result.Kind == Unit {
		dst = append(append(append(dst, prefix...), call...), ";\n"...)
	} else {
		dst = appendCheck(dst, prefix, string(call), t.Result, e.Want.L[0])
		after = e.Want.L[1]
	}
	return appendCheck(dst, prefix, v, self, after)
}

// fnCallWidth is the width of arguments up to which rustfmt leaves a call on one line.
const fnCallWidth = 60

// appendCheck writes assert! or assert_eq!, broken over lines where rustfmt would.
func appendCheck(dst []byte, prefix, call string, t Type, want Value) []byte {
	dst = append(dst, prefix...)
	if t.Kind == Bool {
		if want.I == 0 {
			call = "!" + call
		}
		if len(call) <= fnCallWidth {
			return append(dst, "assert!("+call+");\n"...)
		}
		return append(dst, "let result = "+strings.TrimPrefix(call, "!")+";\n"+prefix+"assert!("+call[:len(call)-len(strings.TrimPrefix(call, "!"))]+"result);\n"...)
	}
	w := string(literal(nil, t, want, false))
	if len(call)+2+len(w) <= fnCallWidth {
		return append(dst, "assert_eq!("+call+", "+w+");\n"...)
	}
	return append(dst, "assert_eq!(\n"+prefix+"    "+call+",\n"+prefix+"    "+w+"\n"+prefix+");\n"...)
}

// appendCall writes the call of the function or method on args.
func (t *Task) appendCall(dst []byte, args []Value) []byte {
	if t.Receiver != Free {
		dst = append(literal(dst, named(t.Self), args[0], true), '.')
		args = args[1:]
	}
	dst = append(append(dst, t.Name...), '(')
	for i, p := range t.Params {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = literal(dst, p.Type, args[i], true)
	}
	return append(dst, ')')
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
