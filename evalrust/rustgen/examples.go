package rustgen

import "slices"

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
		if err != nil || seenArgs(out, args) || !t.fits(Example{args, want}) {
			continue
		}
		// Calls that all return the same, or all fail, say little: later tries take what comes.
		if len(out) > 0 && tries < 24 && t.alike(want, out[len(out)-1].Want) {
			continue
		}
		out = append(out, Example{args, want})
	}
	return out
}

// alike says whether two results teach the same: they are equal, or both or neither hold a value.
func (t *Task) alike(a, b Value) bool {
	if t.mutated() >= 0 && t.Result.Kind != Unit {
		a, b = a.L[0], b.L[0]
	}
	return a.Equal(b) || (t.Result.Kind == Option || t.Result.Kind == Result) && a.I == b.I
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
	types := []Type{t.Result}
	for _, p := range t.Params {
		types = append(types, p.Type)
	}
	if t.Self != nil {
		for _, f := range t.Self.Fields {
			types = append(types, f.Type)
		}
	}
	if slices.ContainsFunc(types, func(x Type) bool { return mentions(x, Map) }) {
		uses = append(uses, useHashMap)
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
