package rustgen

import "strings"

// stdFamilies implement traits of the standard library.
func stdFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(4, 800), make: mk}
	}
	return []family{
		at("std/display", stdDisplay),
		at("std/from", stdFrom),
		at("std/from_str", stdFromStr),
		at("std/operator", stdOperator),
		at("std/assign", stdAssign),
		at("std/ord", stdOrd),
		at("std/iterator", stdIterator),
		at("std/default", stdDefault),
		at("std/index", stdIndex),
		at("std/try_from", stdTryFrom),
	}
}

// recordImpl is a struct with its constructor and an implementation of a trait by one task.
func recordImpl(r *record, trait string, t *Task, uses ...string) *group {
	g := &group{uses: uses}
	r.declare(g)
	g.impl("impl "+r.def.Name, r.constructor())
	g.impl("impl "+trait+" for "+r.def.Name, t)
	return g
}

// stdDisplay writes a struct as text.
func stdDisplay(c *ctx) *group {
	r := c.withExtras(c.record(2, 3, 60))
	a, i, b, j := c.twoFields(r)
	m, p := c.drawStage(numMaps, r.num, false), c.drawStage(numPreds, r.num, false)
	sep := pick(c.rng, []string{", ", " / ", " x ", ": ", "; ", " - ", "@", " at "})
	ends := pick(c.rng, frames)
	before, after := ends[0], ends[1]
	l, idiom := newLines().add("let ", a, " = ", m.expr("self."+a, precBit), ";"), "write"
	marked := c.chance(50)
	mark := pick(c.rng, []string{"!", " (low)", " (high)", "?", "*", " left"})
	if marked {
		idiom = "branch"
		l.open("if ", put(p.code, "self."+b)).add(`return write!(f, "`, before, "{", a, "}", sep, "{}", mark, after, `", self.`, b, ");").close()
	}
	l.add(`write!(f, "`, before, "{", a, "}", sep, "{}", after, `", self.`, b, ")")
	doc := "Writes `" + a + "` " + m.text + " and `" + b + "` as `" + before + a + sep + b + after + "`"
	if marked {
		doc += ", with `" + mark + "` before the end if `" + b + "` is " + p.text
	}
	t := r.method("fmt", scalar(String), l.String(), doc+".", func(args []Value) (Value, error) {
		x, err := m.on(args[0].L[i])
		y, end := args[0].L[j], ""
		if marked && p.holds(y, nil) {
			end = mark
		}
		return Text(before + itoa(x.I) + sep + itoa(y.I) + end + after), err
	}, hintsOf(p))
	t.Idiom, t.private, t.params, t.result, t.call = idiom, true, "&self, f: &mut fmt::Formatter<'_>", "fmt::Result", "$0.to_string()"
	return recordImpl(r, "fmt::Display", t, "std::fmt")
}

// frames stand around what is written.
var frames = [][2]string{{"", ""}, {"<", ">"}, {"[", "]"}, {"(", ")"}, {"#", ""}, {"* ", ""}, {"", "."}, {"", "!"}, {"'", "'"}, {"= ", ""}, {"", ";"}, {"~", ""}}

// stdFrom makes a struct of a number or a tuple.
func stdFrom(c *ctx) *group {
	r := c.record(2, 3, 0)
	g := &group{}
	r.declare(g)
	g.impl("impl "+r.def.Name, r.constructor())
	x := pick(c.rng, []string{"value", "n", "size", "base", "x"})
	stages := make([]*stage, len(r.nums))
	pair := c.chance(50)
	l, typ, from := newLines(), r.num, x
	if pair {
		typ, from = tuple(r.num, r.num), pick(c.rng, []string{"pair", "parts", "values"})
		l.add("let (a, b) = ", from, ";")
	}
	inits, says := make([]string, len(stages)), make([]string, len(stages))
	for i := range stages {
		source := x
		if pair {
			source = []string{"a", "b", "a"}[i]
		}
		stages[i] = c.drawStage(numMaps, r.num, false)
		inits[i] = r.def.Fields[i].Name + ": " + stages[i].expr(source, precBit)
		says[i] = "`" + r.def.Fields[i].Name + "` is `" + source + "` " + stages[i].text
	}
	l.structLit("", "Self", inits, "")
	t := &Task{
		Idiom: "expression", Name: "from", Self: r.def, private: true, Params: []Param{{from, typ}}, Result: named(r.def).as("Self"), Body: l.String(), doc: "Here " + listed(says) + ".",
		inputs: func(g *rng) []Value {
			if pair {
				return []Value{numList(g, r.num.Kind, 2, nil)}
			}
			return []Value{someNumber(g, r.num.Kind, hintsOf(stages...))}
		},
		eval: func(args []Value) (Value, error) {
			var out Value
			for i, s := range stages {
				from := args[0]
				if pair {
					from = args[0].L[i%2]
				}
				y, err := s.on(from)
				if err != nil {
					return y, err
				}
				out.L = append(out.L, y)
			}
			return out, nil
		},
	}
	g.impl("impl From<"+typ.text+"> for "+r.def.Name, t)
	return g
}

// stdFromStr reads a struct from text.
func stdFromStr(c *ctx) *group {
	r := c.record(2, 2, 0)
	r.setNumber(scalar(pick(c.rng, []Kind{I32, I64, U32})))
	sep := pick(c.rng, []string{",", ":", "/", "x", ";", "@", "~"})
	f := newFailure(r.one)
	missing := f.variant("MissingSeparator", "there is no '"+sep+"'")
	bad := f.variant("BadNumber", "a part is not a number")
	checks := c.drawChecks(f, r.num, 1+c.below(2))
	a, b := r.def.Fields[0].Name, r.def.Fields[1].Name
	l := newLines()
	l.chain("let (left, right) = ", "s.split_once('"+sep+"').ok_or("+f.new(missing)+")?", ";")
	typ := ": " + r.num.text + " = "
	l.chain("let "+a+typ, "left.parse().map_err(|_| "+f.new(bad)+")?", ";").chain("let "+b+typ, "right.parse().map_err(|_| "+f.new(bad)+")?", ";")
	l.refuse(f, checks, b)
	l.add("Ok(Self::", r.def.New, "(", a, ", ", b, "))")
	t := &Task{
		Idiom: "question mark", Name: "from_str", Self: r.def, private: true, Params: []Param{{"s", scalar(Str)}}, Result: result(named(r.def), f.typ), result: "Result<Self, Self::Err>",
		Body: l.String(), call: "$0.parse::<" + r.def.Name + ">()",
		doc: "Reads `" + a + "` and `" + b + "` with '" + sep + "' between them; `" + b + "` is refused with " + prose(f, checks) + ".",
		inputs: func(g *rng) []Value {
			text := numberText(g, r.num.Kind, nil)
			if g.chance(85) {
				text += sep + numberText(g, r.num.Kind, checkHints(checks))
			}
			return []Value{Text(text)}
		},
		eval: func(args []Value) (Value, error) {
			left, right, found := strings.Cut(args[0].S, sep)
			if !found {
				return f.err(missing), nil
			}
			x, ok := parseInt(left, r.num.Kind)
			y, fine := parseInt(right, r.num.Kind)
			if !ok || !fine {
				return f.err(bad), nil
			}
			if e, refused := failed(f, checks, Int(y)); refused {
				return e, nil
			}
			return Ok(List(Int(x), Int(y))), nil
		},
	}
	if tooWide(t.Body) {
		return stdFromStr(c)
	}
	g := &group{uses: []string{"std::str::FromStr"}}
	f.declare(g)
	g.text("\n")
	r.declare(g)
	g.impl("impl "+r.def.Name, r.constructor())
	g.impl("impl FromStr for "+r.def.Name, "    type Err = "+f.def.Name+";\n", t)
	return g
}

// operators are the binary operators that a struct can have.
var operators = []struct{ trait, method, sign string }{{"Add", "add", "+"}, {"Sub", "sub", "-"}, {"Mul", "mul", "*"}}

// fieldPlan is how each field of a result is made of the same field of two structs: combined, then mapped.
type fieldPlan struct {
	o pairing
	m *stage // nil for no map
}

// planFields draws a plan for each number of a struct.
func (c *ctx) planFields(r *record, self, other string) (plans []fieldPlan, inits, says []string) {
	for _, i := range r.nums {
		p, name := fieldPlan{o: c.pairOp(r.num.Kind)}, r.def.Fields[i].Name
		expr := expand(p.o.code, self+"."+name, other+"."+name)
		say := "`" + name + "` is " + strings.Replace(expand(p.o.text, name, name), "`"+name+"` and `"+name+"`", "both", 1)
		if c.chance(60) {
			p.m = c.drawStage(numMaps, r.num, false)
			for strings.Count(p.m.code, "$") != 1 || p.m.code[0] != '$' {
				p.m = c.drawStage(numMaps, r.num, false)
			}
			if !strings.HasSuffix(expr, ")") {
				expr = "(" + expr + ")"
			}
			expr = put(p.m.code, expr)
			say += ", " + p.m.text
		}
		plans, inits, says = append(plans, p), append(inits, name+": "+expr), append(says, say)
	}
	return plans, inits, says
}

func (p fieldPlan) value(k Kind, x, y Value) (Value, error) {
	z, err := checked(k, p.o.f(x.I, y.I))
	if err != nil {
		return z, err
	}
	return p.m.value(z, nil)
}

// combine applies the plans to two structs.
func combine(k Kind, plans []fieldPlan, x, y Value) (Value, error) {
	var out Value
	for i, p := range plans {
		z, err := p.value(k, x.L[i], y.L[i])
		if err != nil {
			return z, err
		}
		out.L = append(out.L, z)
	}
	return out, nil
}

// stdOperator overloads a binary operator for two structs.
func stdOperator(c *ctx) *group {
	r, op := c.record(2, 3, 0), pick(c.rng, operators)
	plans, inits, says := c.planFields(r, "self", "other")
	t := &Task{
		Idiom: "operator", Name: op.method, Self: r.def, private: true, params: "self, other: Self", Params: []Param{{"a", named(r.def)}, {"b", named(r.def)}}, Result: named(r.def),
		result: "Self::Output", Body: newLines().structLit("", "Self", inits, "").String(), call: "$0 " + op.sign + " $1", doc: "Here " + listed(says) + ".",
		inputs: func(g *rng) []Value { return []Value{r.value(g, nil), r.value(g, nil)} },
		eval:   func(args []Value) (Value, error) { return combine(r.num.Kind, plans, args[0], args[1]) },
	}
	g := &group{uses: []string{"std::ops::" + op.trait}}
	r.declare(g)
	g.impl("impl "+r.def.Name, r.constructor())
	g.impl("impl "+op.trait+" for "+r.def.Name, "    type Output = Self;\n", t)
	return g
}

// stdAssign overloads a compound assignment with a number.
func stdAssign(c *ctx) *group {
	r, op := c.withExtras(c.record(2, 3, 20)), pick(c.rng, operators)
	l, says := newLines(), make([]string, 0, 3)
	type change struct {
		o pairing
		p *stage
	}
	changes := make([]change, len(r.nums))
	x := pick(c.rng, []string{"amount", "value", "factor", "rhs", "n"})
	for n, i := range r.nums {
		name := r.def.Fields[i].Name
		ch := change{o: c.pairOp(r.num.Kind)}
		code := "self." + name + " = " + expand(ch.o.code, "self."+name, x) + ";"
		for _, sign := range []string{" + ", " - ", " * "} {
			if ch.o.code == "$1"+sign+"$2" {
				code = "self." + name + sign[:2] + "= " + x + ";"
			}
		}
		say := "`" + name + "` becomes " + expand(ch.o.text, name, x)
		if c.chance(40) {
			ch.p = c.drawStage(numPreds, r.num, false)
			l.open("if ", put(ch.p.code, "self."+name)).add(code).close()
			say += " if it is " + ch.p.text
		} else {
			l.add(code)
		}
		changes[n], says = ch, append(says, say)
	}
	t := r.method(op.method+"_assign", scalar(Unit), l.String(), "Here "+listed(says)+".", func(args []Value) (Value, error) {
		out := args[0]
		for n, i := range r.nums {
			if changes[n].p != nil && !changes[n].p.holds(args[0].L[i], nil) {
				continue
			}
			y, err := checked(r.num.Kind, changes[n].o.f(args[0].L[i].I, args[1].I))
			if err != nil {
				return y, err
			}
			out = replaced(out, i, y)
		}
		return out, nil
	}, nil)
	t.Receiver, t.Idiom, t.private, t.Params, t.call = ByMut, "operator", true, []Param{{x, r.num}}, "$0 "+op.sign+"= $1"
	t.inputs = func(g *rng) []Value { return []Value{r.value(g, nil), someNumber(g, r.num.Kind, nil)} }
	return recordImpl(r, op.trait+"Assign<"+r.num.text+">", t, "std::ops::"+op.trait+"Assign")
}

// ordering is std::cmp::Ordering.
var ordering = &TypeDef{Name: "Ordering", Variants: []Variant{{Name: "Less"}, {Name: "Equal"}, {Name: "Greater"}}}

// stdOrd orders structs by mapped fields.
func stdOrd(c *ctx) *group {
	r := c.withExtras(c.record(2, 3, 30))
	a, i, b, j := c.twoFields(r)
	m, k := c.drawStage(numMaps, r.num, false), c.drawStage(numMaps, r.num, false)
	flip, then := c.chance(40), c.chance(60)
	l := newLines()
	first, second := "self", "other"
	if flip {
		first, second = second, first
	}
	l.add("let mine = ", m.expr(first+"."+a, precBit), ";").add("let theirs = ", m.expr(second+"."+a, precBit), ";")
	doc := "Compares `" + a + "` " + m.text
	if flip {
		doc += ", the larger first"
	}
	if then {
		l.open("match mine.cmp(&theirs)")
		if k.consts == noConst || c.chance(50) {
			k = nil
			l.add("Ordering::Equal => self.", b, ".cmp(&other.", b, "),").add("unequal => unequal,").close()
			doc += ", then `" + b + "`"
		} else {
			l.open("Ordering::Equal =>").add("let rest = ", k.expr("other."+b, precBit), ";").add(k.expr("self."+b, precAtom), ".cmp(&rest)").close().add("unequal => unequal,").close()
			doc += ", then `" + b + "` " + k.text
		}
	} else {
		l.add("mine.cmp(&theirs)")
	}
	t := r.method("cmp", named(ordering), l.String(), doc+".", func(args []Value) (Value, error) {
		x, err := m.on(args[0].L[i])
		if err != nil {
			return x, err
		}
		y, err := m.on(args[1].L[i])
		if err != nil {
			return y, err
		}
		if flip {
			x, y = y, x
		}
		if x.I == y.I && then {
			if x, err = k.value(args[0].L[j], nil); err != nil {
				return x, err
			}
			y, err = k.value(args[1].L[j], nil)
		}
		return Int(order(x.I, y.I)), err
	}, hintsOf(m))
	t.private, t.Params, t.Idiom = true, []Param{{"other", ref(named(r.def)).as("&Self")}}, "match"
	t.inputs = func(g *rng) []Value {
		x, y := r.value(g, hintsOf(m)), r.value(g, hintsOf(m))
		if g.chance(40) {
			y = replaced(y, i, x.L[i])
		}
		return []Value{x, y}
	}
	g := recordImpl(r, "Ord", t, "std::cmp::Ordering")
	g.impl("impl PartialOrd for "+r.def.Name, "    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {\n        Some(self.cmp(other))\n    }\n")
	return g
}

// order is the index of the variant of Ordering.
func order(x, y int64) int64 {
	switch {
	case x < y:
		return 0
	case x > y:
		return 2
	default:
		return 1
	}
}

// stdIterator makes a struct an iterator over the numbers from one to another that follow from a map.
func stdIterator(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{U32, U64, I32, I64}))
	name := pick(c.rng, []string{"Countdown", "Steps", "Walk", "Climb", "Sequence", "Ticks", "Levels", "Doubling", "Stairs", "Series"})
	cur, end := pick(c.rng, []string{"current", "position", "value", "at", "here", "cursor", "upcoming", "index"}), pick(c.rng, []string{"end", "limit", "last", "stop", "max", "top", "goal", "until"})
	d := &TypeDef{Name: name, New: pick(c.rng, constructors), Fields: []Param{{cur, t}, {end, t}}}
	m, p, step := c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false), c.between(1, 9)
	skip := c.chance(50)
	v := vars{"N", name, "T", t.text, "cur", cur, "end", end, "step", itoa(step), "item", m.expr("item", precBit), "not", put(p.neg, "item")}
	tmpl := "    if self.$cur > self.$end {\n        return None;\n    }\n    let item = self.$cur;\n    self.$cur += $step;\n    Some($item)\n"
	doc := "Goes from `" + cur + "` to `" + end + "` in steps of " + itoa(step) + " and gives each number " + m.text
	if skip {
		tmpl = "    while self.$cur <= self.$end {\n        let item = self.$cur;\n        self.$cur += $step;\n        if $not {\n            continue;\n        }\n        return Some($item);\n    }\n    None\n"
		doc += "; only those that are " + p.text
	}
	take := 3 + c.below(3)
	g := &group{names: []string{name}}
	g.text(v.in("/// The numbers of " + article(strings.ToLower(name)) + ".\n#[derive(Debug, Clone)]\npub struct $N {\n    $cur: $T,\n    $end: $T,\n}\n"))
	g.impl("impl "+name, d.constructor("Creates the iterator."))
	g.impl("impl Iterator for "+name, "    type Item = "+t.text+";\n", &Task{
		Idiom: "iterator", Name: "next", Receiver: ByValue, Self: d, private: true, params: "&mut self", result: "Option<Self::Item>", Result: vec(t), Body: v.in(tmpl), doc: doc + ".",
		call:   "$0.take(" + itoa(int64(take)) + ").collect::<Vec<_>>()",
		inputs: func(g *rng) []Value { return []Value{List(Int(g.between(0, 20)), Int(g.between(0, 60)))} },
		eval: func(args []Value) (Value, error) {
			var out Value
			for x := args[0].L[0].I; x <= args[0].L[1].I && len(out.L) < take; x += step {
				if skip && !p.holds(Int(x), nil) {
					continue
				}
				y, err := m.on(Int(x))
				if err != nil {
					return y, err
				}
				out.L = append(out.L, y)
			}
			return out, nil
		},
	})
	return g
}

// stdDefault gives a struct its default values, and a method that works on them.
func stdDefault(c *ctx) *group {
	r := c.record(2, 4, 40)
	var want Value
	inits, says := make([]string, len(r.def.Fields)), make([]string, len(r.def.Fields))
	for i, f := range r.def.Fields {
		if f.Type.Kind == String {
			w := pick(c.rng, labelWords)
			want.L = append(want.L, Text(w))
			inits[i], says[i] = f.Name+`: "`+w+`".to_string()`, "`"+f.Name+"` is \""+w+"\""
			continue
		}
		x := c.between(0, 99)
		want.L = append(want.L, Int(x))
		inits[i], says[i] = f.Name+": "+itoa(x), "`"+f.Name+"` is "+itoa(x)
	}
	t := &Task{
		Idiom: "expression", Name: "default", Self: r.def, private: true, Result: named(r.def).as("Self"), Body: newLines().structLit("", "Self", inits, "").String(),
		doc: "Here " + listed(says) + ".", inputs: func(*rng) []Value { return nil }, eval: func([]Value) (Value, error) { return want, nil },
	}
	return recordImpl(r, "Default", t)
}

// stdIndex gives a wrapper around a vector an index that goes around, or is mapped.
func stdIndex(c *ctx) *group {
	t := c.intType()
	name := pick(c.rng, []string{"Ring", "Wheel", "Row", "Track", "Cycle", "Strip", "Belt", "Loop", "Orbit", "Dial"})
	i := pick(c.rng, []string{"index", "i", "position", "at"})
	m := c.drawStage(numMaps, scalar(Usize), false)
	d := &TypeDef{Name: name, Tuple: true, Fields: []Param{{"0", vec(t)}}}
	l := newLines().add("let place = ", m.expr(i, precBit), ";").add("&self.0[place % self.0.len()]")
	g := &group{uses: []string{"std::ops::Index"}, names: []string{name}}
	g.text("/// Values in " + article(strings.ToLower(name)) + ".\n#[derive(Debug, Clone, PartialEq)]\npub struct " + name + "(pub " + vec(t).text + ");\n")
	g.impl("impl Index<usize> for "+name, "    type Output = "+t.text+";\n", &Task{
		Idiom: "expression", Name: "index", Receiver: ByValue, Self: d, private: true, params: "&self, " + i + ": usize", Params: []Param{{i, scalar(Usize)}}, Result: t, result: "&Self::Output",
		Body: l.String(), call: "$0[$1]", doc: "Returns the value at `" + i + "`, " + m.text + ", around the end.",
		inputs: func(g *rng) []Value {
			return []Value{List(numList(g, t.Kind, 1+g.below(4), nil)), Int(g.between(0, 9))}
		},
		eval: func(args []Value) (Value, error) {
			xs := args[0].L[0].L
			place, err := m.on(args[1])
			return xs[place.I%int64(len(xs))], err
		},
	})
	return g
}

// stdTryFrom makes an enum's variants of numbers, or fails with the number.
func stdTryFrom(c *ctx) *group {
	e, t := c.unitEnum(), c.intType()
	n := len(e.def.Variants)
	codes := c.distinctBetween(n, 0, 60)
	k := c.drawStage(numMaps, t, false)
	x := pick(c.rng, []string{"code", "value", "n", "id", "number"})
	l, parts := newLines(), make([]string, n)
	mapped := c.chance(50)
	if mapped {
		l.add("let key = ", k.expr(x, precBit), ";").open("match key")
	} else {
		l.open("match ", x)
	}
	for i, code := range codes {
		l.add(itoa(code), " => Ok(", e.path(i), "),")
		parts[i] = itoa(code) + " for " + strings.ToLower(e.def.Variants[i].Name)
	}
	l.add(`_ => Err(format!("no `, e.one, ` for {`, x, `}")),`).close()
	doc := "The numbers are " + listed(parts) + "."
	if mapped {
		doc = "The numbers, " + k.text + ", are " + listed(parts) + "."
	}
	g := &group{}
	e.declare(g)
	g.impl("impl TryFrom<"+t.text+"> for "+e.def.Name, "    type Error = String;\n", &Task{
		Idiom: "match", Name: "try_from", Self: e.def, private: true, Params: []Param{{x, t}}, Result: result(e.typ, scalar(String)), result: "Result<Self, Self::Error>", Body: l.String(),
		doc: doc, inputs: func(g *rng) []Value { return []Value{Int(pick(g, codes) + g.between(0, 1))} },
		eval: func(args []Value) (Value, error) {
			key := args[0]
			if mapped {
				var err error
				if key, err = k.on(key); err != nil {
					return key, err
				}
			}
			for i, code := range codes {
				if code == key.I {
					return Ok(Int(int64(i))), nil
				}
			}
			return Err(Text("no " + e.one + " for " + itoa(args[0].I))), nil
		},
	})
	return g
}
