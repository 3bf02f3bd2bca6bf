package rustgen

import "strings"

// structFamilies are methods of a struct, and its constructors.
func structFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(3, 700), make: mk}
	}
	return []family{
		at("struct/compute", recordGroup(2, 4, 30, structCompute)),
		at("struct/test", recordGroup(2, 4, 30, structTest)),
		at("struct/with", recordGroup(2, 4, 20, structWith)),
		at("struct/update", recordGroup(2, 3, 30, structUpdate)),
		at("struct/take", recordGroup(2, 3, 30, structTake)),
		at("struct/compare", recordGroup(2, 3, 30, structCompare)),
		at("struct/make", plainRecordGroup(2, 3, 20, structMake)),
		at("struct/match", recordGroup(2, 3, 0, structMatch)),
		at("struct/describe", recordGroup(2, 3, 100, structDescribe)),
	}
}

// from is the weight of a family at its own level and above.
func from(level, weight int) (w [MaxLevel + 1]int) {
	for l := level; l <= MaxLevel; l++ {
		w[l] = max(weight, 1)
		weight /= 3
	}
	return w
}

// pairOp draws an operation on two numbers that a type has.
func (c *ctx) pairOp(k Kind) pairing {
	for {
		o := pick(c.rng, pairOps)
		switch {
		case k.signed() || o.frag != "gap" && o.frag != "difference":
			return o
		case o.frag == "gap":
			o.code = "$1.abs_diff($2)"
			return o
		}
	}
}

// checked is x as a value of an integer kind.
func checked(k Kind, x int64) (Value, error) {
	if !k.fits(x) {
		return Value{}, ErrUndefined
	}
	return Int(x), nil
}

// method is a task that borrows the struct.
func (r *record) method(name string, result Type, body, doc string, eval func(args []Value) (Value, error), hints []int64) *Task {
	return &Task{
		Idiom: "expression", Name: name, Receiver: ByRef, Self: r.def, Result: result, Body: body, doc: doc, eval: eval,
		inputs: func(g *rng) []Value { return []Value{r.value(g, hints)} },
	}
}

// structCompute combines two fields and maps what comes out.
func structCompute(c *ctx, r *record) *Task {
	a, i, b, j := c.twoFields(r)
	o, m := c.pairOp(r.num.Kind), c.drawStage(numMaps, r.num, false)
	expr := expand(o.code, "self."+a, "self."+b)
	var body string
	if inline := "(" + expr + ")"; c.chance(50) && strings.Count(m.code, "$") == 1 && m.code[0] == '$' {
		if strings.HasSuffix(expr, ")") {
			inline = expr
		}
		body = tail(put(m.code, inline))
	} else {
		v := pick(c.rng, []string{"base", "total", "combined", "raw", "result"})
		body = newLines().add("let ", v, " = ", expr, ";").add(m.expr(v, precBit)).String()
	}
	eval := func(args []Value) (Value, error) {
		x, err := checked(r.num.Kind, o.f(args[0].L[i].I, args[0].L[j].I))
		if err != nil {
			return x, err
		}
		return m.on(x)
	}
	doc := "Returns " + expand(o.text, a, b) + ", " + m.text + "."
	return r.method(o.frag+"_"+a+"_"+b+"_"+m.frag, r.num, body, doc, eval, hintsOf(m))
}

// about is a predicate's name for a field: even_price, price_above_3.
func (s *stage) about(field string) string {
	if s.pre {
		return s.frag + "_" + field
	}
	return field + "_" + s.frag
}

// structTest checks one field or two.
func structTest(c *ctx, r *record) *Task {
	a, i, b, j := c.twoFields(r)
	p, q := c.drawStage(numPreds, r.num, false), c.drawStage(numPreds, r.num, false)
	if c.chance(25) {
		eval := func(args []Value) (Value, error) { return Truth(p.holds(args[0].L[i], nil)), nil }
		return r.method("has_"+p.about(a), scalar(Bool), newLines().add(put(p.code, "self."+a)).String(), "Returns true if `"+a+"` is "+p.text+".",
			eval, hintsOf(p))
	}
	op, word, and := " && ", "and", c.chance(50)
	if !and {
		op, word = " || ", "or"
	}
	body := newLines().add(operand(put(p.code, "self."+a), and), op, operand(put(q.code, "self."+b), and)).String()
	if tooWide(body) || len(body) > 90 {
		return structTest(c, r)
	}
	return r.method("has_"+p.about(a)+"_"+word+"_"+q.about(b), scalar(Bool), body,
		"Returns true if `"+a+"` is "+p.text+" "+word+" `"+b+"` is "+q.text+".", func(args []Value) (Value, error) {
			x, y := p.holds(args[0].L[i], nil), q.holds(args[0].L[j], nil)
			return Truth(x && y || !and && (x || y)), nil
		}, hintsOf(p, q))
}

// replaced is a copy of a struct with one field changed.
func replaced(v Value, i int, x Value) Value {
	fields := append([]Value(nil), v.L...)
	fields[i] = x
	return Value{L: fields}
}

// structWith returns a changed copy.
func structWith(c *ctx, r *record) *Task {
	a, i := c.field(r)
	m, p := c.drawStage(numMaps, r.num, false), c.drawStage(numPreds, r.num, false)
	guarded := c.chance(40)
	l, doc, name := newLines(), "Returns the "+r.prose()+" with `"+a+"` "+m.text, "with_"+a+"_"+m.frag
	from := "*self"
	if !r.copies() {
		from = "self.clone()"
	}
	if guarded {
		l.open("if ", put(p.neg, "self."+a)).add("return ", from, ";").close()
		doc, name = doc+" if it is "+p.text+", or unchanged", name+"_if_"+p.frag
	}
	if c.chance(50) {
		l.structLit("", "Self", []string{a + ": " + m.expr("self."+a, precBit), ".." + from}, "")
	} else {
		v := pick(c.rng, []string{"copy", "next", "changed"})
		l.add("let mut ", v, " = ", from, ";").add(v, ".", a, " = ", m.expr("self."+a, precBit), ";").add(v)
	}
	return r.method(name, named(r.def).as("Self"), l.String(), doc+".", func(args []Value) (Value, error) {
		x := args[0].L[i]
		if guarded && !p.holds(x, nil) {
			return args[0], nil
		}
		y, err := m.on(x)
		return replaced(args[0], i, y), err
	}, hintsOf(m, p))
}

// assign is a statement that maps lhs, as a compound assignment where the map is a plain operation.
func (s *stage) assign(lhs string) string {
	if parts := strings.Fields(s.code); len(parts) == 3 && parts[0] == "$" && !strings.Contains(parts[2], "$") {
		return lhs + " " + parts[1] + "= " + parts[2] + ";"
	}
	return lhs + " = " + s.expr(lhs, precBit) + ";"
}

// structUpdate changes one field, perhaps under a condition on another.
func structUpdate(c *ctx, r *record) *Task {
	a, i, b, j := c.twoFields(r)
	m, p := c.drawStage(numMaps, r.num, false), c.drawStage(numPreds, r.num, false)
	l, name, doc := newLines(), "update_"+a+"_"+m.frag, "Changes `"+a+"`: it gets "+m.text
	kind := c.below(3)
	switch kind {
	case 0:
		l.add(m.assign("self." + a))
	case 1:
		l.open("if ", put(p.code, "self."+b)).add(m.assign("self." + a)).close()
		name, doc = name+"_if_"+p.about(b), doc+" if `"+b+"` is "+p.text
	default:
		l.add(m.assign("self."+a)).add("self.", b, " += 1;")
		name, doc = name+"_and_count_"+b, doc+", and `"+b+"` grows by one"
	}
	t := r.method(name, scalar(Unit), l.String(), doc+".", func(args []Value) (Value, error) {
		if kind == 1 && !p.holds(args[0].L[j], nil) {
			return args[0], nil
		}
		y, err := m.on(args[0].L[i])
		after := replaced(args[0], i, y)
		if kind == 2 {
			after = replaced(after, j, Int(args[0].L[j].I+1))
		}
		return after, err
	}, hintsOf(m, p))
	t.Receiver, t.Idiom = ByMut, "statement"
	return t
}

// structTake takes an amount out of a field if there is enough, and says whether it did.
func structTake(c *ctx, r *record) *Task {
	a, i := c.field(r)
	reserve, fee := c.between(1, 40), c.between(0, 12)
	amount := pick(c.rng, []string{"amount", "cost", "wanted", "units"})
	verb := pick(c.rng, []string{"take", "use", "spend", "remove", "draw"})
	need := amount
	if fee > 0 {
		need = amount + " + " + itoa(fee)
	}
	v := vars{"a", a, "need", need, "amount", amount, "reserve", itoa(reserve)}
	tmpl := "    let needed = $need;\n    if self.$a < needed + $reserve {\n        return false;\n    }\n    self.$a -= needed;\n    true\n"
	idiom := "early return"
	if c.chance(50) {
		idiom = "branch"
		tmpl = "    let needed = $need;\n    if self.$a >= needed + $reserve {\n        self.$a -= needed;\n        true\n    } else {\n        false\n    }\n"
	}
	name := verb + "_" + a + "_keeping_" + itoa(reserve)
	doc := "Takes `" + amount + "` out of `" + a + "` if at least " + itoa(reserve) + " are left, and says whether it did."
	if fee > 0 {
		name += "_with_fee_" + itoa(fee)
		doc = "Takes `" + amount + "` and a fee of " + itoa(fee) + " out of `" + a + "` if at least " + itoa(reserve) + " are left, and says whether it did."
	}
	t := r.method(name, scalar(Bool), v.in(tmpl), doc, func(args []Value) (Value, error) {
		needed := args[1].I + fee
		if args[0].L[i].I < needed+reserve {
			return List(Truth(false), args[0]), nil
		}
		after, err := checked(r.num.Kind, args[0].L[i].I-needed)
		return List(Truth(true), replaced(args[0], i, after)), err
	}, nil)
	t.Receiver, t.Idiom, t.Params = ByMut, idiom, []Param{{amount, r.num}}
	t.inputs = func(g *rng) []Value {
		v := r.value(g, nil)
		v.L[i] = Int(reserve + g.between(0, 30))
		return []Value{v, Int(g.between(0, 20))}
	}
	return t
}

// structCompare compares with another of the same type.
func structCompare(c *ctx, r *record) *Task {
	a, i, b, j := c.twoFields(r)
	m, k := c.drawStage(numMaps, r.num, false), c.drawStage(numMaps, r.num, false)
	rel := pick(c.rng, []struct {
		code, frag, text string
		holds            func(x, y int64) bool
	}{
		{">", "above", "above", func(x, y int64) bool { return x > y }}, {"<", "below", "below", func(x, y int64) bool { return x < y }},
		{">=", "at_least", "at least", func(x, y int64) bool { return x >= y }}, {"<=", "at_most", "at most", func(x, y int64) bool { return x <= y }},
		{"==", "equal_to", "equal to", func(x, y int64) bool { return x == y }}, {"!=", "other_than", "other than", func(x, y int64) bool { return x != y }},
	})
	same := c.chance(50)
	if same {
		b, j = a, i
	}
	l := newLines()
	if c.chance(60) {
		l.add("let mine = ", m.expr("self."+a, precBit), ";").add("let theirs = ", k.expr("other."+b, precBit), ";").add("mine ", rel.code, " theirs")
	} else {
		l.add(m.expr("self."+a, precAdd), " ", rel.code, " ", k.expr("other."+b, precAdd))
	}
	name := a + "_" + m.frag + "_" + rel.frag + "_" + b + "_" + k.frag
	doc := "Returns true if `" + a + "` " + m.text + " is " + rel.text + " the other's `" + b + "` " + k.text + "."
	t := r.method(name, scalar(Bool), l.String(), doc, func(args []Value) (Value, error) {
		x, err := m.on(args[0].L[i])
		if err != nil {
			return x, err
		}
		y, err := k.on(args[1].L[j])
		return Truth(rel.holds(x.I, y.I)), err
	}, nil)
	t.Params = []Param{{"other", ref(named(r.def)).as("&Self")}}
	t.inputs = func(g *rng) []Value { return []Value{r.value(g, nil), r.value(g, nil)} }
	return t
}

// structMake is a second constructor that derives the fields from one number.
func structMake(c *ctx, r *record) *Task {
	x := pick(c.rng, []string{"base", "size", "start", "seed", "n"})
	stages := make([]*stage, len(r.def.Fields))
	frag, text, inits := "", make([]string, 0, len(stages)), make([]string, 0, len(stages))
	var params []Param
	if r.label >= 0 {
		params = append(params, Param{r.theme.label, scalar(Str)})
		inits = append(inits, r.theme.label+": "+r.theme.label+".to_string()")
	}
	for _, i := range r.nums {
		stages[i] = c.drawStage(numMaps, r.num, false)
		name := r.def.Fields[i].Name
		inits = append(inits, name+": "+stages[i].expr(x, precBit))
		text = append(text, "`"+name+"` is `"+x+"` "+stages[i].text)
		if frag == "" {
			frag = stages[i].frag
		}
	}
	prefix := pick(c.rng, []string{"from_", "of_", "with_"})
	body := newLines().structLit("", "Self", inits, "").String()
	return &Task{
		Idiom: "expression", Name: prefix + x + "_" + frag, Self: r.def, Params: append(params, Param{x, r.num}),
		Result: named(r.def).as("Self"), Body: body, doc: "Creates " + article(r.prose()) + " in which " + listed(text) + ".",
		inputs: func(g *rng) []Value {
			args := make([]Value, 0, 2)
			if r.label >= 0 {
				args = append(args, Text(pick(g, sampleWords[:16])))
			}
			return append(args, someNumber(g, r.num.Kind, hintsOf(stages...)))
		},
		eval: func(args []Value) (Value, error) {
			out := Value{L: make([]Value, len(stages))}
			for i, s := range stages {
				if s == nil {
					out.L[i] = args[0]
					continue
				}
				y, err := s.on(args[len(args)-1])
				if err != nil {
					return y, err
				}
				out.L[i] = y
			}
			return out, nil
		},
	}
}

// structMatch tells one value of a field from the others with a pattern.
func structMatch(c *ctx, r *record) *Task {
	a, i, b, j := c.twoFields(r)
	k, m, o := c.between(0, 9), c.drawStage(numMaps, r.num, false), c.pairOp(r.num.Kind)
	l := newLines().open("match (self.", a, ", self.", b, ")").add("(", itoa(k), ", ", b, ") => ", m.expr(b, precBit), ",")
	l.add("(", a, ", ", b, ") => ", expand(o.code, a, b), ",")
	name := m.frag + "_" + b + "_or_" + o.frag
	doc := "Returns `" + b + "` " + m.text + " if `" + a + "` is " + itoa(k) + ", or else " + expand(o.text, a, b) + "."
	t := r.method(name, r.num, l.close().String(), doc, func(args []Value) (Value, error) {
		if args[0].L[i].I == k {
			return m.on(args[0].L[j])
		}
		return checked(r.num.Kind, o.f(args[0].L[i].I, args[0].L[j].I))
	}, []int64{k, k, k})
	t.Idiom = "match"
	return t
}

// structDescribe formats a struct's name and a number made of its fields.
func structDescribe(c *ctx, r *record) *Task {
	a, i := c.field(r)
	m, p := c.drawStage(numMaps, r.num, false), c.drawStage(numPreds, r.num, false)
	low := pick(c.rng, []string{"low", "none", "small", "empty", "poor"})
	mid := pick(c.rng, []string{": ", " = ", " has ", " (", " - "})
	end := strings.Repeat(")", strings.Count(mid, "("))
	l := newLines().open("if ", put(p.code, "self."+a)).add(`return format!("{}`, mid, low, end, `", self.`, r.theme.label, ");").close()
	l.add("let ", a, " = ", m.expr("self."+a, precBit), ";").add(`format!("{}`, mid, "{", a, "}", end, `", self.`, r.theme.label, ")")
	doc := "Formats `" + r.theme.label + "` with `" + a + "` " + m.text + ", or with \"" + low + "\" if it is " + p.text + "."
	t := r.method("describe_"+a+"_"+m.frag, scalar(String), l.String(), doc, func(args []Value) (Value, error) {
		name, x := args[0].L[r.label].S, args[0].L[i]
		if p.holds(x, nil) {
			return Text(name + mid + low + end), nil
		}
		y, err := m.on(x)
		return Text(name + mid + itoa(y.I) + end), err
	}, hintsOf(p))
	t.Idiom = "early return"
	return t
}
