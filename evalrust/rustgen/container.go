package rustgen

import "strings"

// containerMethod is a method of a generic struct. body and doc are templates; apply gets the fields and the arguments.
type containerMethod struct {
	names     string // to choose from
	recv      Receiver
	params    string // "", "value" of the type parameter, or "count" of usize
	result    string // "T", "Self", "bool", "usize", "Option<T>", "Option<&T>", "Vec<T>" or ""
	body, doc string
	apply     func(t Type, k int64, args []Value) Value
}

// drawMethods draws one or two methods for a struct of numbers of type t behind a type parameter.
func (c *ctx) drawMethods(methods []containerMethod, d *TypeDef, t Type, T string, v vars, self func(g *rng) Value) []any {
	var out []any
	for _, i := range c.shuffled(len(methods))[:1+c.below(2)] {
		m := &methods[i]
		k := c.between(2, 9)
		v := append(v[:len(v):len(v)], "k", itoa(k))
		task := &Task{Idiom: "method", Name: v.in(pick(c.rng, strings.Fields(m.names))), Receiver: m.recv, Self: d, Body: v.in(m.body), doc: v.in(m.doc)}
		task.Result = map[string]Type{
			"T": t.as(T), "Self": named(d).as("Self"), "bool": scalar(Bool), "usize": scalar(Usize), "": scalar(Unit), "Option<T>": option(t).as("Option<" + T + ">"),
			"Option<&T>": option(ref(t)).as("Option<&" + T + ">"), "Vec<T>": vec(t).as("Vec<" + T + ">"),
		}[m.result]
		switch m.params {
		case "value":
			task.Params = []Param{{"value", t.as(T)}}
		case "count":
			task.Params = []Param{{"count", scalar(Usize)}}
		}
		task.inputs = func(g *rng) []Value {
			args := []Value{self(g)}
			switch m.params {
			case "value":
				args = append(args, someOf(g, t))
			case "count":
				args = append(args, Int(g.between(0, 5)))
			}
			return args
		}
		task.eval = func(args []Value) (Value, error) { return m.apply(t, k, args), nil }
		out = append(out, task)
	}
	return out
}

var pairNames = [][3]string{
	{"Pair", "first", "second"}, {"Range", "start", "end"}, {"Span", "low", "high"}, {"Couple", "left", "right"}, {"Edge", "from", "to"},
	{"Bounds", "min", "max"}, {"Link", "source", "target"}, {"Ends", "head", "tail"}, {"Duo", "one", "other"}, {"Gap", "before", "after"},
}

// fieldsOf are the first two fields of a method's receiver.
func fieldsOf(args []Value) (a, b Value) { return args[0].L[0], args[0].L[1] }

var pairMethods = []containerMethod{
	{"swapped", ByValue, "", "Self", "    Self::$new(self.$b, self.$a)\n", "Returns a copy with $a and $b swapped.",
		func(_ Type, _ int64, args []Value) Value { return List(args[0].L[1], args[0].L[0]) }},
	{"larger", ByValue, "", "T", "    if self.$b > self.$a {\n        self.$b\n    } else {\n        self.$a\n    }\n", "Returns the larger of $a and $b.",
		func(t Type, _ int64, args []Value) Value {
			a, b := fieldsOf(args)
			if compare(t, b, a) > 0 {
				return b
			}
			return a
		}},
	{"smaller", ByValue, "", "T", "    if self.$b < self.$a {\n        self.$b\n    } else {\n        self.$a\n    }\n", "Returns the smaller of $a and $b.",
		func(t Type, _ int64, args []Value) Value {
			a, b := fieldsOf(args)
			if compare(t, b, a) < 0 {
				return b
			}
			return a
		}},
	{"contains holds includes covers", ByRef, "value", "bool", "    self.$a <= value && value <= self.$b\n", "Returns true if `value` is from $a to $b.",
		func(t Type, _ int64, args []Value) Value {
			a, b := fieldsOf(args)
			return Truth(compare(t, a, args[1]) <= 0 && compare(t, args[1], b) <= 0)
		}},
	{"encloses surrounds", ByRef, "value", "bool", "    self.$a < value && value < self.$b\n", "Returns true if `value` is between $a and $b.",
		func(t Type, _ int64, args []Value) Value {
			a, b := fieldsOf(args)
			return Truth(compare(t, a, args[1]) < 0 && compare(t, args[1], b) < 0)
		}},
	{"widen extend stretch grow_to", ByMut, "value", "", "    if value < self.$a {\n        self.$a = value;\n    } else if value > self.$b {\n        self.$b = value;\n    }\n",
		"Moves $a down or $b up to `value` if that is outside.", func(t Type, _ int64, args []Value) Value {
			a, b := fieldsOf(args)
			switch {
			case compare(t, args[1], a) < 0:
				a = args[1]
			case compare(t, args[1], b) > 0:
				b = args[1]
			}
			return List(a, b)
		}},
	{"ordered sorted normalized arranged", ByValue, "", "Self", "    if self.$b < self.$a {\n        Self::$new(self.$b, self.$a)\n    } else {\n        self\n    }\n",
		"Returns a copy in which $a is not above $b.", func(t Type, _ int64, args []Value) Value {
			if a, b := fieldsOf(args); compare(t, b, a) < 0 {
				return List(b, a)
			}
			return args[0]
		}},
	{"to_vec items values to_list", ByRef, "count", "Vec<T>",
		"    let mut items = Vec::new();\n    for i in 0..count {\n        items.push(if i % 2 == 0 { self.$a } else { self.$b });\n    }\n    items\n", "Returns `count` items, $a and $b by turns.",
		func(_ Type, _ int64, args []Value) Value {
			var out Value
			for i := range args[1].I {
				out.L = append(out.L, args[0].L[i%2])
			}
			return out
		}},
}

// genericPair is a struct of two values of one type.
func genericPair(c *ctx) *group {
	t, T := scalar(pick(c.rng, []Kind{I32, I64})), c.typeParam()
	drawn := pick(c.rng, pairNames)
	name, a, b := drawn[0], drawn[1], drawn[2]
	d := &TypeDef{Name: name, New: pick(c.rng, constructors), Params: "<" + T + ">", Fields: []Param{{a, t.as(T)}, {b, t.as(T)}}}
	g := &group{names: []string{name}}
	v := vars{"N", name, "T", T, "a", a, "b", b, "one", article(strings.ToLower(name)), "new", d.New}
	g.text(upperFirstDoc(v.in("/// $one with $a and $b.\n#[derive(Debug, Clone, Copy, PartialEq)]\npub struct $N<$T> {\n    pub $a: $T,\n    pub $b: $T,\n}\n")))
	items := append([]any{d.constructor("Creates " + v.get("one") + ".")},
		c.drawMethods(pairMethods, d, t, T, v, func(g *rng) Value { return List(someOf(g, t), someOf(g, t)) })...)
	g.impl(v.in("impl<$T: Copy + PartialOrd> $N<$T>"), items...)
	g.impl("impl "+name+"<"+t.text+">", c.pairNumbers(d, t, a, b))
	return g
}

// upperFirstDoc makes the first letter of a doc comment upper case.
func upperFirstDoc(s string) string { return "/// " + upperFirst(strings.TrimPrefix(s, "/// ")) }

// pairNumbers is a method that only a pair of numbers has.
func (c *ctx) pairNumbers(d *TypeDef, t Type, a, b string) *Task {
	o, m, p := c.pairOp(t.Kind), c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false)
	k := c.between(0, 50)
	l := newLines().add("let base = ", expand(o.code, "self."+a, "self."+b), ";")
	l.open("if ", put(p.code, "base")).add(m.expr("base", precBit)).orElse().add(itoa(k)).close()
	return &Task{
		Idiom: "branch", Name: o.frag + "_" + m.frag + "_if_" + p.frag + "_or_" + itoa(k), Receiver: ByRef, Self: d, Result: t, Body: l.String(),
		doc:    "Returns " + expand(o.text, a, b) + ", " + m.text + ", if it is " + p.text + ", or " + itoa(k) + ".",
		inputs: func(g *rng) []Value { return []Value{numList(g, t.Kind, 2, hintsOf(p))} },
		eval: func(args []Value) (Value, error) {
			x, err := checked(t.Kind, o.f(args[0].L[0].I, args[0].L[1].I))
			if err != nil || !p.holds(x, nil) {
				return Int(k), err
			}
			return m.on(x)
		},
	}
}

// withItems is a collection with other elements and the same limit.
func withItems(args []Value, xs []Value) Value { return List(Value{L: xs}, args[0].L[1]) }

// pushed is what pushing into a bounded collection returns and leaves.
func pushed(_ Type, _ int64, args []Value) Value {
	xs := args[0].L[0].L
	if int64(len(xs)) >= args[0].L[1].I {
		return List(Truth(false), args[0])
	}
	return List(Truth(true), withItems(args, append(append([]Value(nil), xs...), args[1])))
}

const pushDoc = "Adds `value` at the end unless there are $limit already, and says whether it did."

var stackMethods = []containerMethod{
	{"push add put insert", ByMut, "value", "bool", "    if self.$items.len() >= self.$limit {\n        return false;\n    }\n    self.$items.push(value);\n    true\n", pushDoc, pushed},
	{"try_push offer append", ByMut, "value", "bool", "    let full = self.$items.len() >= self.$limit;\n    if !full {\n        self.$items.push(value);\n    }\n    !full\n", pushDoc, pushed},
	{"pop take_last remove_last", ByMut, "", "Option<T>", "    self.$items.pop()\n", "Removes the last element and returns it.", func(_ Type, _ int64, args []Value) Value {
		xs := args[0].L[0].L
		if len(xs) == 0 {
			return List(None(), args[0])
		}
		return List(Some(xs[len(xs)-1]), withItems(args, xs[:len(xs)-1]))
	}},
	{"shift take_first remove_first", ByMut, "", "Option<T>", "    if self.$items.is_empty() {\n        None\n    } else {\n        Some(self.$items.remove(0))\n    }\n",
		"Removes the first element and returns it.", func(_ Type, _ int64, args []Value) Value {
			xs := args[0].L[0].L
			if len(xs) == 0 {
				return List(None(), args[0])
			}
			return List(Some(xs[0]), withItems(args, xs[1:]))
		}},
	{"peek top current", ByRef, "", "Option<&T>", "    self.$items.last()\n", "Returns the last element, or `None`.", func(_ Type, _ int64, args []Value) Value {
		xs := args[0].L[0].L
		if len(xs) == 0 {
			return None()
		}
		return Some(xs[len(xs)-1])
	}},
	{"free left space open_places", ByRef, "", "usize", "    self.$limit.saturating_sub(self.$items.len())\n", "Returns how many more elements there is room for.",
		func(_ Type, _ int64, args []Value) Value {
			return Int(max(args[0].L[1].I-int64(len(args[0].L[0].L)), 0))
		}},
	{"drop_$k remove_$k", ByMut, "", "usize", "    let count = self.$items.len().min($k);\n    self.$items.drain(..count);\n    count\n",
		"Removes up to $k elements from the front and returns how many.", func(_ Type, k int64, args []Value) Value {
			xs := args[0].L[0].L
			n := min(int(k), len(xs))
			return List(Int(int64(n)), withItems(args, xs[n:]))
		}},
	{"nearly_full_$k within_$k", ByRef, "", "bool", "    self.$items.len() + $k >= self.$limit\n", "Returns true if at most $k more elements fit.",
		func(_ Type, k int64, args []Value) Value {
			return Truth(int64(len(args[0].L[0].L))+k >= args[0].L[1].I)
		}},
}

// genericStack is a bounded collection.
func genericStack(c *ctx) *group {
	t, T := scalar(pick(c.rng, []Kind{I32, I64, U32})), c.typeParam()
	name := pick(c.rng, []string{"Stack", "Queue", "Buffer", "Pile", "History", "Shelf", "Basket", "Log", "Tray", "Bag"})
	items, limit := pick(c.rng, []string{"items", "values", "entries", "elements"}), pick(c.rng, []string{"limit", "capacity", "size", "room"})
	d := &TypeDef{Name: name, New: pick(c.rng, constructors), Params: "<" + T + ">", Fields: []Param{{items, vec(t).as("Vec<" + T + ">")}, {limit, scalar(Usize)}}}
	g := &group{names: []string{name}}
	v := vars{"N", name, "T", T, "items", items, "limit", limit, "one", article(strings.ToLower(name)), "new", d.New}
	g.text(upperFirstDoc(v.in("/// $one of at most $limit elements.\n#[derive(Debug, Clone, PartialEq)]\npub struct $N<$T> {\n    pub $items: Vec<$T>,\n    pub $limit: usize,\n}\n")))
	list := append([]any{d.constructor("Creates " + v.get("one") + ".")},
		c.drawMethods(stackMethods, d, t, T, v, func(g *rng) Value { return List(someList(g, t, 0, 4), Int(g.between(1, 6))) })...)
	g.impl(v.in("impl<$T> $N<$T>"), list...)
	g.impl("impl "+name+"<"+t.text+">", c.stackNumbers(d, t, items))
	return g
}

// stackNumbers is a method that only a collection of numbers has.
func (c *ctx) stackNumbers(d *TypeDef, t Type, items string) *Task {
	p, m, k := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.between(0, 30)
	expr := "self." + items + ".iter().filter(|&&x| " + put(p.code, "x") + ").map(|&x| " + m.expr("x", precBit) + ")"
	l, name, doc := newLines(), "total_"+p.frag+"_"+m.frag+"_from_"+itoa(k), "Adds up the "+p.plural("elements")+", each "+m.text+", starting from "+itoa(k)+"."
	if c.chance(50) {
		l.chain("let total: "+t.text+" = ", expr+".sum()", ";").add("total + ", itoa(k))
	} else {
		l.add("let mut total = ", itoa(k), ";").open("for &x in &self.", items).open("if ", put(p.code, "x")).add("total += ", m.expr("x", precBit), ";").close().close().add("total")
	}
	return &Task{
		Idiom: "loop", Name: name, Receiver: ByRef, Self: d, Result: t, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value {
			return []Value{List(numList(g, t.Kind, g.below(5), hintsOf(p)), Int(g.between(1, 6)))}
		},
		eval: func(args []Value) (Value, error) {
			kept, err := keptValues(args[0].L[0].L, p, m)
			if err != nil {
				return Value{}, err
			}
			return sumValues(t.Kind, append([]Value{Int(k)}, kept...))
		},
	}
}
