package rustgen

import "strings"

// scalarRecursion combines a mapped number with the result for the next smaller one.
func scalarRecursion(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"n", "n", "k", "depth"})
	m, base, down := c.drawStage(numMaps, t, false), c.between(0, 20), c.between(1, 3)
	name := "recursive_" + m.frag + "_by_" + itoa(down) + "_from_" + itoa(base)
	next, low := name+"("+n+" - "+itoa(down)+")", n+" == 0"
	if down > 1 {
		low = n + " < " + itoa(down)
	}
	l := newLines()
	if c.chance(50) {
		l.open("if ", low).add("return ", itoa(base), ";").close().add(m.expr(n, precAdd), " + ", next)
	} else {
		l.open("if ", low).add(itoa(base)).orElse().add(m.expr(n, precAdd), " + ", next).close()
	}
	return single(&Task{
		Idiom: "recursion", Name: name, Params: []Param{{n, t}}, Result: t, Body: l.String(),
		doc: "Adds up `" + n + "` and every number " + itoa(down) + " below the last down to " + itoa(down) + ", each " + m.text +
			", starting from " + itoa(base) + ".",
		inputs: func(r *rng) []Value { return []Value{Int(r.between(0, 12))} },
		eval: func(args []Value) (Value, error) {
			total := base
			if args[0].I > 10_000 {
				return Value{}, ErrUndefined // the stack is finite
			}
			for i := args[0].I; i >= down; i -= down {
				y, err := m.on(Int(i))
				if total = add(total, y.I); err != nil || !t.Kind.fits(total) {
					return Value{}, ErrUndefined
				}
			}
			return Int(total), nil
		},
	})
}

// labels are ordered descriptions of sizes.
var labels = [][]string{
	{"low", "medium", "high"}, {"small", "medium", "large"}, {"cold", "mild", "warm", "hot"}, {"few", "some", "many"}, {"short", "normal", "long"},
	{"weak", "fair", "good", "great"}, {"young", "adult", "old"}, {"slow", "steady", "fast"}, {"poor", "fair", "rich"}, {"child", "teen", "adult", "senior"},
}

func scalarClassify(c *ctx) *group {
	t, ls := c.intType(), pick(c.rng, labels)
	x := pick(c.rng, []string{"score", "size", "age", "level", "count", "speed", "n", "value"})
	limits := make([]int64, len(ls)-1)
	lo := c.between(0, 9)
	for i := range limits {
		lo += c.between(2, 30)
		limits[i] = lo
	}
	l, idiom := newLines(), "match"
	at := func(i int) string { return itoa(limits[i]) }
	if c.chance(50) {
		l.open("match ", x).add("..", at(0), " => \"", ls[0], "\",")
		for i := 1; i < len(limits); i++ {
			l.add(at(i-1), "..", at(i), " => \"", ls[i], "\",")
		}
		l.add("_ => \"", ls[len(ls)-1], "\",").close()
	} else {
		idiom = "expression"
		for i := range limits {
			head := "if "
			if i > 0 {
				l.depth--
				head = "} else if "
			}
			l.open(head, x, " < ", at(i)).add("\"", ls[i], "\"")
		}
		l.orElse().add("\"", ls[len(ls)-1], "\"").close()
	}
	parts := make([]string, len(limits))
	for i := range limits {
		parts[i] = "\"" + ls[i] + "\" below " + at(i)
	}
	return single(&Task{
		Idiom: idiom, Name: pick(c.rng, []string{"describe", "classify", "label", "grade"}) + "_" + x, Params: []Param{{x, t}},
		Result: scalar(Str), result: "&'static str", Body: l.String(),
		doc:    "Describes `" + x + "`: " + strings.Join(parts, ", ") + ", else \"" + ls[len(ls)-1] + "\".",
		inputs: func(r *rng) []Value { return []Value{someNumber(r, t.Kind, limits)} },
		eval: func(args []Value) (Value, error) {
			for i, limit := range limits {
				if args[0].I < limit {
					return Text(ls[i]), nil
				}
			}
			return Text(ls[len(ls)-1]), nil
		},
	})
}

// scalarSteps counts how often a number can be divided or reduced before it falls below a limit.
func scalarSteps(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, []string{"n", "value", "number", "x"})
	limit, k := c.between(1, 30), c.between(2, 12)
	steps := pick(c.rng, []string{"steps", "count", "rounds", "turns"})
	op, verb, frag := " /= ", "divided by ", "divide_by_"
	next := func(x int64) int64 { return x / k }
	if c.chance(50) {
		limit += k
		op, verb, frag = " -= ", "reduced by ", "subtract_"
		next = func(x int64) int64 { return x - k }
	}
	v := pick(c.rng, []string{"rest", "current", "left"})
	l := newLines().add("let mut ", v, " = ", n, ";").add("let mut ", steps, " = 0;").open("while ", v, " > ", itoa(limit))
	l.add(v, op, itoa(k), ";").add(steps, " += 1;").close().add(steps)
	return single(&Task{
		Idiom: "while", Name: frag + itoa(k) + "_until_" + itoa(limit), Params: []Param{{n, t}}, Result: scalar(U32), Body: l.String(),
		doc:    "Counts how often `" + n + "` has to be " + verb + itoa(k) + " until it is at most " + itoa(limit) + ".",
		inputs: func(r *rng) []Value { return []Value{Int(r.between(0, 200))} },
		eval: func(args []Value) (Value, error) {
			x, count := args[0].I, int64(0)
			for ; x > limit; x = next(x) {
				if count++; count > 1<<20 {
					return Value{}, ErrUndefined
				}
			}
			return Int(count), nil
		},
	})
}

// scalarDigits folds over the decimal digits of a number.
func scalarDigits(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"n", "number", "value"})
	d := pick(c.rng, []string{"digit", "d"})
	var p *stage
	for p == nil || p.consts != noConst && p.k.I > 9 || p.consts == interval && p.j.I > 15 {
		p = c.drawStage(numPreds, t, false)
	}
	count := c.chance(40)
	m := c.drawStage(numMaps, t, false)
	acc, frag, doc := "sum", "digit_sum_"+p.frag+"_"+m.frag, "Returns the sum of the "+p.plural("digits")+" of `"+n+"`, each "+m.text+"."
	if count {
		acc, frag, doc = "count", "digit_count_"+p.frag, "Counts the "+p.plural("digits")+" of `"+n+"`."
	}
	l := newLines().add("let mut rest = ", n, ";").add("let mut ", acc, " = 0;").open("while rest > 0").add("let ", d, " = rest % 10;")
	l.open("if ", put(p.code, d))
	if count {
		l.add("count += 1;")
	} else {
		l.add("sum += ", m.expr(d, precBit), ";")
	}
	l.close().add("rest /= 10;").close().add(acc)
	return single(&Task{
		Idiom: "while", Name: frag, Params: []Param{{n, t}}, Result: t, Body: l.String(), doc: doc,
		inputs: func(r *rng) []Value { return []Value{Int(r.between(0, 99_999))} },
		eval: func(args []Value) (Value, error) {
			total := int64(0)
			for x := args[0].I; x > 0; x /= 10 {
				switch y, err := m.on(Int(x % 10)); {
				case !p.holds(Int(x%10), nil):
				case count:
					total++
				case err != nil || !t.Kind.fits(add(total, y.I)):
					return Value{}, ErrUndefined
				default:
					total += y.I
				}
			}
			return Int(total), nil
		},
	})
}

// textFormat puts two values into a sentence.
func textFormat(c *ctx) *group {
	t := c.numType()
	name := pick(c.rng, []string{"name", "label", "key", "title", "city", "user", "word", "tag"})
	num := pick(c.rng, []string{"count", "score", "size", "age", "price", "value", "level", "rank", "total"})
	before, mid, after := pick(c.rng, []string{"", "", "<", "[", "* ", "# ", "- "}), pick(c.rng, []string{": ", " = ", "=", " -> ", " has ", " is ", ", ", " / "}),
		pick(c.rng, []string{"", "", ".", "!", ";", " points", " items", "%", " left"})
	m := c.drawStage(numMaps, t, false)
	plain := c.chance(40)
	l, doc := newLines(), "Formats `"+name+"` and `"+num+"`"
	pattern := `"` + before + "{" + name + "}" + mid + "{" + num + "}" + after + `"`
	if !plain {
		l.add("let ", num, " = ", m.expr(num, precBit), ";")
		doc += ", " + m.text + ","
	}
	l.add("format!(", pattern, ")")
	fn := pick(c.rng, []string{"format", "show", "describe", "render"}) + "_" + name + "_" + num
	return single(&Task{
		Idiom: "expression", Name: fn, Params: []Param{{name, scalar(Str)}, {num, t}}, Result: scalar(String), Body: l.String(),
		doc:    doc + " as `" + before + name + mid + num + after + "`.",
		inputs: func(r *rng) []Value { return []Value{Text(pick(r, sampleWords)), someNumber(r, t.Kind, nil)} },
		eval: func(args []Value) (Value, error) {
			y := args[1]
			if !plain {
				var err error
				if y, err = m.on(y); err != nil {
					return y, err
				}
			}
			return Text(before + args[0].S + mid + display(t, y) + after), nil
		},
	})
}

// display is what {} prints for a number.
func display(t Type, v Value) string {
	if t.Kind == F64 {
		s := strings.TrimSuffix(floatText(v.F), ".0")
		return s
	}
	return itoa(v.I)
}
