package rustgen

import "strings"

// keptValues are the elements on which p holds, mapped by m.
func keptValues(xs []Value, p, m *stage) ([]Value, error) {
	var out []Value
	for _, x := range xs {
		if !p.holds(x, nil) {
			continue
		}
		y, err := m.on(x)
		if err != nil {
			return nil, err
		}
		out = append(out, y)
	}
	return out, nil
}

// sumValues adds up integers of a kind.
func sumValues(k Kind, xs []Value) (Value, error) {
	total := int64(0)
	for _, x := range xs {
		if total = add(total, x.I); !k.fits(total) {
			return Value{}, ErrUndefined
		}
	}
	return Int(total), nil
}

// tupleMinMax returns both extremes.
func tupleMinMax(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	l, idiom := newLines(), "loop"
	if c.chance(50) {
		idiom = "iterator"
		l.add("let mut range: Option<(", t.text, ", ", t.text, ")> = None;")
		l.chain("let kept = ", n.many+".iter().copied().filter(|&"+n.one+"| "+put(p.code, n.one)+")", ";")
		l.open("for ", n.one, " in kept").add("let y = ", m.expr(n.one, precBit), ";")
		l.open("range = match range").add("None => Some((y, y)),").add("Some((low, high)) => Some((low.min(y), high.max(y))),")
		l.depth--
		l.add("};").close().add("range")
	} else {
		l.add("let mut low = None;").add("let mut high = None;").open("for &", n.one, " in ", n.many).open("if ", put(p.code, n.one))
		l.add("let y = ", m.expr(n.one, precBit), ";")
		l.add("low = Some(low.map_or(y, |l: ", t.text, "| l.min(y)));").add("high = Some(high.map_or(y, |h: ", t.text, "| h.max(y)));").close().close()
		l.add("low.zip(high)")
	}
	pair := tuple(t, t)
	return single(&Task{
		Idiom: idiom, Name: "min_max_" + p.frag + "_" + m.frag, Params: []Param{{n.many, slice(t)}}, Result: option(pair), Body: l.String(),
		doc: "Returns the smallest and the largest of the " + p.plural(n.plural()) + " in `" + n.many + "`, each " + m.text + ", or `None`.", inputs: sliceInput(t, 6, p),
		eval: func(args []Value) (Value, error) {
			xs, err := keptValues(args[0].L, p, m)
			if err != nil || len(xs) == 0 {
				return None(), err
			}
			low, high := xs[0].I, xs[0].I
			for _, x := range xs {
				low, high = min(low, x.I), max(high, x.I)
			}
			return Some(List(Int(low), Int(high))), nil
		},
	})
}

// tuplePartition separates a slice by a predicate into two vectors or two sums.
func tuplePartition(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	names := pick(c.rng, [][2]string{{"yes", "no"}, {"left", "right"}, {"kept", "rest"}, {"first", "second"}})
	a, b := names[0], names[1]
	sums := c.chance(50)
	l := newLines()
	if sums {
		l.add("let mut ", a, " = 0;").add("let mut ", b, " = 0;").open("for &", n.one, " in ", n.many)
		l.open("if ", put(p.code, n.one)).add(a, " += ", m.expr(n.one, precBit), ";").orElse().add(b, " += ", n.one, ";").close().close()
	} else {
		l.add("let mut ", a, " = Vec::new();").add("let mut ", b, " = Vec::new();").open("for &", n.one, " in ", n.many)
		l.open("if ", put(p.code, n.one)).add(a, ".push(", m.expr(n.one, precBit), ");").orElse().add(b, ".push(", n.one, ");").close().close()
	}
	l.add("(", a, ", ", b, ")")
	name, result := "split_"+p.frag+"_"+m.frag, tuple(vec(t), vec(t))
	doc := "Separates the " + p.plural(n.plural()) + " in `" + n.many + "`, each " + m.text + ", from the others."
	if sums {
		name, result = "sums_"+p.frag+"_"+m.frag, tuple(t, t)
		doc = "Returns the sum of the " + p.plural(n.plural()) + " in `" + n.many + "`, each " + m.text + ", and the sum of the others."
	}
	return single(&Task{
		Idiom: "loop", Name: name, Params: []Param{{n.many, slice(t)}}, Result: result, Body: l.String(), doc: doc, inputs: sliceInput(t, 5, p),
		eval: func(args []Value) (Value, error) {
			var rest []Value
			for _, x := range args[0].L {
				if !p.holds(x, nil) {
					rest = append(rest, x)
				}
			}
			xs, err := keptValues(args[0].L, p, m)
			if err != nil || !sums {
				return List(Value{L: xs}, Value{L: rest}), err
			}
			x, err := sumValues(t.Kind, xs)
			if err != nil {
				return x, err
			}
			y, err := sumValues(t.Kind, rest)
			return List(x, y), err
		},
	})
}

// tupleCountSum counts and adds up in one pass.
func tupleCountSum(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	l, idiom := newLines(), "loop"
	if step := "(count + 1, sum + " + m.expr(n.one, precAdd) + ")"; c.chance(40) {
		idiom = "iterator"
		l.chainHead("", n.many, ".iter()").add(".copied()").add(".filter(|&", n.one, "| ", put(p.code, n.one), ")")
		if args := "(0, 0), |(count, sum), " + n.one + "| " + step; len(args) <= fnCallWidth {
			l.add(".fold(", args, ")")
		} else {
			l.open(".fold((0, 0), |(count, sum), ", n.one, "|").add(step).depth--
			l.add("})")
		}
	} else {
		l.add("let mut count = 0;").add("let mut sum = 0;").open("for &", n.one, " in ", n.many)
		l.open("if ", put(p.code, n.one)).add("count += 1;").add("sum += ", m.expr(n.one, precBit), ";").close().close().add("(count, sum)")
	}
	return single(&Task{
		Idiom: idiom, Name: "count_and_sum_" + p.frag + "_" + m.frag, Params: []Param{{n.many, slice(t)}}, Result: tuple(scalar(Usize), t), Body: l.String(),
		doc: "Returns how many " + p.plural(n.plural()) + " are in `" + n.many + "`, and their sum, each " + m.text + ".", inputs: sliceInput(t, 5, p),
		eval: func(args []Value) (Value, error) {
			xs, err := keptValues(args[0].L, p, m)
			if err != nil {
				return Value{}, err
			}
			sum, err := sumValues(t.Kind, xs)
			return List(Int(int64(len(xs))), sum), err
		},
	})
}

// tupleRearrange takes a tuple apart and builds another.
func tupleRearrange(c *ctx) *group {
	t, n := c.intType(), 2+c.below(2)
	names := pick(c.rng, [][]string{{"a", "b", "c"}, {"x", "y", "z"}, {"row", "column", "layer"}, {"hours", "minutes", "seconds"}, {"red", "green", "blue"}})[:n]
	whole := pick(c.rng, []string{"point", "parts", "values", "triple", "item"})
	order := c.shuffled(n)
	ts, ms := make([]Type, n), make([]*stage, n)
	out, texts, frags := make([]string, n), make([]string, n), make([]string, 0, n)
	for i, j := range order {
		ts[i], out[i], texts[i] = t, names[j], "`"+names[j]+"`"
		if c.chance(60) {
			ms[i] = c.drawStage(numMaps, t, false)
			out[i], texts[i] = ms[i].expr(names[j], precBit), texts[i]+" "+ms[i].text
			frags = append(frags, names[j]+"_"+ms[i].frag)
		}
	}
	name := "with_" + strings.Join(frags, "_and_")
	if len(frags) == 0 || len(name) > 60 {
		return tupleRearrange(c)
	}
	l := newLines().add("let (", strings.Join(names, ", "), ") = ", whole, ";").add("(", strings.Join(out, ", "), ")")
	return single(&Task{
		Idiom: "expression", Name: name, Params: []Param{{whole, tuple(ts...)}}, Result: tuple(ts...), Body: l.String(),
		doc: "Takes `" + whole + "` as " + listed(names) + " and returns " + listed(texts) + ".",
		inputs: func(g *rng) []Value {
			return []Value{numList(g, t.Kind, n, hintsOf(ms...))}
		},
		eval: func(args []Value) (Value, error) {
			var result Value
			for i, j := range order {
				y, err := ms[i].value(args[0].L[j], nil)
				if err != nil {
					return y, err
				}
				result.L = append(result.L, y)
			}
			return result, nil
		},
	})
}

// tupleSplit splits a number into units, as seconds are split into hours, minutes and seconds.
func tupleSplit(c *ctx) *group {
	t, x := scalar(pick(c.rng, []Kind{U32, U64, I32, I64})), pick(c.rng, []string{"n", "total", "seconds", "ticks", "amount", "pages"})
	small, large := c.between(3, 60), c.between(2, 40)
	both := small * large
	m := c.drawStage(numMaps, t, false)
	two := c.chance(40)
	v := pick(c.rng, []string{"rest", "left", "base"})
	l := newLines()
	from := x
	if c.chance(60) {
		l.add("let ", v, " = ", m.expr(x, precBit), ";")
		from = v
	} else {
		m = nil
	}
	what := "`" + x + "`"
	name := "split_" + x
	if m != nil {
		what += " " + m.text
		name += "_" + m.frag
	}
	result := tuple(t, t)
	doc := "Splits " + what + " into units of " + itoa(small) + " and what is left."
	name += "_by_" + itoa(small)
	if two {
		l.add("(", from, " / ", itoa(small), ", ", from, " % ", itoa(small), ")")
	} else {
		l.add("(", from, " / ", itoa(both), ", ", from, " / ", itoa(small), " % ", itoa(large), ", ", from, " % ", itoa(small), ")")
		result, name = tuple(t, t, t), name+"_and_"+itoa(large)
		doc = "Splits " + what + " into units of " + itoa(both) + ", units of " + itoa(small) + " and what is left."
	}
	return single(&Task{
		Idiom: "expression", Name: name, Params: []Param{{x, t}}, Result: result, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 3*both))} },
		eval: func(args []Value) (Value, error) {
			y, err := m.value(args[0], nil)
			if two || err != nil {
				return List(Int(y.I/small), Int(y.I%small)), err
			}
			return List(Int(y.I/both), Int(y.I/small%large), Int(y.I%small)), nil
		},
	})
}
