package rustgen

import "strings"

// failure is an enum of errors.
type failure struct {
	def  *TypeDef
	typ  Type
	says []string // a phrase for each variant
}

// subjects are what a checked number stands for: the error type's name is made of it.
var subjects = []string{
	"age", "size", "score", "price", "level", "count", "weight", "speed", "depth", "rate", "port", "index", "amount", "quantity", "degree", "width",
}

// newFailure begins an enum of errors about a subject.
func newFailure(subject string) *failure {
	f := &failure{def: &TypeDef{Name: camel(subject) + "Error"}}
	f.typ = named(f.def)
	return f
}

// variant adds an error with payloads and returns its index.
func (f *failure) variant(name, says string, payload ...Type) int {
	f.def.Variants = append(f.def.Variants, Variant{Name: name, Payload: payload})
	f.says = append(f.says, says)
	return len(f.def.Variants) - 1
}

// declare adds the enum to a group.
func (f *failure) declare(g *group) {
	l := &lines{}
	what := strings.ToLower(strings.TrimSuffix(f.def.Name, "Error"))
	l.add("/// What can be wrong with ", article(what), ".").add("#[derive(Debug, Clone, PartialEq, Eq)]").open("pub enum ", f.def.Name)
	for i, v := range f.def.Variants {
		l.add("/// ", upperFirst(f.says[i]), ".")
		payload := ""
		if len(v.Payload) > 0 {
			payload = tuple(v.Payload...).text
		}
		l.add(v.Name, payload, ",")
	}
	g.text(l.close().String())
	g.names = append(g.names, f.def.Name)
}

// new is the code of an error with its arguments.
func (f *failure) new(i int, args ...string) string {
	s := f.def.Name + "::" + f.def.Variants[i].Name
	if len(args) > 0 {
		s += "(" + strings.Join(args, ", ") + ")"
	}
	return s
}

// err is the value of an error.
func (f *failure) err(i int, args ...Value) Value { return Err(Value{I: int64(i), L: args}) }

// failureNames are errors for the predicates on numbers, by their fragments.
var failureNames = map[string]string{
	"even": "Even", "odd": "Odd", "divisible_by_#": "Divisible", "not_divisible_by_#": "NotDivisible", "mod_#_is_@": "BadRemainder",
	"above_#": "TooLarge", "below_#": "TooSmall", "at_least_#": "TooLarge", "at_most_#": "TooSmall", "between_#_and_@": "Forbidden",
	"from_#_to_@": "Reserved", "outside_#_to_@": "OutOfRange", "positive": "Positive", "negative": "Negative", "nonzero": "NotZero",
	"other_than_#": "Unexpected", "ending_in_#": "BadEnding", "farther_than_#": "TooFar",
}

// check is a predicate that makes a number an error.
type check struct {
	*stage
	variant int
	carries bool // the error holds the number
}

// drawChecks draws n predicates with different errors and adds these to f.
func (c *ctx) drawChecks(f *failure, t Type, n int) []check {
	var out []check
draw:
	for len(out) < n {
		k := check{stage: c.drawStage(numPreds, t, false), carries: c.chance(60)}
		name := failureNames[k.op.frag]
		for _, v := range f.def.Variants {
			if v.Name == name {
				continue draw
			}
		}
		if k.carries {
			k.variant = f.variant(name, "it is "+k.text, t)
		} else {
			k.variant = f.variant(name, "it is "+k.text)
		}
		out = append(out, k)
	}
	return out
}

// refuse writes the checks of x as early returns.
func (l *lines) refuse(f *failure, checks []check, x string) *lines {
	for _, k := range checks {
		l.open("if ", put(k.code, x)).add("return Err(", k.failure(f, x), ");").close()
	}
	return l
}

// failure is the error as an expression.
func (k check) failure(f *failure, x string) string {
	if k.carries {
		return f.new(k.variant, x)
	}
	return f.new(k.variant)
}

// value is the error for x.
func (k check) value(f *failure, x Value) Value {
	if k.carries {
		return f.err(k.variant, x)
	}
	return f.err(k.variant)
}

// failed is the error of the first check that x does not pass.
func failed(f *failure, checks []check, x Value) (Value, bool) {
	for _, k := range checks {
		if k.holds(x, nil) {
			return k.value(f, x), true
		}
	}
	return Value{}, false
}

// accept is the error of the first check that x does not pass, or x mapped.
func accept(f *failure, checks []check, m *stage, x Value) (Value, error) {
	if e, refused := failed(f, checks, x); refused {
		return e, nil
	}
	y, err := m.value(x, nil)
	return Ok(y), err
}

// prose says what the checks refuse.
func prose(f *failure, checks []check) string {
	parts := make([]string, len(checks))
	for i, k := range checks {
		parts[i] = "`" + f.def.Variants[k.variant].Name + "` if it is " + k.text
	}
	return listed(parts)
}
