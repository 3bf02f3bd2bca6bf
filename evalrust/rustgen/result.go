package rustgen

import (
	"strconv"
	"strings"
)

// resultFamilies are functions that fail with an error of their own.
func resultFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(4, 900), make: mk}
	}
	return []family{
		at("result/validate", resultValidate),
		at("result/parse", resultParse),
		at("result/parse_pair", resultParsePair),
		at("result/parse_list", resultParseList),
		at("result/convert", resultConvert),
		at("result/get", resultGet),
		at("result/text", resultText),
		at("result/display", resultDisplay),
		at("result/method", resultMethod),
		at("result/all", resultAll),
		at("result/handle", resultHandle),
	}
}

// resultValidate checks a number and maps it.
func resultValidate(c *ctx) *group {
	x, t := pick(c.rng, subjects), c.intType()
	f := newFailure(x)
	checks, m := c.drawChecks(f, t, 1+c.below(3)), c.drawStage(numMaps, t, false)
	l, idiom := newLines(), "early return"
	ok := "Ok(" + m.expr(x, precBit) + ")"
	switch {
	case len(checks) == 1 && c.chance(40):
		idiom = "branch"
		l.open("if ", put(checks[0].code, x)).add("Err(", checks[0].failure(f, x), ")").orElse().add(ok).close()
	case c.chance(30):
		idiom = "match"
		l.open("match ", x)
		for _, k := range checks {
			l.add("_ if ", put(k.code, x), " => Err(", k.failure(f, x), "),")
		}
		l.add("_ => ", ok, ",").close()
	default:
		l.refuse(f, checks, x)
		l.add(ok)
	}
	g := &group{}
	f.declare(g)
	g.free(&Task{
		Idiom: idiom, Name: pick(c.rng, []string{"check", "validate", "accept", "verify"}) + "_" + x + "_" + m.frag, Params: []Param{{x, t}}, Result: result(t, f.typ), Body: l.String(),
		doc:    "Returns `" + x + "` " + m.text + "; the error is " + prose(f, checks) + ".",
		inputs: func(g *rng) []Value { return []Value{someNumber(g, t.Kind, checkHints(checks))} },
		eval:   func(args []Value) (Value, error) { return accept(f, checks, m, args[0]) },
	})
	return g
}

func checkHints(checks []check) []int64 {
	stages := make([]*stage, len(checks))
	for i, k := range checks {
		stages[i] = k.stage
	}
	return hintsOf(stages...)
}

// resultGet looks up two elements of a slice and combines them.
func resultGet(c *ctx) *group {
	n, t := pick(c.rng, numNouns), scalar(pick(c.rng, []Kind{I32, I64, U32}))
	f := newFailure(pick(c.rng, []string{"index", "lookup", "access", "slot"}))
	out := f.variant("OutOfRange", "there is no such index", scalar(Usize))
	checks, o, m := c.drawChecks(f, t, 1), c.pairOp(t.Kind), c.drawStage(numMaps, t, false)
	ij := pick(c.rng, [][2]string{{"i", "j"}, {"from", "to"}, {"first", "second"}, {"a", "b"}})
	l := newLines()
	l.chain("let x = *", n.many+".get("+ij[0]+").ok_or("+f.new(out, ij[0])+")?", ";")
	l.chain("let y = *", n.many+".get("+ij[1]+").ok_or("+f.new(out, ij[1])+")?", ";")
	l.refuse(f, checks, "y")
	l.add("let d = ", expand(o.code, "x", "y"), ";").add("Ok(", m.expr("d", precBit), ")")
	g := &group{}
	f.declare(g)
	g.free(&Task{
		Idiom: "question mark", Name: o.frag + "_at_" + m.frag, Params: []Param{{n.many, slice(t)}, {ij[0], scalar(Usize)}, {ij[1], scalar(Usize)}}, Result: result(t, f.typ),
		Body: l.String(),
		doc: "Takes x at `" + ij[0] + "` and y at `" + ij[1] + "` of `" + n.many + "` and returns " + expand(o.text, "x", "y") + ", " + m.text + "; y is refused with " +
			prose(f, checks) + ".",
		inputs: func(g *rng) []Value {
			return []Value{numList(g, t.Kind, 1+g.below(4), checkHints(checks)), Int(g.between(0, 3)), Int(g.between(0, 3))}
		},
		eval: func(args []Value) (Value, error) {
			xs := args[0].L
			for _, i := range args[1:] {
				if i.I >= int64(len(xs)) {
					return f.err(out, i), nil
				}
			}
			x, y := xs[args[1].I], xs[args[2].I]
			if e, refused := failed(f, checks, y); refused {
				return e, nil
			}
			d, err := checked(t.Kind, o.f(x.I, y.I))
			if err != nil {
				return d, err
			}
			z, err := m.on(d)
			return Ok(z), err
		},
	})
	return g
}

// resultText fails with a sentence.
func resultText(c *ctx) *group {
	x, t := pick(c.rng, subjects), c.intType()
	p, q := c.twoStages(numPreds, t)
	m := c.drawStage(numMaps, t, false)
	phrases := pick(c.rng, [][2]string{{"bad", "wrong"}, {"invalid", "refused"}, {"unexpected", "strange"}, {"forbidden", "denied"}, {"rejected", "unusable"}})
	msg := func(i int) string { return phrases[i] + " " + x + " {" + x + "}" }
	l, idiom := newLines(), "early return"
	if c.chance(50) {
		l.open("if ", put(p.code, x)).add(`return Err(format!("`, msg(0), `"));`).close()
		l.open("if ", put(q.code, x)).add(`return Err(format!("`, msg(1), `"));`).close().add("Ok(", m.expr(x, precBit), ")")
	} else {
		idiom = "branch"
		l.open("if ", put(p.code, x)).add(`Err(format!("`, msg(0), `"))`).depth--
		l.open("} else if ", put(q.code, x)).add(`Err(format!("`, msg(1), `"))`).orElse().add("Ok(", m.expr(x, precBit), ")").close()
	}
	text := func(i int, v Value) Value { return Err(Text(phrases[i] + " " + x + " " + itoa(v.I))) }
	return single(&Task{
		Idiom: idiom, Name: "try_" + x + "_" + m.frag, Params: []Param{{x, t}}, Result: result(t, scalar(String)), Body: l.String(),
		doc: "Returns `" + x + "` " + m.text + "; the error is `" + phrases[0] + " " + x + "` with the number if it is " + p.text + ", and `" + phrases[1] + " " + x +
			"` if it is " + q.text + ".",
		inputs: func(g *rng) []Value { return []Value{someNumber(g, t.Kind, hintsOf(p, q))} },
		eval: func(args []Value) (Value, error) {
			if p.holds(args[0], nil) {
				return text(0, args[0]), nil
			}
			if q.holds(args[0], nil) {
				return text(1, args[0]), nil
			}
			y, err := m.on(args[0])
			return Ok(y), err
		},
	})
}

// resultDisplay writes errors as text.
func resultDisplay(c *ctx) *group {
	x, t := pick(c.rng, subjects), c.intType()
	f := newFailure(x)
	c.drawChecks(f, t, 2+c.below(2))
	words := make([]string, len(f.def.Variants))
	l, idiom := newLines().open("match self"), "match"
	start := pick(c.rng, []string{"the ", "this ", "given ", "your ", ""})
	for i, v := range f.def.Variants {
		words[i] = start + x + " is " + strings.TrimPrefix(f.says[i], "it is ")
		pattern, shown := "Self::"+v.Name, words[i]
		if len(v.Payload) > 0 {
			pattern += "(n)"
			words[i] += ": "
			shown = words[i] + "{n}"
		}
		l.add(pattern, ` => write!(f, "`, shown, `"),`)
	}
	g := &group{}
	g.use("std::fmt")
	f.declare(g)
	t2 := &Task{
		Idiom: idiom, Name: "fmt", Receiver: ByRef, Self: f.def, private: true, params: "&self, f: &mut fmt::Formatter", result: "fmt::Result", Result: scalar(String),
		Body: l.close().String(), call: "$0.to_string()", doc: "Says that " + strings.TrimSpace(start) + " " + x + " is wrong, why, and the number if the error has it.",
		inputs: func(g *rng) []Value {
			v := Int(int64(g.below(len(f.def.Variants))))
			for range f.def.Variants[v.I].Payload {
				v.L = append(v.L, someNumber(g, t.Kind, nil))
			}
			return []Value{v}
		},
		eval: func(args []Value) (Value, error) {
			s := words[args[0].I]
			if len(args[0].L) > 0 {
				s += itoa(args[0].L[0].I)
			}
			return Text(s), nil
		},
	}
	g.impl("impl fmt::Display for "+f.def.Name, t2)
	if c.chance(50) {
		g.text("\nimpl std::error::Error for " + f.def.Name + " {}\n")
	}
	return g
}

// resultMethod changes a struct, or fails and leaves it alone.
func resultMethod(c *ctx) *group {
	r := c.withExtras(c.record(2, 3, 20))
	a, i, b, j := c.twoFields(r)
	x := pick(c.rng, []string{"amount", "units", "wanted", "step"})
	f := newFailure(r.one)
	few := f.variant("NotEnough", "there is less than that", r.num)
	checks := c.drawChecks(f, r.num, 1+c.below(2))
	m := c.drawStage(numMaps, r.num, false)
	reserve := c.between(0, 20)
	l := newLines()
	l.refuse(f, checks, x)
	need := x
	if reserve > 0 {
		need = x + " + " + itoa(reserve)
	}
	l.open("if self.", a, " < ", need).add("return Err(", f.new(few, "self."+a), ");").close()
	l.add("self.", a, " -= ", x, ";").add("self.", b, " += ", m.expr(x, precBit), ";").add("Ok(self.", a, ")")
	verb := pick(c.rng, []string{"move", "spend", "transfer", "convert", "use"})
	t := r.method(verb+"_"+a+"_to_"+b+"_"+m.frag, result(r.num, f.typ), l.String(),
		"Takes `"+x+"` out of `"+a+"`, of which "+itoa(reserve)+" must be left, adds it, "+m.text+", to `"+b+"` and returns what is left; `"+x+"` is refused with "+prose(f, checks)+".",
		func(args []Value) (Value, error) {
			x := args[1]
			if e, refused := failed(f, checks, x); refused {
				return List(e, args[0]), nil
			}
			if args[0].L[i].I < x.I+reserve {
				return List(f.err(few, args[0].L[i]), args[0]), nil
			}
			y, err := m.on(x)
			if err != nil {
				return y, err
			}
			left, err := checked(r.num.Kind, args[0].L[i].I-x.I)
			if err != nil {
				return left, err
			}
			sum, err := checked(r.num.Kind, add(args[0].L[j].I, y.I))
			return List(Ok(left), replaced(replaced(args[0], i, left), j, sum)), err
		}, nil)
	t.Receiver, t.Idiom, t.Params = ByMut, "early return", []Param{{x, r.num}}
	t.inputs = func(g *rng) []Value {
		v := r.value(g, nil)
		v.L[i] = Int(g.between(0, 60))
		return []Value{v, someNumber(g, r.num.Kind, append(checkHints(checks), 5))}
	}
	g := &group{}
	f.declare(g)
	g.text("\n")
	r.declare(g)
	g.impl("impl "+r.def.Name, r.constructor(), t)
	return g
}

// resultAll calls a check for every element.
func resultAll(c *ctx) *group {
	x, t := pick(c.rng, subjects), c.intType()
	f := newFailure(x)
	checks, m := c.drawChecks(f, t, 1+c.below(2)), c.drawStage(numMaps, t, false)
	check := &Task{
		Idiom: "early return", Name: "check_" + x, Params: []Param{{x, t}}, Result: result(t, f.typ), Body: newLines().refuse(f, checks, x).add("Ok(", m.expr(x, precBit), ")").String(),
		doc:    "Returns `" + x + "` " + m.text + "; the error is " + prose(f, checks) + ".",
		inputs: func(g *rng) []Value { return []Value{someNumber(g, t.Kind, checkHints(checks))} },
		eval:   func(args []Value) (Value, error) { return accept(f, checks, m, args[0]) },
	}
	g := &group{}
	f.declare(g)
	g.free(check)
	g.free(c.checkAll(check, x, f, checkHints(checks)))
	return g
}

// checkAll adds up or collects what a check makes of elements, each mapped, up to the first error.
func (c *ctx) checkAll(check *Task, x string, f *failure, hints []int64) *Task {
	n, t := pick(c.rng, numNouns), check.Params[0].Type
	p, k, list, skip := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.chance(50), c.chance(40)
	name, res, of := "total_"+x+"_"+k.frag, t, "the "+n.plural()
	doc, first, step, last := "Adds up", "let mut total = 0;", "total += "+k.expr(x, precBit)+";", "Ok(total)"
	if list {
		name, res = "checked_"+n.many+"_"+k.frag, vec(t)
		doc, first, step, last = "Collects", "let mut result = Vec::new();", "result.push("+k.expr(x, precBit)+");", "Ok(result)"
	}
	l := newLines().add(first).open("for &", n.one, " in ", n.many)
	if skip {
		name, of = name+"_of_"+p.frag, "the "+p.plural(n.plural())
		l.open("if ", put(p.neg, n.one)).add("continue;").close()
	}
	l.add("let ", x, " = ", check.Name, "(", n.one, ")?;").add(step).close().add(last)
	return &Task{
		Idiom: "question mark", Name: name, Params: []Param{{n.many, slice(t)}}, Result: result(res, f.typ), Body: l.String(),
		doc:    doc + " what `" + check.Name + "` makes of " + of + " in `" + n.many + "`, each " + k.text + ", or returns the first error.",
		inputs: func(g *rng) []Value { return []Value{numList(g, t.Kind, g.below(4), append(hintsOf(p), hints...))} },
		eval: func(args []Value) (Value, error) {
			var out []Value
			for _, x := range args[0].L {
				if skip && !p.holds(x, nil) {
					continue
				}
				y, err := check.eval([]Value{x})
				if err != nil || y.I == 0 {
					return y, err
				}
				z, err := k.on(y.L[0])
				if err != nil {
					return z, err
				}
				out = append(out, z)
			}
			if list {
				return Ok(Value{L: out}), nil
			}
			total, err := sumValues(t.Kind, out)
			return Ok(total), err
		},
	}
}

// resultHandle turns results into plain values.
func resultHandle(c *ctx) *group {
	t, x := c.intType(), pick(c.rng, subjects)
	f := newFailure(x)
	c.drawChecks(f, t, 2)
	m, k := c.drawStage(numMaps, t, false), c.between(0, 40)
	r := pick(c.rng, []string{"outcome", "result", "answer", "reply"})
	l := newLines().open("match ", r).add("Ok(", x, ") => ", m.expr(x, precBit), ",")
	var ms [2]*stage
	parts := make([]string, 2)
	for i, v := range f.def.Variants {
		name := strings.ToLower(v.Name)
		if len(v.Payload) > 0 {
			ms[i] = c.drawStage(numMaps, t, false)
			l.add("Err(", f.new(i, "n"), ") => ", ms[i].expr("n", precBit), ",")
			parts[i] = "its number " + ms[i].text + " for " + name
			continue
		}
		l.add("Err(", f.new(i), ") => ", itoa(k+int64(i)), ",")
		parts[i] = strconv.Itoa(int(k)+i) + " for " + name
	}
	g := &group{}
	f.declare(g)
	g.free(&Task{
		Idiom: "match", Name: m.frag + "_or_recover_" + x, Params: []Param{{r, result(t, f.typ)}}, Result: t, Body: l.close().String(),
		doc: "Returns the " + x + " " + m.text + "; for errors, " + listed(parts) + ".",
		inputs: func(g *rng) []Value {
			if g.chance(40) {
				return []Value{Ok(someNumber(g, t.Kind, hintsOf(m)))}
			}
			v := Int(int64(g.below(2)))
			for range f.def.Variants[v.I].Payload {
				v.L = append(v.L, someNumber(g, t.Kind, nil))
			}
			return []Value{Err(v)}
		},
		eval: func(args []Value) (Value, error) {
			if args[0].I == 1 {
				return m.on(args[0].L[0])
			}
			e := args[0].L[0]
			if s := ms[e.I]; s != nil {
				return s.on(e.L[0])
			}
			return Int(k + e.I), nil
		},
	})
	return g
}
