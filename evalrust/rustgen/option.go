package rustgen

import "strings"

// optionFamilies are functions on options and tuples.
func optionFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(3, 600), make: mk}
	}
	return []family{
		at("option/pair", optionPair),
		at("option/chain", optionChain),
		at("option/checked", optionChecked),
		at("option/ends", optionEnds),
		at("option/get", optionGet),
		at("option/neighbour", optionNeighbour),
		at("tuple/min_max", tupleMinMax),
		at("tuple/partition", tuplePartition),
		at("tuple/count_sum", tupleCountSum),
		at("tuple/rearrange", tupleRearrange),
		at("tuple/split", tupleSplit),
		at("scalar/saturating", saturatingChain),
	}
}

func maybe(g *rng, k Kind, hints []int64, percent int) Value {
	if g.chance(percent) {
		return Some(someNumber(g, k, hints))
	}
	return None()
}

// optionPair combines two options, and says what becomes of one alone.
func optionPair(c *ctx) *group {
	t := c.intType()
	ab := pick(c.rng, [][2]string{{"a", "b"}, {"left", "right"}, {"first", "second"}, {"x", "y"}, {"old", "new"}})
	o, m := c.pairOp(t.Kind), c.drawStage(numMaps, t, false)
	both := expand(o.code, ab[0], ab[1])
	params := []Param{{ab[0], option(t)}, {ab[1], option(t)}}
	inputs := func(g *rng) []Value { return []Value{maybe(g, t.Kind, nil, 75), maybe(g, t.Kind, nil, 75)} }
	if c.chance(35) {
		return c.optionBoth(t, ab, o, m, params, inputs)
	}
	l := newLines().open("match ("+ab[0]+", "+ab[1]+")").add("(Some(", ab[0], "), Some(", ab[1], ")) => Some(", both, "),")
	k, keep := c.drawStage(numMaps, t, false), c.chance(50)
	text := "`" + ab[1] + "` " + k.text + " if only that is there"
	l.add("(Some(", ab[0], "), None) => Some(", m.expr(ab[0], precBit), "),")
	if keep {
		l.add("(None, Some(", ab[1], ")) => Some(", k.expr(ab[1], precBit), "),").add("(None, None) => None,")
	} else {
		l.add("(None, _) => None,")
		text = "`None` without `" + ab[0] + "`"
	}
	name := o.frag + "_or_" + m.frag + "_" + ab[0]
	if keep {
		name += "_or_" + k.frag
	}
	return single(&Task{
		Idiom: "match", Name: name, Params: params, Result: option(t), Body: l.close().String(), inputs: inputs,
		doc: "Returns " + expand(o.text, ab[0], ab[1]) + " if both are there, `" + ab[0] + "` " + m.text + " if only that is there, and " + text + ".",
		eval: func(args []Value) (Value, error) {
			a, b := args[0], args[1]
			var y Value
			var err error
			switch {
			case a.I == 1 && b.I == 1:
				y, err = checked(t.Kind, o.f(a.L[0].I, b.L[0].I))
			case a.I == 1:
				y, err = m.on(a.L[0])
			case b.I == 1 && keep:
				y, err = k.on(b.L[0])
			default:
				return None(), nil
			}
			return Some(y), err
		},
	})
}

// optionBoth combines two options, or is None.
func (c *ctx) optionBoth(t Type, ab [2]string, o pairing, m *stage, params []Param, inputs func(g *rng) []Value) *group {
	v := pick(c.rng, []string{"result", "base", "both"})
	l := newLines().add("let ", v, " = ", expand(o.code, ab[0]+"?", ab[1]+"?"), ";").add("Some(", m.expr(v, precBit), ")")
	return single(&Task{
		Idiom: "question mark", Name: o.frag + "_of_both_" + m.frag, Params: params, Result: option(t), Body: l.String(), inputs: inputs,
		doc: "Returns " + expand(o.text, ab[0], ab[1]) + ", " + m.text + ", or `None` if either is missing.",
		eval: func(args []Value) (Value, error) {
			if args[0].I == 0 || args[1].I == 0 {
				return None(), nil
			}
			x, err := checked(t.Kind, o.f(args[0].L[0].I, args[1].L[0].I))
			if err != nil {
				return x, err
			}
			y, err := m.on(x)
			return Some(y), err
		},
	})
}

// optionChain filters, maps and gives a default.
func optionChain(c *ctx) *group {
	t := c.intType()
	v := pick(c.rng, []string{"value", "input", "found", "size", "n"})
	x := pick(c.rng, []string{"x", "v", "inner"})
	p, m, k := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.between(0, 60)
	idiom := pick(c.rng, []string{"chain", "match", "branch"})
	l := newLines()
	switch idiom {
	case "chain":
		l.chain("", v+".filter(|&"+x+"| "+put(p.code, x)+").map_or("+itoa(k)+", |"+x+"| "+m.expr(x, precBit)+")", "")
	case "match":
		l.open("match ", v).add("Some(", x, ") if ", put(p.code, x), " => ", m.expr(x, precBit), ",").add("_ => ", itoa(k), ",").close()
	default:
		l.open("if let Some(", x, ") = ", v).open("if ", put(p.code, x)).add("return ", m.expr(x, precBit), ";").close().close().add(itoa(k))
	}
	return single(&Task{
		Idiom: idiom, Name: m.frag + "_if_" + p.frag + "_or_" + itoa(k), Params: []Param{{v, option(t)}}, Result: t, Body: l.String(),
		doc:    "Returns what is in `" + v + "` " + m.text + " if it is " + p.text + ", or " + itoa(k) + ".",
		inputs: func(g *rng) []Value { return []Value{maybe(g, t.Kind, hintsOf(p), 85)} },
		eval: func(args []Value) (Value, error) {
			if args[0].I == 0 || !p.holds(args[0].L[0], nil) {
				return Int(k), nil
			}
			return m.on(args[0].L[0])
		},
	})
}

// arith is one step of checked or saturating arithmetic.
type arith struct {
	method, frag, text string
	k                  int64
	f                  func(x, k int64) int64
}

var ariths = []arith{
	{method: "add", frag: "plus", text: "increased by", f: add},
	{method: "sub", frag: "minus", text: "reduced by", f: func(x, k int64) int64 { return x - k }},
	{method: "mul", frag: "times", text: "multiplied by", f: mul},
}

// drawAriths draws two or three steps in which no operation follows itself.
func (c *ctx) drawAriths() []arith {
	steps := make([]arith, 2+c.below(2))
	for i := range steps {
		for steps[i].method == "" || i > 0 && steps[i].method == steps[i-1].method {
			steps[i] = pick(c.rng, ariths)
		}
		steps[i].k = c.between(2, 60)
		if steps[i].method == "mul" {
			steps[i].k = c.between(2, 9)
		}
	}
	return steps
}

func arithNames(steps []arith) (frag, text string) {
	var frags, texts []string
	for _, s := range steps {
		frags, texts = append(frags, s.frag+"_"+itoa(s.k)), append(texts, s.text+" "+itoa(s.k))
	}
	return strings.Join(frags, "_"), listed(texts)
}

// typeRange is an integer kind's range; 64-bit kinds have none here, since their ends cannot be held.
func typeRange(k Kind) (lo, hi int64) {
	switch k {
	case U8:
		return 0, 255
	case U32:
		return 0, 1<<32 - 1
	default:
		return -1 << 31, 1<<31 - 1
	}
}

// nearEnds draws small numbers and numbers near the ends of a type.
func nearEnds(g *rng, k Kind) Value {
	lo, hi := typeRange(k)
	switch g.below(3) {
	case 0:
		return Int(lo + g.between(0, 9))
	case 1:
		return Int(hi/g.between(1, 8) - g.between(0, 9))
	default:
		return Int(g.between(0, 90))
	}
}

// optionChecked is a chain of checked operations.
func optionChecked(c *ctx) *group {
	t, x := scalar(pick(c.rng, []Kind{U8, U8, I32, U32})), pick(c.rng, numNames)
	steps := c.drawAriths()
	frag, text := arithNames(steps)
	expr := x
	for i, s := range steps {
		expr += ".checked_" + s.method + "(" + itoa(s.k) + ")"
		if i < len(steps)-1 {
			expr += "?"
		}
	}
	idiom, l := "question mark", newLines()
	if c.chance(40) {
		l.chain("", expr, "")
	} else {
		v := pick(c.rng, []string{"y", "next", "step", "sum"})
		for i, s := range steps {
			from := v
			if i == 0 {
				from = x
			}
			if i == len(steps)-1 {
				l.add(from, ".checked_", s.method, "(", itoa(s.k), ")")
			} else {
				l.add("let ", v, " = ", from, ".checked_", s.method, "(", itoa(s.k), ")?;")
			}
		}
	}
	return single(&Task{
		Idiom: idiom, Name: "checked_" + frag, Params: []Param{{x, t}}, Result: option(t), Body: l.String(),
		doc:    "Returns `" + x + "` " + text + ", or `None` if a step does not fit the type.",
		inputs: func(g *rng) []Value { return []Value{nearEnds(g, t.Kind)} },
		eval: func(args []Value) (Value, error) {
			y := args[0].I
			for _, s := range steps {
				if y = s.f(y, s.k); !t.Kind.fits(y) {
					return None(), nil
				}
			}
			return Some(Int(y)), nil
		},
	})
}

// saturatingChain stays at the ends of the type.
func saturatingChain(c *ctx) *group {
	t, x := scalar(pick(c.rng, []Kind{U8, U8, I32, U32})), pick(c.rng, numNames)
	steps := c.drawAriths()
	frag, text := arithNames(steps)
	expr := x
	for _, s := range steps {
		expr += ".saturating_" + s.method + "(" + itoa(s.k) + ")"
	}
	lo, hi := typeRange(t.Kind)
	return single(&Task{
		Idiom: "chain", Name: "saturating_" + frag, Params: []Param{{x, t}}, Result: t, Body: tail(expr),
		doc:    "Returns `" + x + "` " + text + ", each time at most as far as the type goes.",
		inputs: func(g *rng) []Value { return []Value{nearEnds(g, t.Kind)} },
		eval: func(args []Value) (Value, error) {
			y := args[0].I
			for _, s := range steps {
				y = min(max(s.f(y, s.k), lo), hi)
			}
			return Int(y), nil
		},
	})
}

// sliceInput draws a slice of numbers near the constants of the stages.
func sliceInput(t Type, n int, stages ...*stage) func(g *rng) []Value {
	hints := hintsOf(stages...)
	return func(g *rng) []Value { return []Value{numList(g, t.Kind, g.below(n+1), hints)} }
}

// optionEnds combines the ends of a slice.
func optionEnds(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	o, m := c.pairOp(t.Kind), c.drawStage(numMaps, t, false)
	l := newLines()
	idiom := "question mark"
	switch c.below(3) {
	case 0:
		l.open("if ", n.many, ".is_empty()").add("return None;").close()
		l.add("let first = ", n.many, "[0];").add("let last = ", n.many, "[", n.many, ".len() - 1];")
		idiom = "early return"
	case 1:
		l.add("let first = *", n.many, ".first()?;").add("let last = *", n.many, ".last()?;")
	default:
		l.add("let (first, rest) = ", n.many, ".split_first()?;").add("let last = rest.last().unwrap_or(first);")
		l.add("let (first, last) = (*first, *last);")
	}
	v := pick(c.rng, []string{"base", "result", "span"})
	l.add("let ", v, " = ", expand(o.code, "first", "last"), ";").add("Some(", m.expr(v, precBit), ")")
	return single(&Task{
		Idiom: idiom, Name: o.frag + "_of_ends_" + m.frag, Params: []Param{{n.many, slice(t)}}, Result: option(t), Body: l.String(),
		doc:    "Returns " + strings.ReplaceAll(expand(o.text, "first", "last"), "`", "") + " of `" + n.many + "`, " + m.text + ", or `None` if there are none.",
		inputs: sliceInput(t, 5, m),
		eval: func(args []Value) (Value, error) {
			xs := args[0].L
			if len(xs) == 0 {
				return None(), nil
			}
			x, err := checked(t.Kind, o.f(xs[0].I, xs[len(xs)-1].I))
			if err != nil {
				return x, err
			}
			y, err := m.on(x)
			return Some(y), err
		},
	})
}

// optionGet looks at one index of a slice.
func optionGet(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	m, k := c.drawStage(numMaps, t, false), c.between(0, 50)
	i := pick(c.rng, []string{"i", "index", "at", "position"})
	shift := c.between(0, 3)
	index := i
	if shift > 0 {
		index = i + " + " + itoa(shift)
	}
	l, idiom, x := newLines(), "match", n.one
	switch c.below(3) {
	case 0:
		l.open("match ", n.many, ".get(", index, ")").add("Some(&", x, ") => ", m.expr(x, precBit), ",").add("None => ", itoa(k), ",").close()
	case 1:
		idiom = "chain"
		l.chain("", n.many+".get("+index+").map_or("+itoa(k)+", |&"+x+"| "+m.expr(x, precBit)+")", "")
	default:
		idiom = "branch"
		l.open("if let Some(&", x, ") = ", n.many, ".get(", index, ")").add(m.expr(x, precBit)).orElse().add(itoa(k)).close()
	}
	where := "at `" + i + "`"
	name := m.frag + "_at_" + i + "_or_" + itoa(k)
	if shift > 0 {
		where = itoa(shift) + " behind `" + i + "`"
		name = m.frag + "_" + itoa(shift) + "_after_" + i + "_or_" + itoa(k)
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: []Param{{n.many, slice(t)}, {i, scalar(Usize)}}, Result: t, Body: l.String(),
		doc:    "Returns the element of `" + n.many + "` " + where + ", " + m.text + ", or " + itoa(k) + " if there is none.",
		inputs: func(g *rng) []Value { return []Value{numList(g, t.Kind, g.below(6), hintsOf(m)), Int(g.between(0, 4))} },
		eval: func(args []Value) (Value, error) {
			if j := args[1].I + shift; j < int64(len(args[0].L)) {
				return m.on(args[0].L[j])
			}
			return Int(k), nil
		},
	})
}

// optionNeighbour finds an element and returns the one next to it.
func optionNeighbour(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	after := c.chance(50)
	l := newLines()
	l.chain("let i = ", n.many+".iter().position(|&"+n.one+"| "+put(p.code, n.one)+")?", ";")
	where, index := "before", "i.checked_sub(1)?"
	if after {
		where, index = "after", "i + 1"
	}
	if c.chance(50) {
		l.add("let ", n.one, " = *", n.many, ".get(", index, ")?;").add("Some(", m.expr(n.one, precBit), ")")
	} else {
		l.chain("", n.many+".get("+index+").map(|&"+n.one+"| "+m.expr(n.one, precBit)+")", "")
	}
	return single(&Task{
		Idiom: "question mark", Name: "element_" + where + "_" + p.frag + "_" + m.frag, Params: []Param{{n.many, slice(t)}}, Result: option(t), Body: l.String(),
		doc:    "Returns the element " + where + " the first of the " + p.plural(n.plural()) + " in `" + n.many + "`, " + m.text + ", or `None`.",
		inputs: sliceInput(t, 6, p),
		eval: func(args []Value) (Value, error) {
			for i, x := range args[0].L {
				if !p.holds(x, nil) {
					continue
				}
				j := i - 1
				if after {
					j = i + 1
				}
				if j < 0 || j >= len(args[0].L) {
					break
				}
				y, err := m.on(args[0].L[j])
				return Some(y), err
			}
			return None(), nil
		},
	})
}
