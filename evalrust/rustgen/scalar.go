package rustgen

import "strings"

// scalarFamilies are functions of one or two plain values.
func scalarFamilies() []family {
	w := func(ws ...int) (out [MaxLevel + 1]int) {
		copy(out[1:], ws)
		return out
	}
	return []family{
		{name: "scalar/map", weights: w(300, 40), make: scalarMap},
		{name: "scalar/test", weights: w(200, 80), make: scalarTest},
		{name: "scalar/char_test", weights: w(40, 8), make: charTest},
		{name: "scalar/pair", weights: w(150, 160, 40), make: scalarPair},
		{name: "scalar/both", weights: w(0, 360, 120, 40, 40), make: scalarBoth},
		{name: "scalar/then", weights: w(100, 360, 120, 40, 40), make: scalarThen},
		{name: "scalar/branch", weights: w(100, 640, 200, 80, 40), make: scalarBranch},
		{name: "scalar/guard", weights: w(0, 480, 160, 80, 40), make: scalarGuard},
		{name: "scalar/option", weights: w(0, 480, 240, 80, 40), make: scalarOption},
		{name: "scalar/tuple", weights: w(0, 240, 240, 80, 40), make: scalarTuple},
		{name: "scalar/recursion", weights: w(0, 400, 200, 80, 40), make: scalarRecursion},
		{name: "scalar/classify", weights: w(0, 480, 320, 120, 40), make: scalarClassify},
		{name: "scalar/steps", weights: w(0, 400, 240, 120, 40), make: scalarSteps},
		{name: "scalar/digits", weights: w(0, 400, 240, 120, 40), make: scalarDigits},
		{name: "text/format", weights: w(100, 320, 160, 80, 40), make: textFormat},
	}
}

var numNames = []string{"x", "n", "value", "number", "a", "v"}

// numType is mostly an integer.
func (c *ctx) numType() Type {
	if c.chance(20) {
		return scalar(F64)
	}
	return c.intType()
}

// numberInputs draws one number near the stages' constants.
func numberInputs(t Type, stages ...*stage) func(r *rng) []Value {
	var hints []int64
	for _, s := range stages {
		if s.consts != noConst {
			hints = append(hints, s.k.I+int64(s.k.F))
		}
		if s.consts == interval {
			hints = append(hints, s.j.I+int64(s.j.F))
		}
	}
	return func(r *rng) []Value { return []Value{someNumber(r, t.Kind, hints)} }
}

// on applies stages to the only argument one after the other.
func (s *stage) on(x Value) (Value, error) { return s.value(x, nil) }

func scalarMap(c *ctx) *group {
	t, x := c.numType(), pick(c.rng, numNames)
	m := c.drawStage(numMaps, t, false)
	return single(&Task{
		Idiom: "expression", Name: m.frag, Params: []Param{{x, t}}, Result: t, Body: newLines().add(m.expr(x, precBit)).String(),
		doc: "Returns `" + x + "` " + m.text + ".", inputs: numberInputs(t, m),
		eval: func(args []Value) (Value, error) { return m.on(args[0]) },
	})
}

func scalarTest(c *ctx) *group {
	t, x := c.numType(), pick(c.rng, numNames)
	p := c.drawStage(numPreds, t, false)
	return single(&Task{
		Idiom: "expression", Name: "is_" + p.frag, Params: []Param{{x, t}}, Result: scalar(Bool), Body: newLines().add(put(p.code, x)).String(),
		doc: "Returns true if `" + x + "` is " + p.text + ".", inputs: numberInputs(t, p),
		eval: func(args []Value) (Value, error) { return Truth(p.holds(args[0], nil)), nil },
	})
}

func charTest(c *ctx) *group {
	x := pick(c.rng, []string{"c", "ch", "letter"})
	p := c.drawStage(charPreds, scalar(Char), false)
	return single(&Task{
		Idiom: "expression", Name: "is_" + strings.TrimSuffix(p.frag, "s"), Params: []Param{{x, scalar(Char)}}, Result: scalar(Bool), Body: newLines().add(put(p.code, x)).String(),
		doc: "Returns true if `" + x + "` is " + p.text + ".",
		inputs: func(r *rng) []Value {
			if p.consts != noConst && r.chance(50) {
				return []Value{Int(p.k.I + r.between(0, 2))}
			}
			return []Value{Int(int64(pick(r, []rune("aekzBX07 .,xio"))))}
		},
		eval: func(args []Value) (Value, error) { return Truth(p.holds(args[0], nil)), nil },
	})
}

// pairing is an operation on two numbers, which $1 and $2 stand for.
type pairing struct {
	frag, text, code string
	f                func(a, b int64) int64
}

// pairOps combine two numbers.
var pairOps = []pairing{
	{"sum", "the sum of `$1` and `$2`", "$1 + $2", add}, {"product", "the product of `$1` and `$2`", "$1 * $2", mul},
	{"larger", "the larger of `$1` and `$2`", "$1.max($2)", func(a, b int64) int64 { return max(a, b) }},
	{"smaller", "the smaller of `$1` and `$2`", "$1.min($2)", func(a, b int64) int64 { return min(a, b) }},
	{"gap", "the distance between `$1` and `$2`", "($1 - $2).abs()", func(a, b int64) int64 { return abs(add(a, -b)) }},
	{"difference", "the difference of `$1` and `$2`", "$1 - $2", func(a, b int64) int64 { return add(a, -b) }},
}

func scalarPair(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{I32, I64}))
	ab := pick(c.rng, [][2]string{{"a", "b"}, {"x", "y"}, {"left", "right"}, {"first", "second"}, {"width", "height"}})
	o, m := pick(c.rng, pairOps), c.drawStage(numMaps, t, false)
	v := pick(c.rng, []string{"result", "base", "inner", "z"})
	l := newLines().add("let ", v, " = ", expand(o.code, ab[0], ab[1]), ";").add(m.expr(v, precBit))
	return single(&Task{
		Idiom: "expression", Name: o.frag + "_" + m.frag, Params: []Param{{ab[0], t}, {ab[1], t}}, Result: t, Body: l.String(),
		doc:    "Returns " + expand(o.text, ab[0], ab[1]) + ", " + m.text + ".",
		inputs: func(r *rng) []Value { return []Value{someNumber(r, t.Kind, nil), someNumber(r, t.Kind, nil)} },
		eval: func(args []Value) (Value, error) {
			y := Int(o.f(args[0].I, args[1].I))
			if !t.Kind.fits(y.I) {
				return Value{}, ErrUndefined
			}
			return m.on(y)
		},
	})
}

func scalarBoth(c *ctx) *group {
	t, x := c.numType(), pick(c.rng, numNames)
	p, q := c.twoStages(numPreds, t)
	op, word, and := " && ", "and", c.chance(50)
	if !and {
		op, word = " || ", "or"
	}
	body := newLines().add(operand(put(p.code, x), and), op, operand(put(q.code, x), and)).String()
	return single(&Task{
		Idiom: "expression", Name: "is_" + p.frag + "_" + word + "_" + q.frag, Params: []Param{{x, t}}, Result: scalar(Bool), Body: body,
		doc: "Returns true if `" + x + "` is " + p.text + " " + word + " " + q.text + ".", inputs: numberInputs(t, p, q),
		eval: func(args []Value) (Value, error) {
			a, b := p.holds(args[0], nil), q.holds(args[0], nil)
			return Truth(a && b || !and && (a || b)), nil
		},
	})
}

// operand puts a disjunction that stands in a conjunction, or a conjunction in a disjunction, into parentheses.
func operand(code string, and bool) string {
	other := " && "
	if and {
		other = " || "
	}
	for i := 0; i+4 <= len(code); i++ {
		if code[i:i+4] == other {
			return "(" + code + ")"
		}
	}
	return code
}

// twoStages draws two stages with different names.
func (c *ctx) twoStages(ops []op, t Type) (a, b *stage) {
	a = c.drawStage(ops, t, false)
	for b = a; b.frag == a.frag || b.op == a.op; {
		b = c.drawStage(ops, t, false)
	}
	return a, b
}

func scalarThen(c *ctx) *group {
	t, x := c.numType(), pick(c.rng, numNames)
	m, k := c.twoStages(numMaps, t)
	v := pick(c.rng, []string{"y", "step", "first", "inner"})
	l := newLines().add("let ", v, " = ", m.expr(x, precBit), ";").add(k.expr(v, precBit))
	return single(&Task{
		Idiom: "expression", Name: m.frag + "_then_" + k.frag, Params: []Param{{x, t}}, Result: t, Body: l.String(),
		doc: "Returns `" + x + "` " + m.text + ", then " + k.text + ".", inputs: numberInputs(t, m, k),
		eval: func(args []Value) (Value, error) {
			y, err := m.on(args[0])
			if err != nil {
				return y, err
			}
			return k.on(y)
		},
	})
}

// chooses evaluates to yes or no by a predicate.
func chooses(p, yes, no *stage) func(args []Value) (Value, error) {
	return func(args []Value) (Value, error) {
		if p.holds(args[0], nil) {
			return yes.on(args[0])
		}
		return no.on(args[0])
	}
}

func scalarBranch(c *ctx) *group {
	t, x := c.numType(), pick(c.rng, numNames)
	p := c.drawStage(numPreds, t, false)
	yes, no := c.twoStages(numMaps, t)
	l := newLines().open("if ", put(p.code, x)).add(yes.expr(x, precBit)).orElse().add(no.expr(x, precBit)).close()
	return single(&Task{
		Idiom: "expression", Name: yes.frag + "_if_" + p.frag, Params: []Param{{x, t}}, Result: t, Body: l.String(),
		doc: "Returns `" + x + "` " + yes.text + " if it is " + p.text + ", and " + no.text + " otherwise.", inputs: numberInputs(t, p),
		eval: chooses(p, yes, no),
	})
}

func scalarGuard(c *ctx) *group {
	t, x := c.numType(), pick(c.rng, numNames)
	p := c.drawStage(numPreds, t, false)
	yes, no := c.twoStages(numMaps, t)
	l := newLines().open("if ", put(p.code, x)).add("return ", yes.expr(x, precBit), ";").close().add(no.expr(x, precBit))
	return single(&Task{
		Idiom: "early return", Name: no.frag + "_unless_" + p.frag, Params: []Param{{x, t}}, Result: t, Body: l.String(),
		doc: "Returns `" + x + "` " + no.text + ", but " + yes.text + " if it is " + p.text + ".", inputs: numberInputs(t, p),
		eval: chooses(p, yes, no),
	})
}

func scalarOption(c *ctx) *group {
	t, x := c.numType(), pick(c.rng, numNames)
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	l, some := newLines(), "Some("+m.expr(x, precBit)+")"
	idiom := "expression"
	if c.chance(50) {
		idiom = "early return"
		l.open("if ", put(p.neg, x)).add("return None;").close().add(some)
	} else {
		l.open("if ", put(p.code, x)).add(some).orElse().add("None").close()
	}
	return single(&Task{
		Idiom: idiom, Name: "some_" + m.frag + "_if_" + p.frag, Params: []Param{{x, t}}, Result: option(t), Body: l.String(),
		doc: "Returns `" + x + "` " + m.text + " if it is " + p.text + ", or `None`.", inputs: numberInputs(t, p),
		eval: func(args []Value) (Value, error) {
			if !p.holds(args[0], nil) {
				return None(), nil
			}
			y, err := m.on(args[0])
			return Some(y), err
		},
	})
}

func scalarTuple(c *ctx) *group {
	t, x := c.numType(), pick(c.rng, numNames)
	a, b := c.twoStages(numMaps, t)
	l := newLines().add("(", a.expr(x, precBit), ", ", b.expr(x, precBit), ")")
	return single(&Task{
		Idiom: "expression", Name: a.frag + "_and_" + b.frag, Params: []Param{{x, t}}, Result: tuple(t, t), Body: l.String(),
		doc: "Returns `" + x + "` " + a.text + ", and `" + x + "` " + b.text + ".", inputs: numberInputs(t, a, b),
		eval: func(args []Value) (Value, error) {
			y, err := a.on(args[0])
			if err != nil {
				return y, err
			}
			z, err := b.on(args[0])
			return List(y, z), err
		},
	})
}
