package rustgen

import "strings"

// traitFamilies are traits of a program's own: required and provided methods, generic and dynamic callers, constants.
func traitFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(4, 800), make: mk}
	}
	return []family{
		at("trait/impls", traitImpls),
		at("trait/generic", traitGeneric),
		at("trait/dynamic", traitDynamic),
		at("trait/provided", traitProvided),
		at("trait/extension", traitExtension),
		{name: "trait/text_extension", weights: from(4, 300), make: traitTextExtension},
		at("trait/constant", traitConstant),
	}
}

// traitNames are traits with the method that they require.
var traitNames = [][2]string{
	{"Costly", "cost"}, {"Weighted", "weight_of"}, {"Scored", "final_score"}, {"Valued", "value"}, {"Ranked", "rank"}, {"Measured", "measure"}, {"Spacious", "extent"},
	{"Rated", "rate"}, {"Priced", "full_price"}, {"Timed", "duration"}, {"Taxed", "tax_due"}, {"Filled", "fill"}, {"Charged", "charge_left"}, {"Loaded", "total_load"},
}

// ownTrait is a trait with one method that makes a number of a struct.
type ownTrait struct {
	name, method string
	num          Type
}

func (c *ctx) drawTrait(num Type) *ownTrait {
	d := pick(c.rng, traitNames)
	return &ownTrait{d[0], d[1], num}
}

// variable is a name for what the method returns.
func (o *ownTrait) variable() string {
	if strings.Contains(o.method, "_") {
		return "amount"
	}
	return o.method
}

// declare adds the trait to a group, with what it provides.
func (o *ownTrait) declare(g *group, provided ...*Task) {
	g.text("/// Anything that has " + article(strings.ReplaceAll(o.method, "_", " ")) + ".\npub trait " + o.name + " {\n    /// Returns the " +
		strings.ReplaceAll(o.method, "_", " ") + ".\n    fn " + o.method + "(&self) -> " + o.num.text + ";\n")
	for _, t := range provided {
		g.text("\n")
		g.add(t, 1)
	}
	g.text("}\n")
	g.names = append(g.names, o.name)
}

// implement draws how a struct does it.
func (c *ctx) implement(o *ownTrait, r *record) *Task {
	t := structCompute(c, r)
	t.Name, t.private = o.method, true
	return t
}

// traitRecord draws a struct whose fields do not have the name of the trait's method.
func (c *ctx) traitRecord(o *ownTrait) *record {
	for {
		r := c.record(2, 3, 20)
		if !strings.Contains(" "+r.fields+" ", " "+o.method+" ") && r.def.Name != o.name {
			r.setNumber(o.num)
			return c.withExtras(r)
		}
	}
}

// setNumber gives all numbers of the struct a type.
func (r *record) setNumber(t Type) {
	r.num = t
	for _, i := range r.nums {
		r.def.Fields[i].Type = t
	}
}

// addRecord adds a struct, its constructor and its implementation of the trait.
func (o *ownTrait) addRecord(g *group, r *record, impl *Task) {
	g.text("\n")
	r.declare(g)
	g.impl("impl "+r.def.Name, r.constructor())
	g.impl("impl "+o.name+" for "+r.def.Name, impl)
}

// twoRecords draws two different structs for a trait.
func (c *ctx) twoRecords(o *ownTrait) (a, b *record) {
	a = c.traitRecord(o)
	for b = a; b.def.Name == a.def.Name; {
		b = c.traitRecord(o)
	}
	return a, b
}

// traitImpls has two structs implement a trait.
func traitImpls(c *ctx) *group {
	o, g := c.drawTrait(c.intType()), &group{}
	o.declare(g)
	a, b := c.twoRecords(o)
	o.addRecord(g, a, c.implement(o, a))
	o.addRecord(g, b, c.implement(o, b))
	return g
}

// traitGeneric has a generic function call the trait's method for every element of a slice.
func traitGeneric(c *ctx) *group {
	o, g := c.drawTrait(c.intType()), &group{}
	r := c.traitRecord(o)
	impl := c.implement(o, r)
	o.declare(g)
	o.addRecord(g, r, impl)
	t := c.overTrait(o, func(v Value) (Value, error) { return impl.eval([]Value{v}) })
	t.inputs = func(g *rng) []Value { return []Value{r.values(g, 3, nil)} }
	typ := slice(named(r.def))
	if c.chance(50) {
		t.Params = []Param{{"items", typ.as("&[T]")}}
		c.bounded(t, "T", o.name)
	} else {
		t.Params = []Param{{"items", typ.as("&[impl " + o.name + "]")}}
	}
	// An empty slice would leave the type parameter open.
	some := t.inputs
	t.inputs = func(g *rng) []Value {
		args := some(g)
		if len(args[0].L) == 0 {
			args[0].L = []Value{r.value(g, nil)}
		}
		return args
	}
	g.free(t)
	return g
}

// overTrait is a function over items of a trait: one of several reductions of what the method returns.
func (c *ctx) overTrait(o *ownTrait, call func(v Value) (Value, error)) *Task {
	p, m := c.drawStage(numPreds, o.num, false), c.drawStage(numMaps, o.num, false)
	kind := c.below(3)
	v := o.variable()
	l, idiom := newLines(), "loop"
	name := [...]string{"total_", "count_", "collect_"}[kind] + o.method + "_" + p.frag
	say := "the " + strings.ReplaceAll(o.method, "_", " ") + " of each item that is " + p.text
	doc := [...]string{"Adds up " + say + ", " + m.text + ".", "Counts the items whose " + strings.ReplaceAll(o.method, "_", " ") + " is " + p.text + ".", "Collects " + say + ", " + m.text + "."}[kind]
	if kind != 1 {
		name += "_" + m.frag
	}
	if c.chance(50) {
		idiom = "iterator"
		l.add("items").depth++
		l.add(".iter()").add(".map(|item| item.", o.method, "())").add(".filter(|&", v, "| ", put(p.code, v), ")")
		switch kind {
		case 0:
			l.add(".map(|", v, "| ", m.expr(v, precBit), ")").add(".sum()")
		case 1:
			l.add(".count()")
		default:
			l.add(".map(|", v, "| ", m.expr(v, precBit), ")").add(".collect()")
		}
	} else {
		l.add([...]string{"let mut total = 0;", "let mut count = 0;", "let mut result = Vec::new();"}[kind]).open("for item in items")
		l.add("let ", v, " = item.", o.method, "();").open("if ", put(p.code, v))
		l.add([...]string{"total += " + m.expr(v, precBit) + ";", "count += 1;", "result.push(" + m.expr(v, precBit) + ");"}[kind]).close().close()
		l.add([...]string{"total", "count", "result"}[kind])
	}
	return &Task{
		Idiom: idiom, Name: name, Result: [...]Type{o.num, scalar(Usize), vec(o.num)}[kind], Body: l.String(), doc: doc,
		eval: func(args []Value) (Value, error) {
			var xs []Value
			for _, item := range args[0].L {
				x, err := call(item)
				if err != nil {
					return x, err
				}
				xs = append(xs, x)
			}
			if kind == 1 {
				kept, _ := keptValues(xs, p, nil)
				return Int(int64(len(kept))), nil
			}
			kept, err := keptValues(xs, p, m)
			if err != nil || kind == 2 {
				return Value{L: kept}, err
			}
			return sumValues(o.num.Kind, kept)
		},
	}
}

// traitDynamic calls the trait's method on trait objects of two types.
func traitDynamic(c *ctx) *group {
	o, g := c.drawTrait(c.intType()), &group{}
	a, b := c.twoRecords(o)
	ta, tb := c.implement(o, a), c.implement(o, b)
	o.declare(g)
	o.addRecord(g, a, ta)
	o.addRecord(g, b, tb)
	t := c.overTrait(o, func(v Value) (Value, error) {
		if v.I == 0 {
			return ta.eval(v.L)
		}
		return tb.eval(v.L)
	})
	t.Params = []Param{{"items", slice(Type{Kind: Dyn, Args: []Type{named(a.def), named(b.def)}, text: "&dyn " + o.name})}}
	t.inputs = func(g *rng) []Value {
		var items Value
		for range g.below(4) {
			if g.chance(50) {
				items.L = append(items.L, Value{I: 0, L: []Value{a.value(g, nil)}})
			} else {
				items.L = append(items.L, Value{I: 1, L: []Value{b.value(g, nil)}})
			}
		}
		return []Value{items}
	}
	g.free(t)
	return g
}

// traitProvided has the trait provide a method in terms of the required one.
func traitProvided(c *ctx) *group {
	o, g := c.drawTrait(c.intType()), &group{}
	r := c.traitRecord(o)
	impl := c.implement(o, r)
	p, m, k := c.drawStage(numPreds, o.num, false), c.drawStage(numMaps, o.num, false), c.drawStage(numMaps, o.num, false)
	v := o.variable()
	l, idiom, kind := newLines(), "expression", c.below(3)
	call := "self." + o.method + "()"
	result, name := o.num, "adjusted_"+m.frag
	doc := "Returns the " + strings.ReplaceAll(o.method, "_", " ") + " " + m.text
	switch kind {
	case 0:
		l.add("let ", v, " = ", call, ";").open("if ", put(p.code, v)).add(m.expr(v, precBit)).orElse().add(k.expr(v, precBit)).close()
		idiom, name, doc = "branch", name+"_if_"+p.frag, doc+" if it is "+p.text+", else "+k.text+"."
	case 1:
		l.add("let ", v, " = ", call, ";").add(put(p.code, v))
		result, name, doc = scalar(Bool), "has_"+p.frag, "Returns true if the "+strings.ReplaceAll(o.method, "_", " ")+" is "+p.text+"."
	default:
		l.add("let ", v, " = ", call, ";").add("Some(", v, ").filter(|&", v, "| ", put(p.code, v), ")")
		result, name, doc = option(o.num), "some_if_"+p.frag, "Returns the "+strings.ReplaceAll(o.method, "_", " ")+" if it is "+p.text+", or `None`."
		if len(put(p.code, v))+2*len(v) > 38 {
			return traitProvided(c)
		}
	}
	provided := r.method(name, result, l.String(), doc, func(args []Value) (Value, error) {
		x, err := impl.eval(args)
		if err != nil {
			return x, err
		}
		switch holds := p.holds(x, nil); {
		case kind == 1:
			return Truth(holds), nil
		case kind == 2 && holds:
			return Some(x), nil
		case kind == 2:
			return None(), nil
		case holds:
			return m.on(x)
		}
		return k.on(x)
	}, nil)
	provided.Idiom, provided.private = idiom, true
	o.declare(g, provided)
	o.addRecord(g, r, impl)
	return g
}

// traitExtension adds a method to a number type.
func traitExtension(c *ctx) *group {
	t := c.intType()
	p, m, k := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.drawStage(numMaps, t, false)
	name := pick(c.rng, []string{"NumberExt", "Adjust", "Tune", "Transform", "Correct", "Shape", "Refine"})
	method := pick(c.rng, []string{"adjusted", "tuned", "changed", "corrected", "refined", "shaped"})
	l, idiom := newLines().open("if ", put(p.code, "self")).add(m.expr("self", precBit)).orElse().add(k.expr("self", precBit)).close(), "branch"
	if c.chance(40) {
		idiom = "early return"
		l = newLines().open("if ", put(p.neg, "self")).add("return ", k.expr("self", precBit), ";").close().add(m.expr("self", precBit))
	}
	g := &group{names: []string{name}}
	g.text("/// Adds a method to `" + t.text + "`.\npub trait " + name + " {\n    /// Returns " + article(method) + " number.\n    fn " + method + "(self) -> Self;\n}\n")
	g.impl("impl "+name+" for "+t.text, &Task{
		Idiom: idiom, Name: method, params: "self", Params: []Param{{"self", t}}, Result: t.as("Self"), Body: l.String(), private: true, call: t.text + "::" + method + "($0)",
		doc:    "Returns the number " + m.text + " if it is " + p.text + ", else " + k.text + ".",
		inputs: numberInputs(t, p, m, k), eval: chooses(p, m, k),
	})
	return g
}

// traitTextExtension adds a method to str.
func traitTextExtension(c *ctx) *group {
	p, q := c.twoStages(charPreds, scalar(Char))
	k, kind := c.between(1, 9), c.below(3)
	name := pick(c.rng, []string{"TextExt", "Scan", "Inspect", "Letters", "StrExt", "Count"})
	method := [...]string{"count_", "has_only_", "first_"}[kind] + p.frag + "_or_" + q.frag + [...]string{"_times_" + itoa(k), "_from_" + itoa(k), "_after_" + itoa(k)}[kind]
	result := [...]Type{scalar(Usize), scalar(Bool), option(scalar(Char))}[kind]
	code := operand(put(p.code, "c"), false) + " || " + operand(put(q.code, "c"), false)
	prose := p.text + " or " + q.text
	expr := [...]string{"self.chars().filter(|&c| " + code + ").count() * " + itoa(k), "self.chars().skip(" + itoa(k) + ").all(|c| " + code + ")",
		"self.chars().skip(" + itoa(k) + ").find(|&c| " + code + ")"}[kind]
	doc := [...]string{"Counts the characters that are " + prose + ", times " + itoa(k) + ".", "Returns true if every character from index " + itoa(k) + " on is " + prose + ".",
		"Returns the first character from index " + itoa(k) + " on that is " + prose + ", or `None`."}[kind]
	l := newLines()
	if kind == 0 {
		l.chain("let count = ", strings.TrimSuffix(expr, " * "+itoa(k)), ";").add("count * ", itoa(k))
	} else {
		l.chain("", expr, "")
	}
	if tooWide(l.String()) || len(doc) > 88 {
		return traitTextExtension(c)
	}
	g := &group{names: []string{name}}
	g.text("/// Adds a method to `str`.\npub trait " + name + " {\n    /// " + doc + "\n    fn " + method + "(&self) -> " + result.text + ";\n}\n")
	g.impl("impl "+name+" for str", &Task{
		Idiom: "iterator", Name: method, params: "&self", Params: []Param{{"self", scalar(Str)}}, Result: result, Body: l.String(), private: true, call: "$0." + method + "()",
		doc: doc, inputs: func(g *rng) []Value { return []Value{Text(someText(g, hintsOf(p)))} },
		eval: func(args []Value) (Value, error) {
			count, only, first := int64(0), true, None()
			for i, r := range []rune(args[0].S) {
				in := p.holds(Int(int64(r)), nil) || q.holds(Int(int64(r)), nil)
				if in {
					count++
				}
				if int64(i) < k {
					continue
				}
				only = only && in
				if in && first.I == 0 {
					first = Some(Int(int64(r)))
				}
			}
			return [...]Value{Int(count * k), Truth(only), first}[kind], nil
		},
	})
	return g
}

// traitConstant reads a constant of a type parameter.
func traitConstant(c *ctx) *group {
	t := c.intType()
	name, konst := pick(c.rng, []string{"Limited", "Scaled", "Stepped", "Priced", "Bounded"}), pick(c.rng, []string{"LIMIT", "FACTOR", "STEP", "BASE", "RATE"})
	kinds := pick(c.rng, [][]string{{"Small", "Large"}, {"Basic", "Premium"}, {"Slow", "Fast"}, {"Light", "Heavy"}, {"Day", "Night"}})
	ks := c.distinctBetween(2, 2, 90)
	x := pick(c.rng, numNames)
	o, m := c.pairOp(t.Kind), c.drawStage(numMaps, t, false)
	fn := pick(c.rng, []string{"apply", "adjust", "combine", "convert"}) + "_" + o.frag + "_" + m.frag
	g := &group{names: []string{name, kinds[0], kinds[1]}}
	g.text("/// A kind with a number of its own.\npub trait " + name + " {\n    const " + konst + ": " + t.text + ";\n}\n")
	for i, k := range kinds {
		g.text("\npub struct " + k + ";\n\nimpl " + name + " for " + k + " {\n    const " + konst + ": " + t.text + " = " + itoa(ks[i]) + ";\n}\n")
	}
	which := c.below(2)
	g.free(&Task{
		Idiom: "expression", Name: fn, Generics: "<T: " + name + ">", Params: []Param{{x, t}}, Result: t,
		Body: newLines().add("let y = ", expand(o.code, x, "T::"+konst), ";").add(m.expr("y", precBit)).String(), call: fn + "::<" + kinds[which] + ">($0)",
		doc:    "Returns " + strings.Replace(expand(o.text, x, konst), "`"+konst+"`", "the type's `"+konst+"`", 1) + ", " + m.text + ".",
		inputs: numberInputs(t, m),
		eval: func(args []Value) (Value, error) {
			y, err := checked(t.Kind, o.f(args[0].I, ks[which]))
			if err != nil {
				return y, err
			}
			return m.on(y)
		},
	})
	return g
}
