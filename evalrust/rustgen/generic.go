package rustgen

import (
	"strings"
)

// genericFamilies are functions and structs with type parameters and bounds.
func genericFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(4, 800), make: mk}
	}
	return []family{
		at("generic/into", genericInto),
		{name: "generic/within", weights: from(4, 300), make: genericWithin},
		{name: "generic/extreme", weights: from(4, 200), make: genericExtreme},
		{name: "generic/equal", weights: from(4, 300), make: genericEqual},
		at("generic/display", genericDisplay),
		at("generic/arithmetic", genericArithmetic),
		{name: "generic/pair", weights: from(4, 250), make: genericPair},
		{name: "generic/stack", weights: from(4, 250), make: genericStack},
		{name: "generic/pick", weights: from(4, 300), make: genericPick},
	}
}

// typeParam is a type parameter's name.
func (c *ctx) typeParam() string { return pick(c.rng, []string{"T", "T", "T", "N", "V", "K", "E"}) }

// bounded writes a function's type parameter with bounds, in the list or in a where clause.
func (c *ctx) bounded(t *Task, param, bounds string) {
	if c.chance(70) {
		t.Generics = "<" + param + ": " + bounds + ">"
		return
	}
	t.Generics, t.bounds = "<"+param+">", "where\n    "+param+": "+bounds+","
}

// genericInto takes anything that converts into a number.
func genericInto(c *ctx) *group {
	small, wide := scalar(pick(c.rng, []Kind{I32, U8, U32})), scalar(I64)
	T, n := c.typeParam(), pick(c.rng, numNouns)
	p, m := c.drawStage(numPreds, wide, false), c.drawStage(numMaps, wide, false)
	kind := c.below(3)
	l, idiom := newLines(), "loop"
	result := [...]Type{wide, vec(wide), scalar(Usize)}[kind]
	acc := [...]string{"let mut total = 0;", "let mut result = Vec::new();", "let mut count = 0;"}[kind]
	step := [...]string{"total += " + m.expr("x", precBit) + ";", "result.push(" + m.expr("x", precBit) + ");", "count += 1;"}[kind]
	last := [...]string{"total", "result", "count"}[kind]
	if c.chance(40) {
		idiom = "iterator"
		expr := n.many + ".iter().map(|&" + n.one + "| " + n.one + ".into()).filter(|&x: &i64| " + put(p.code, "x") + ")"
		expr += [...]string{".map(|x| " + m.expr("x", precBit) + ").sum()", ".map(|x| " + m.expr("x", precBit) + ").collect()", ".count()"}[kind]
		l.chain("", expr, "")
	} else {
		l.add(acc).open("for &", n.one, " in ", n.many).add("let x: i64 = ", n.one, ".into();").open("if ", put(p.code, "x")).add(step).close().close().add(last)
	}
	name := [...]string{"sum_", "collect_", "count_"}[kind] + p.frag
	doc := [...]string{"Adds up", "Collects", "Counts"}[kind] + " the " + p.plural(n.plural()) + " in `" + n.many + "` as `i64`"
	if kind < 2 {
		name, doc = name+"_"+m.frag, doc+", each "+m.text
	}
	t := &Task{
		Idiom: idiom, Name: name, Params: []Param{{n.many, slice(small).as("&[" + T + "]")}}, Result: result, Body: l.String(), doc: doc + ".",
		inputs: func(g *rng) []Value {
			// One element at least, so that the type parameter is known.
			return []Value{typed(numList(g, small.Kind, 1+g.below(4), hintsOf(p)), small)}
		},
		eval: func(args []Value) (Value, error) {
			var mapped *stage
			if kind < 2 {
				mapped = m
			}
			kept, err := keptValues(args[0].L, p, mapped)
			switch {
			case err != nil || kind == 1:
				return Value{L: kept}, err
			case kind == 2:
				return Int(int64(len(kept))), nil
			default:
				return sumValues(wide.Kind, kept)
			}
		},
	}
	c.bounded(t, T, pick(c.rng, []string{"Into<i64> + Copy", "Copy + Into<i64>"}))
	return single(t)
}

// typed keeps numbers in the range of a small type, in which literals would overflow otherwise.
func typed(v Value, t Type) Value {
	lo, hi := typeRange(t.Kind)
	for i := range v.L {
		v.L[i].I = min(max(v.L[i].I, lo), hi)
	}
	return v
}

// anyType draws a type that the generic functions are tried on.
func (c *ctx) anyType() Type {
	return scalar(pick(c.rng, []Kind{I32, I32, I64, F64, Char, Str}))
}

// some draws a value of such a type.
func someOf(g *rng, t Type) Value {
	switch t.Kind {
	case Char:
		return Int(g.between('a', 'k'))
	case Str:
		return Text(pick(g, shortKeys))
	default:
		return someNumber(g, t.Kind, nil)
	}
}

func someList(g *rng, t Type, least, most int) Value {
	var v Value
	for range least + g.below(most-least+1) {
		v.L = append(v.L, someOf(g, t))
	}
	return v
}

// compare orders two values of a type.
func compare(t Type, a, b Value) int {
	switch {
	case t.Kind == Str:
		return strings.Compare(a.S, b.S)
	case t.Kind == F64 && a.F < b.F, t.Kind != F64 && a.I < b.I:
		return -1
	case a.Equal(b):
		return 0
	}
	return 1
}

// within is a relation of $x to two bounds $a and $b; in gets the comparisons with the lower and the upper one.
type within struct {
	code, frag, text string
	in               func(a, b int) bool
}

var withins = []within{
	{"$x >= $a && $x <= $b", "within", "from `$a` to `$b`", func(a, b int) bool { return a >= 0 && b <= 0 }},
	{"$x > $a && $x < $b", "between", "above `$a` and below `$b`", func(a, b int) bool { return a > 0 && b < 0 }},
	{"$x < $a || $x > $b", "outside", "below `$a` or above `$b`", func(a, b int) bool { return a < 0 || b > 0 }},
	{"$x >= $a && $x < $b", "half_open", "from `$a` and below `$b`", func(a, b int) bool { return a >= 0 && b < 0 }},
	{"$x <= $a || $x >= $b", "not_between", "at most `$a` or at least `$b`", func(a, b int) bool { return a <= 0 || b >= 0 }},
}

// genericWithin counts, collects or looks for the elements between two bounds.
func genericWithin(c *ctx) *group {
	t, T, n := c.anyType(), c.typeParam(), pick(c.rng, numNouns)
	ends := pick(c.rng, [][2]string{{"low", "high"}, {"min", "max"}, {"from", "to"}, {"lower", "upper"}, {"start", "end"}})
	cond, kind := pick(c.rng, withins), c.below(4)
	v := vars{"x", n.one, "a", ends[0], "b", ends[1]}
	idiom, body := c.withinBody(kind, n, v.in(cond.code))
	task := &Task{
		Idiom: idiom, Name: [...]string{"count", "keep", "first", "all"}[kind] + "_" + cond.frag, Params: []Param{{n.many, slice(t).as("&[" + T + "]")}, {ends[0], t.as(T)}, {ends[1], t.as(T)}},
		Result: [...]Type{scalar(Usize), vec(t).as("Vec<" + T + ">"), option(t).as("Option<" + T + ">"), scalar(Bool)}[kind], Body: body,
		doc: [...]string{"Counts the elements of `" + n.many + "` that are ", "Collects the elements of `" + n.many + "` that are ",
			"Returns the first element of `" + n.many + "` that is ", "Returns true if every element of `" + n.many + "` is "}[kind] + v.in(cond.text) + ".",
		inputs: func(g *rng) []Value {
			a, b := someOf(g, t), someOf(g, t)
			if compare(t, a, b) > 0 {
				a, b = b, a
			}
			return []Value{someList(g, t, 1, 4), a, b}
		},
		eval: func(args []Value) (Value, error) {
			var kept []Value
			for _, x := range args[0].L {
				if cond.in(compare(t, x, args[1]), compare(t, x, args[2])) {
					kept = append(kept, x)
				}
			}
			if kind == 2 && len(kept) > 0 {
				return Some(kept[0]), nil
			}
			return [...]Value{Int(int64(len(kept))), {L: kept}, None(), Truth(len(kept) == len(args[0].L))}[kind], nil
		},
	}
	c.bounded(task, T, pick(c.rng, []string{"PartialOrd + Copy", "Copy + PartialOrd"}))
	return single(task)
}

// withinBody writes the count, collection, search or test of the elements for which code is true.
func (c *ctx) withinBody(kind int, n nouns, code string) (idiom, body string) {
	l := newLines()
	if c.chance(50) {
		closure := n.one + "| " + code + ")"
		ends := [...]string{".iter().filter(|&&" + closure + ".count()", ".iter().copied().filter(|&" + closure + ".collect()", ".iter().copied().find(|&" + closure,
			".iter().all(|&" + closure}
		return "iterator", l.chain("", n.many+ends[kind], "").String()
	}
	if kind < 2 {
		l.add([...]string{"let mut count = 0;", "let mut result = Vec::new();"}[kind])
	}
	if kind == 3 {
		code = "!(" + code + ")"
	}
	l.open("for &", n.one, " in ", n.many).open("if ", code)
	l.add([...]string{"count += 1;", "result.push(" + n.one + ");", "return Some(" + n.one + ");", "return false;"}[kind]).close().close()
	return "loop", l.add([...]string{"count", "result", "None", "true"}[kind]).String()
}

// genericExtreme finds the largest or smallest element, or where it is, perhaps behind the first few.
func genericExtreme(c *ctx) *group {
	t, T, n := c.anyType(), c.typeParam(), pick(c.rng, numNouns)
	least, index, skip := c.chance(50), c.chance(50), int(c.between(0, 5))
	op, word := ">", "largest"
	if least {
		op, word = "<", "smallest"
	}
	over := n.many
	where := ""
	name := word
	if skip > 0 {
		where, name = " behind the first "+itoa(int64(skip)), name+"_after_"+itoa(int64(skip))
	}
	best := pick(c.rng, []string{"best", "found", "top", "winner"})
	l := newLines()
	result := option(t).as("Option<" + T + ">")
	doc := "Returns the " + word + " element of `" + n.many + "`" + where + ", the first of several, or `None`."
	if index {
		name, result = "index_of_"+name, option(scalar(Usize))
		doc = "Returns the index of the " + word + " element of `" + n.many + "`" + where + ", the first of several, or `None`."
		l.add("let mut ", best, ": Option<usize> = None;").open("for i in ", itoa(int64(skip)), "..", over, ".len()")
		l.open("if ", best, ".is_none_or(|b| ", over, "[i] ", op, " ", over, "[b])").add(best, " = Some(i);").close().close().add(best)
	} else {
		from := over
		if skip > 0 {
			from += ".iter().skip(" + itoa(int64(skip)) + ")"
		}
		l.add("let mut ", best, " = None;").open("for &", n.one, " in ", from).open("match ", best)
		l.add("Some(b) if ", n.one, " ", strings.NewReplacer(">", "<=", "<", ">=").Replace(op), " b => {}").add("_ => ", best, " = Some(", n.one, "),").close().close().add(best)
	}
	task := &Task{
		Idiom: "loop", Name: name, Params: []Param{{n.many, slice(t).as("&[" + T + "]")}}, Result: result, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value { return []Value{someList(g, t, 1, 5+skip)} },
		eval: func(args []Value) (Value, error) {
			at := -1
			for i := skip; i < len(args[0].L); i++ {
				if at < 0 {
					at = i
					continue
				}
				if k := compare(t, args[0].L[i], args[0].L[at]); k > 0 && !least || k < 0 && least {
					at = i
				}
			}
			switch {
			case at < 0:
				return None(), nil
			case index:
				return Some(Int(int64(at))), nil
			}
			return Some(args[0].L[at]), nil
		},
	}
	c.bounded(task, T, pick(c.rng, []string{"PartialOrd + Copy", "Copy + PartialOrd"}))
	return single(task)
}

// genericEqual compares elements with one that is given.
func genericEqual(c *ctx) *group {
	t, T, n := c.anyType(), c.typeParam(), pick(c.rng, numNouns)
	wanted, skip, least, kind := pick(c.rng, []string{"wanted", "target", "needle", "key"}), c.between(0, 6), c.between(1, 6), c.below(4)
	l, from, where, suffix := newLines(), n.many+".iter()", "", ""
	if skip > 0 {
		from += ".skip(" + itoa(skip) + ")"
		where, suffix = " behind the first "+itoa(skip), "_after_"+itoa(skip)
	}
	switch kind {
	case 0:
		l.chain("", from+".filter(|&"+n.one+"| "+n.one+" == "+wanted+").count()", "")
	case 1:
		l.add("let mut count = 0;").open("for ", n.one, " in ", from).open("if ", n.one, " == ", wanted).add("count += 1;").close().close().add("count >= ", itoa(least))
	case 2:
		l.chain("", from+".position(|"+n.one+"| "+n.one+" == "+wanted+")", "")
	default:
		l.add("let mut result = Vec::new();").open("for ", n.one, " in ", from).open("if ", n.one, " != ", wanted).add("result.push(", n.one, ".clone());").close().close().add("result")
	}
	bounds := "PartialEq"
	if kind == 3 {
		bounds = pick(c.rng, []string{"Clone + PartialEq", "PartialEq + Clone"})
	}
	many := "`" + n.many + "`" + where
	task := &Task{
		Idiom: "iterator", Name: [...]string{"count", "at_least_" + itoa(least), "position", "without"}[kind] + "_" + wanted + suffix,
		Params: []Param{{n.many, slice(t).as("&[" + T + "]")}, {wanted, ref(t).as("&" + T)}},
		Result: [...]Type{scalar(Usize), scalar(Bool), option(scalar(Usize)), vec(t).as("Vec<" + T + ">")}[kind], Body: l.String(),
		doc: [...]string{"Counts the elements of " + many + " that are equal to `" + wanted + "`.", "Returns true if at least " + itoa(least) + " elements of " + many + " are equal to `" + wanted + "`.",
			"Returns how far `" + wanted + "` is from the start of " + many + ", or `None`.", "Collects the elements of " + many + " that differ from `" + wanted + "`."}[kind],
		inputs: func(g *rng) []Value {
			xs := someList(g, t, 1, 5)
			if g.chance(70) {
				return []Value{xs, pick(g, xs.L)}
			}
			return []Value{xs, someOf(g, t)}
		},
		eval: func(args []Value) (Value, error) {
			count, first, rest := equalTo(args[0].L[min(int(skip), len(args[0].L)):], args[1])
			return [...]Value{Int(count), Truth(count >= least), first, {L: rest}}[kind], nil
		},
	}
	c.bounded(task, T, bounds)
	return single(task)
}

// equalTo counts the elements that equal x, finds the first of them and lists the others.
func equalTo(xs []Value, x Value) (count int64, first Value, rest []Value) {
	for i, y := range xs {
		if !y.Equal(x) {
			rest = append(rest, y)
			continue
		}
		if count++; count == 1 {
			first = Some(Int(int64(i)))
		}
	}
	return count, first, rest
}

// shown is what {} prints for a value.
func shown(t Type, v Value) string {
	switch t.Kind {
	case Str, String:
		return v.S
	case Char:
		return string(rune(v.I))
	default:
		return display(t, v)
	}
}

// genericDisplay writes anything that can be shown.
func genericDisplay(c *ctx) *group {
	t, T, n := c.anyType(), c.typeParam(), pick(c.rng, numNouns)
	sep := pick(c.rng, []string{", ", "; ", " ", "-", " | ", "/", " + ", ":"})
	ends, inner := pick(c.rng, frames), pick(c.rng, frames)
	before, after, open, shut := ends[0], ends[1], inner[0], inner[1]
	if c.chance(20) {
		before, after = "{{", "}}"
	}
	plain := strings.NewReplacer("{{", "{", "}}", "}")
	numbered := c.chance(40)
	one := open + "{" + n.one + "}" + shut
	l, idiom := newLines(), "loop"
	head := "for " + n.one + " in " + n.many
	if numbered {
		one = "{i}" + pick(c.rng, []string{"=", ": ", "."}) + one
		head = "for (i, " + n.one + ") in " + n.many + ".iter().enumerate()"
	}
	if !numbered && c.chance(40) {
		idiom = "iterator"
		l.add("let parts: Vec<String> = ", n.many).depth++
		l.add(".iter()").add(".map(|", n.one, `| format!("`, one, `"))`).add(".collect();").depth--
		l.add(`format!("`, before, "{}", after, `", parts.join("`, sep, `"))`)
		if s := n.many + ".iter().map(|" + n.one + `| format!("` + one + `")).collect()`; len(s) <= chainWidth {
			l = newLines().add("let parts: Vec<String> = ", s, ";").add(`format!("`, before, "{}", after, `", parts.join("`, sep, `"))`)
		}
	} else {
		l.add(`let mut text = String::from("`, plain.Replace(before), `");`).open(head).open(`if text.len() > `, itoa(int64(len(plain.Replace(before))))).add(`text.push_str("`, sep, `");`).close()
		l.add(`text.push_str(&format!("`, one, `"));`).close().add(`text + "`, plain.Replace(after), `"`)
	}
	sample := strings.NewReplacer("{"+n.one+"}", "…", "{i}", "0").Replace(one)
	task := &Task{
		Idiom: idiom, Name: pick(c.rng, []string{"show", "list", "render", "join"}) + "_" + n.many, Params: []Param{{n.many, slice(t).as("&[" + T + "]")}}, Result: scalar(String), Body: l.String(),
		doc:    "Writes `" + n.many + "` as `" + plain.Replace(before) + sample + sep + "…" + plain.Replace(after) + "`.",
		inputs: func(g *rng) []Value { return []Value{someList(g, t, 1, 4)} },
		eval: func(args []Value) (Value, error) {
			text := plain.Replace(before)
			start := len(text)
			for i, x := range args[0].L {
				if i > 0 && (idiom == "iterator" || len(text) > start) {
					text += sep
				}
				text += strings.NewReplacer("{"+n.one+"}", shown(t, x), "{i}", itoa(int64(i))).Replace(one)
			}
			return Text(text + plain.Replace(after)), nil
		},
	}
	if c.chance(30) {
		c.bounded(task, T, "std::fmt::Display")
		return single(task)
	}
	c.bounded(task, T, "Display")
	return single(task, "std::fmt::Display")
}

// operation is an operator with the trait that gives it to a type.
type operation struct {
	code, trait, word string
	f                 func(a, b Value) Value
}

var operations = []operation{
	{"+", "Add", "plus", func(a, b Value) Value { return Value{I: add(a.I, b.I), F: a.F + b.F} }},
	{"*", "Mul", "times", func(a, b Value) Value { return Value{I: mul(a.I, b.I), F: a.F * b.F} }},
	{"-", "Sub", "minus", func(a, b Value) Value { return Value{I: add(a.I, -b.I), F: a.F - b.F} }},
}

// opStep applies an operation to what is there and a parameter.
type opStep struct{ op, arg int }

// genericArithmetic combines values of a type that has the operators.
func genericArithmetic(c *ctx) *group {
	t, T := scalar(pick(c.rng, []Kind{I32, I64, F64})), pick(c.rng, []string{"T", "N", "V"})
	names := pick(c.rng, [][]string{{"a", "b", "c"}, {"x", "y", "z"}, {"first", "second", "third"}, {"width", "height", "depth"}})
	l, v, prev := newLines(), pick(c.rng, []string{"result", "value", "acc", "total"}), names[0]
	steps := make([]opStep, 2+c.below(3))
	used, traits, frags := [3]bool{true}, [3]bool{}, make([]string, len(steps))
	for i := range steps {
		s := opStep{c.below(3), c.below(3)}
		steps[i], traits[s.op], used[s.arg] = s, true, true
		frags[i] = operations[s.op].word + "_" + names[s.arg]
		code := prev + " " + operations[s.op].code + " " + names[s.arg]
		if prev = v; i == len(steps)-1 {
			l.add(code)
		} else {
			l.add("let ", v, " = ", code, ";")
		}
	}
	var params []Param
	var at [3]int // the argument for each name
	for i, name := range names {
		if used[i] {
			at[i] = len(params)
			params = append(params, Param{name, t.as(T)})
		}
	}
	if len(params) < 2 {
		return genericArithmetic(c)
	}
	var paths, bounds []string
	for i, o := range operations {
		if traits[i] {
			paths, bounds = append(paths, o.trait), append(bounds, o.trait+"<Output = "+T+">")
		}
	}
	use := paths[0]
	if len(paths) > 1 {
		use = "{" + strings.Join(paths, ", ") + "}"
	}
	return single(&Task{
		Idiom: "statements", Name: names[0] + "_" + strings.Join(frags, "_"), Params: params, Result: t.as(T), Body: l.String(),
		Generics: "<" + T + ">", bounds: "where\n    " + T + ": Copy + " + strings.Join(bounds, " + ") + ",",
		doc:    "Starts with `" + names[0] + "` and goes on with " + strings.ReplaceAll(strings.Join(frags, ", then "), "_", " ") + ".",
		inputs: func(g *rng) []Value { return numList(g, t.Kind, len(params), nil).L },
		eval:   func(args []Value) (Value, error) { return operate(t, args, steps, at) },
	}, "std::ops::"+use)
}

// operate goes through the steps of a generic calculation.
func operate(t Type, args []Value, steps []opStep, at [3]int) (Value, error) {
	y := args[0]
	for _, s := range steps {
		y = operations[s.op].f(y, args[at[s.arg]])
		if t.Kind == F64 {
			y.I = 0
		} else if !t.Kind.fits(y.I) {
			return Value{}, ErrUndefined
		}
	}
	return y, nil
}

// genericPick takes an element from a place, or a default.
func genericPick(c *ctx) *group {
	t, T, n := c.anyType(), c.typeParam(), pick(c.rng, numNouns)
	k, d := c.between(1, 9), pick(c.rng, []string{"default", "fallback", "other", "backup"})
	kind := c.below(3)
	l := newLines()
	from := [...]string{"the front", "the back", "the middle"}[kind]
	expr := [...]string{n.many + ".get(" + itoa(k) + ")", n.many + ".iter().rev().nth(" + itoa(k) + ")", n.many + ".get(" + n.many + ".len() / 2 + " + itoa(k) + ")"}[kind]
	idiom := "match"
	switch c.below(3) {
	case 0:
		l.open("match ", expr).add("Some(", n.one, ") => ", n.one, ".clone(),").add("None => ", d, ",").close()
	case 1:
		idiom = "chain"
		l.chain("", expr+".cloned().unwrap_or("+d+")", "")
	default:
		idiom = "branch"
		l.open("if let Some(", n.one, ") = ", expr).add("return ", n.one, ".clone();").close().add(d)
	}
	task := &Task{
		Idiom: idiom, Name: [...]string{"element_", "element_from_back_", "element_after_middle_"}[kind] + itoa(k) + "_or_" + d,
		Params: []Param{{n.many, slice(t).as("&[" + T + "]")}, {d, t.as(T)}}, Result: t.as(T), Body: l.String(),
		doc:    "Returns the element of `" + n.many + "` that is " + itoa(k) + " places from " + from + ", or `" + d + "`.",
		inputs: func(g *rng) []Value { return []Value{someList(g, t, 1, 6), someOf(g, t)} },
		eval: func(args []Value) (Value, error) {
			xs := args[0].L
			i := [...]int64{k, int64(len(xs)) - 1 - k, int64(len(xs))/2 + k}[kind]
			if i < 0 || i >= int64(len(xs)) {
				return args[1], nil
			}
			return xs[i], nil
		},
	}
	c.bounded(task, T, "Clone")
	return single(task)
}
