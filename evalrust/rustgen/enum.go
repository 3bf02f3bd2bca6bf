package rustgen

import "strings"

// enumFamilies are functions about enums, with and without payloads.
func enumFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(3, 700), make: mk}
	}
	return []family{
		at("enum/value", unitGroup(enumValue)),
		at("enum/label", unitGroup(enumLabel)),
		at("enum/next", unitGroup(enumNext)),
		at("enum/code", unitGroup(enumCode)),
		at("enum/parse", unitGroup(enumParse)),
		at("enum/test", unitGroup(enumTest)),
		at("enum/pair", unitGroup(enumPair)),
		at("enum/count", unitGroup(enumCount)),
		at("enum/classify", unitGroup(enumClassify)),
		at("enum/measure", payloadGroup(payloadMeasure)),
		at("enum/change", payloadGroup(payloadChange)),
		at("enum/extract", payloadGroup(payloadExtract)),
		at("enum/total", payloadGroup(payloadTotal)),
	}
}

var unitEnums = [][2]string{
	{"Color", "Red Orange Yellow Green Blue Violet"}, {"Direction", "North East South West Up Down"}, {"Season", "Spring Summer Autumn Winter"},
	{"Size", "Tiny Small Medium Large Huge"}, {"Fruit", "Apple Pear Plum Cherry Melon Fig"}, {"Suit", "Clubs Diamonds Hearts Spades"},
	{"Day", "Monday Tuesday Wednesday Thursday Friday"}, {"Status", "Open Active Paused Closed Failed"}, {"Gear", "Park Reverse Neutral First Second"},
	{"Coin", "Penny Nickel Dime Quarter Dollar"}, {"Metal", "Iron Copper Silver Gold Lead Tin"}, {"Pet", "Cat Dog Bird Fish Horse"},
	{"Tool", "Hammer Saw Drill Wrench Knife"}, {"Weather", "Sunny Cloudy Rainy Snowy Windy"}, {"Role", "Guest Member Editor Admin Owner"},
	{"Priority", "Low Normal High Urgent"}, {"Phase", "Start Build Test Deploy Done"}, {"Mode", "Off Idle Slow Fast Turbo"},
	{"Shape", "Dot Line Circle Square Star"}, {"Drink", "Water Tea Coffee Juice Milk"}, {"Piece", "Pawn Knight Bishop Rook Queen King"},
	{"Plan", "Free Basic Plus Team Pro"}, {"Grade", "Excellent Good Fair Poor Failed"}, {"Wood", "Oak Pine Birch Maple Ash"},
	{"Unit", "Second Minute Hour Day Week"}, {"Rank", "Bronze Silver Gold Platinum Diamond"}, {"Channel", "Mail Phone Chat Web Shop"},
	{"Terrain", "Plain Forest Hill Swamp River"}, {"Vehicle", "Bike Car Bus Truck Train"}, {"Answer", "Yes No Maybe Never Always"},
}

// sumType is an enum that a program declares.
type sumType struct {
	def *TypeDef
	typ Type
	one string // what a value is called
}

func (e *sumType) path(i int) string { return "Self::" + e.def.Variants[i].Name }

// short is a variable for a value.
func (e *sumType) short() string { return strings.ToLower(e.def.Name) }

// unitEnum draws an enum without payloads of three to five variants.
func (c *ctx) unitEnum() *sumType {
	drawn := pick(c.rng, unitEnums)
	names := strings.Fields(drawn[1])
	want := min(3+c.below(3), len(names))
	e := &sumType{def: &TypeDef{Name: drawn[0]}, one: strings.ToLower(drawn[0])}
	for i, n := range names {
		if c.below(len(names)-i) < want {
			want--
			e.def.Variants = append(e.def.Variants, Variant{Name: n})
		}
	}
	e.typ = named(e.def)
	return e
}

// declare adds the enum to a group.
func (e *sumType) declare(g *group) {
	l := &lines{}
	names := make([]string, len(e.def.Variants))
	for i, v := range e.def.Variants {
		names[i] = strings.ToLower(v.Name)
	}
	l.add("/// ", upperFirst(article(e.one)), ": ", strings.Join(names, ", "), ".").add("#[derive(Debug, Clone, Copy, PartialEq, Eq)]")
	l.open("pub enum ", e.def.Name)
	for _, v := range e.def.Variants {
		payload := ""
		if len(v.Payload) > 0 {
			payload = tuple(v.Payload...).text
		}
		l.add(v.Name, payload, ",")
	}
	g.text(l.close().String())
	g.names = append(g.names, e.def.Name)
}

// enumGroup is an enum with one or two tasks of a family.
func enumGroup(draw func(c *ctx) *sumType, mk func(c *ctx, e *sumType) *Task) func(c *ctx) *group {
	return func(c *ctx) *group {
		e, g := draw(c), &group{}
		e.declare(g)
		tasks := []*Task{mk(c, e)}
		if t := mk(c, e); c.chance(30) && t.Name != tasks[0].Name {
			tasks = append(tasks, t)
		}
		var items []any
		for _, t := range tasks {
			if t.Self != nil {
				items = append(items, t)
			}
		}
		if items != nil {
			g.impl("impl "+e.def.Name, items...)
		}
		for _, t := range tasks {
			if t.Self == nil {
				g.free(t)
			}
		}
		return g
	}
}

func unitGroup(mk func(c *ctx, e *sumType) *Task) func(c *ctx) *group {
	return enumGroup((*ctx).unitEnum, mk)
}

// value draws a variant without payload.
func (e *sumType) value(g *rng) Value { return Int(int64(g.below(len(e.def.Variants)))) }

// method is a task that takes the value itself.
func (e *sumType) method(name string, result Type, body, doc string, eval func(args []Value) (Value, error)) *Task {
	return &Task{
		Idiom: "match", Name: name, Receiver: ByValue, Self: e.def, Result: result, Body: body, doc: doc, eval: eval,
		inputs: func(g *rng) []Value { return []Value{e.value(g)} },
	}
}

// distinctBetween draws n different numbers.
func (c *ctx) distinctBetween(n int, lo, hi int64) []int64 {
	out := make([]int64, 0, n)
draw:
	for len(out) < n {
		x := c.between(lo, hi)
		for _, y := range out {
			if x == y {
				continue draw
			}
		}
		out = append(out, x)
	}
	return out
}

// shuffled is the numbers below n in a drawn order.
func (c *ctx) shuffled(n int) []int {
	out := make([]int, n)
	for i := range out {
		j := c.below(i + 1)
		out[i] = out[j]
		out[j] = i
	}
	return out
}

var valueNames = []string{"price", "weight", "cost", "points", "speed", "score", "length", "limit", "value", "bonus", "delay", "power"}

// enumValue gives each variant a number, and maps it.
func enumValue(c *ctx, e *sumType) *Task {
	what, t := pick(c.rng, valueNames), c.intType()
	xs := c.distinctBetween(len(e.def.Variants), 1, 120)
	l := newLines()
	var m *stage
	name, doc := what, "Returns the "+what+" of the "+e.one
	if c.chance(60) {
		m = c.drawStage(numMaps, t, false)
		name, doc = what+"_"+m.frag, doc+", "+m.text
		l.open("let ", what, ": ", t.text, " = match self")
	} else {
		l.open("match self")
	}
	parts := make([]string, len(xs))
	for i, x := range xs {
		l.add(e.path(i), " => ", itoa(x), ",")
		parts[i] = itoa(x) + " for " + strings.ToLower(e.def.Variants[i].Name)
	}
	l.depth--
	if m == nil {
		l.add("}")
	} else {
		l.add("};").add(m.expr(what, precBit))
	}
	doc += ": " + listed(parts) + "."
	return e.method(name, t, l.String(), doc, func(args []Value) (Value, error) { return m.value(Int(xs[args[0].I]), nil) })
}

var labelWords = []string{
	"alpha", "beta", "gamma", "delta", "left", "right", "front", "back", "warm", "cold", "soft", "hard", "new", "old", "near", "far", "light",
	"dark", "quiet", "loud", "plain", "rich", "sharp", "blunt", "sweet", "sour", "fresh", "dry", "wet", "flat", "round", "steep",
}

// enumLabel gives each variant a word.
func enumLabel(c *ctx, e *sumType) *Task {
	what := pick(c.rng, []string{"label", "word", "mood", "kind", "note", "style"})
	start, l := c.below(len(labelWords)), newLines().open("match self")
	step := 1 + 2*c.below(len(labelWords)/2)
	words, parts := make([]string, len(e.def.Variants)), make([]string, len(e.def.Variants))
	for i := range words {
		words[i] = labelWords[(start+i*step)%len(labelWords)]
		l.add(e.path(i), ` => "`, words[i], `",`)
		parts[i] = "\"" + words[i] + "\" for " + strings.ToLower(e.def.Variants[i].Name)
	}
	t := e.method(what, scalar(Str), l.close().String(), "Returns the "+what+" of the "+e.one+": "+listed(parts)+".",
		func(args []Value) (Value, error) { return Text(words[args[0].I]), nil })
	t.result = "&'static str"
	return t
}

// enumNext moves from each variant to another.
func enumNext(c *ctx, e *sumType) *Task {
	what := pick(c.rng, []string{"next", "following", "successor", "opposite", "swapped", "advanced", "turned"})
	to, l := c.shuffled(len(e.def.Variants)), newLines().open("match self")
	parts := make([]string, len(to))
	for i, j := range to {
		l.add(e.path(i), " => ", e.path(j), ",")
		parts[i] = strings.ToLower(e.def.Variants[j].Name) + " after " + strings.ToLower(e.def.Variants[i].Name)
	}
	t := e.method(what, e.typ.as("Self"), l.close().String(), "Returns the "+what+" "+e.one+": "+listed(parts)+".", nil)
	once := func(x int64) int64 { return int64(to[x]) }
	t.eval = func(args []Value) (Value, error) { return Int(once(args[0].I)), nil }
	if c.chance(50) {
		return t
	}
	// As often as a parameter says, in a loop.
	times, v := pick(c.rng, []string{"times", "steps", "count", "rounds"}), e.short()
	l = newLines().add("let mut ", v, " = self;").open("for _ in 0..", times).open(v, " = match ", v)
	for i, j := range to {
		l.add(e.path(i), " => ", e.path(j), ",")
	}
	l.depth--
	t.Idiom, t.Name, t.Body = "loop", what+"_after_"+times, l.add("};").close().add(v).String()
	t.doc = "Returns what comes " + times + " steps behind the " + e.one + ": " + listed(parts) + "."
	t.Params = []Param{{times, scalar(U32)}}
	t.inputs = func(g *rng) []Value { return []Value{e.value(g), Int(g.between(0, 7))} }
	t.eval = func(args []Value) (Value, error) {
		x := args[0].I
		for range args[1].I {
			x = once(x)
		}
		return Int(x), nil
	}
	return t
}

// enumCode turns numbers or characters into variants.
func enumCode(c *ctx, e *sumType) *Task {
	n := len(e.def.Variants)
	t, name := c.intType(), pick(c.rng, []string{"code", "number", "id", "index", "key"})
	codes := c.distinctBetween(n, 0, 40)
	text := itoa
	if c.chance(40) {
		t, name = scalar(Char), pick(c.rng, []string{"letter", "symbol", "mark", "c"})
		for i, x := range c.distinctBetween(n, 'a', 'z') {
			codes[i] = x
		}
		text = func(x int64) string { return string(literal(nil, scalar(Char), Int(x), true)) }
	}
	l, parts := newLines().open("match ", name), make([]string, n)
	option := c.chance(70)
	for i, x := range codes {
		to := e.path(i)
		if option {
			to = "Some(" + to + ")"
		}
		if !option && i == n-1 {
			l.add("_ => ", to, ",")
			parts[i] = strings.ToLower(e.def.Variants[i].Name) + " otherwise"
			break
		}
		l.add(text(x), " => ", to, ",")
		parts[i] = strings.ToLower(e.def.Variants[i].Name) + " for " + text(x)
	}
	result, doc := e.typ.as("Self"), "Returns the "+e.one+" of "+article(name)+": "+listed(parts)+"."
	if option {
		l.add("_ => None,")
		result, doc = optionOf(e.typ, "Self"), doc[:len(doc)-1]+", or `None`."
	}
	return &Task{
		Idiom: "match", Name: "from_" + name, Self: e.def, Params: []Param{{name, t}}, Result: result, Body: l.close().String(), doc: doc,
		inputs: func(g *rng) []Value {
			if g.chance(70) {
				return []Value{Int(pick(g, codes))}
			}
			return []Value{Int(codes[0] + g.between(0, 2))}
		},
		eval: func(args []Value) (Value, error) {
			for i, x := range codes {
				if x != args[0].I && (option || i < n-1) {
					continue
				}
				if option {
					return Some(Int(int64(i))), nil
				}
				return Int(int64(i)), nil
			}
			return None(), nil
		},
	}
}

// optionOf is Option<t> in which t has another name.
func optionOf(t Type, text string) Type {
	o := option(t)
	return o.as("Option<" + text + ">")
}

// enumParse reads a variant's name or an alias.
func enumParse(c *ctx, e *sumType) *Task {
	n, name := len(e.def.Variants), pick(c.rng, []string{"text", "name", "s", "word", "input"})
	alias := c.below(len(labelWords))
	prepare := pick(c.rng, []struct {
		code string
		f    func(string) string
	}{{"", func(s string) string { return s }}, {".trim()", strings.TrimSpace}})
	l, first := newLines().open("match ", name, prepare.code), pick(c.rng, []int{1, 2, 3})
	keys := make([][]string, n)
	for i, v := range e.def.Variants {
		low := strings.ToLower(v.Name)
		keys[i] = []string{low}
		switch first {
		case 1:
			keys[i] = append(keys[i], labelWords[(alias+i)%len(labelWords)])
		case 2:
			keys[i] = []string{labelWords[(alias+3*i)%len(labelWords)]}
		}
		l.add(`"`, strings.Join(keys[i], `" | "`), `" => Some(`, e.path(i), "),")
	}
	l.add("_ => None,").close()
	doc := "Returns the " + e.one + " that `" + name + "` names"
	if prepare.code != "" {
		doc += ", without surrounding spaces"
	}
	parts := make([]string, n)
	for i, v := range e.def.Variants {
		parts[i] = strings.ToLower(v.Name) + " for \"" + strings.Join(keys[i], "\" or \"") + "\""
	}
	doc += ": " + listed(parts) + ", or `None`."
	return &Task{
		Idiom: "match", Name: "from_" + name, Self: e.def, Params: []Param{{name, scalar(Str)}}, Result: optionOf(e.typ, "Self"), Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value {
			s := pick(g, pick(g, keys))
			return []Value{Text(pick(g, []string{s, s, " " + s, s + "x", strings.ToUpper(s)}))}
		},
		eval: func(args []Value) (Value, error) {
			s := prepare.f(args[0].S)
			for i := range keys {
				for _, k := range keys[i] {
					if k == s {
						return Some(Int(int64(i))), nil
					}
				}
			}
			return None(), nil
		},
	}
}

// someVariants draws one to all but one of the variants, in order.
func (c *ctx) someVariants(e *sumType) (idx []int, pattern, prose string) {
	n := len(e.def.Variants)
	want := 1 + c.below(n-1)
	var paths, names []string
	for i, v := range e.def.Variants {
		if c.below(n-i) < want {
			want--
			idx = append(idx, i)
			paths, names = append(paths, e.path(i)), append(names, strings.ToLower(v.Name))
		}
	}
	return idx, strings.Join(paths, " | "), strings.Join(names, " or ")
}

func contains(idx []int, x int64) bool {
	for _, i := range idx {
		if int64(i) == x {
			return true
		}
	}
	return false
}

var testNames = []string{"is_special", "is_common", "needs_care", "can_move", "is_safe", "is_final", "is_early", "counts", "is_allowed", "is_light", "is_dark"}

// enumTest tells some variants from the others, perhaps together with a number.
func enumTest(c *ctx, e *sumType) *Task {
	idx, pattern, prose := c.someVariants(e)
	name := pick(c.rng, testNames)
	doc := "Returns true for " + prose
	if c.chance(30) {
		return e.method(name, scalar(Bool), newLines().add("matches!(self, ", pattern, ")").String(), doc+".",
			func(args []Value) (Value, error) { return Truth(contains(idx, args[0].I)), nil })
	}
	x, t := pick(c.rng, numNames), c.intType()
	p := c.drawStage(numPreds, t, false)
	code := operand(put(p.code, x), true)
	body := newLines().add("matches!(self, ", pattern, ") && ", code).String()
	idiom := "expression"
	if c.chance(50) || len(body) > 90 {
		idiom = "match"
		body = newLines().open("match self").add(pattern, " => ", put(p.code, x), ",").add("_ => false,").close().String()
	}
	task := e.method(name+"_with_"+p.frag, scalar(Bool), body, doc+" if `"+x+"` is "+p.text+".", func(args []Value) (Value, error) {
		return Truth(contains(idx, args[0].I) && p.holds(args[1], nil)), nil
	})
	task.Idiom, task.Params = idiom, []Param{{x, t}}
	task.inputs = func(g *rng) []Value { return []Value{e.value(g), someNumber(g, t.Kind, hintsOf(p))} }
	return task
}

// enumPair looks at two variants at once.
func enumPair(c *ctx, e *sumType) *Task {
	n := len(e.def.Variants)
	var rows [][3]int64
	var parts []string
	l, t := newLines().open("match (self, other)"), c.intType()
	what := pick(c.rng, valueNames)
	for range 2 + c.below(3) {
		a, b, x := int64(c.below(n)), int64(c.below(n)), c.between(1, 90)
		if c.chance(25) {
			b = -1
		}
		for _, row := range rows {
			if row[0] == a && (row[1] == b || row[1] < 0) || row[1] == -2 {
				a = -2
			}
		}
		if a == -2 {
			continue
		}
		rows = append(rows, [3]int64{a, b, x})
		second, with := "_", "anything"
		if b >= 0 {
			second, with = e.path(int(b)), strings.ToLower(e.def.Variants[b].Name)
		}
		parts = append(parts, itoa(x)+" for "+strings.ToLower(e.def.Variants[a].Name)+" with "+with)
		l.add("(", e.path(int(a)), ", ", second, ") => ", itoa(x), ",")
	}
	same, rest := c.between(0, 60), c.between(0, 60)
	l.add("(a, b) if a == b => ", itoa(same), ",").add("_ => ", itoa(rest), ",").close()
	doc := "Returns the " + what + " between two values: " + strings.Join(parts, ", or else ") + ", or else " + itoa(same) + " for equal ones and " + itoa(rest) +
		" otherwise."
	task := e.method(what+"_with", t, l.String(), doc, func(args []Value) (Value, error) {
		for _, row := range rows {
			if row[0] == args[0].I && (row[1] == args[1].I || row[1] == -1) {
				return Int(row[2]), nil
			}
		}
		if args[0].I == args[1].I {
			return Int(same), nil
		}
		return Int(rest), nil
	})
	task.Params = []Param{{"other", e.typ.as("Self")}}
	task.inputs = func(g *rng) []Value {
		if g.chance(50) {
			row := pick(g, rows)
			return []Value{Int(row[0]), Int(max(row[1], 0))}
		}
		return []Value{e.value(g), e.value(g)}
	}
	return task
}

// enumCount counts or adds up over a slice.
func enumCount(c *ctx, e *sumType) *Task {
	idx, pattern, prose := c.someVariants(e)
	many, one := e.short()+"s", e.short()
	pattern = strings.ReplaceAll(pattern, "Self::", e.def.Name+"::")
	if len(one)+2+len(pattern) > fnCallWidth {
		return enumCount(c, e)
	}
	t, k, other := c.intType(), c.between(1, 50), c.between(1, 50)
	weigh := c.chance(60) && other != k
	l := newLines()
	idiom, name := "loop", pick(c.rng, []string{"count", "number_of", "how_many"})+"_"+many
	doc := "Counts the " + prose + " in `" + many + "`."
	if !weigh {
		t = scalar(Usize)
		k, other = 1, 0
		expr := many + ".iter().filter(|" + one + "| matches!(" + one + ", " + pattern + ")).count()"
		if c.chance(60) && len(expr) < 90 {
			idiom = "iterator"
			l.chain("", expr, "")
		} else {
			l.add("let mut count = 0;").open("for ", one, " in ", many).open("if matches!(", one, ", ", pattern, ")").add("count += 1;").close().close().add("count")
		}
	} else {
		name = pick(c.rng, []string{"total", "sum", "points"}) + "_" + many
		doc = "Adds up " + itoa(k) + " for every " + prose + " in `" + many + "` and " + itoa(other) + " for anything else."
		l.add("let mut total = 0;").open("for ", one, " in ", many).open("total += match ", one).add(pattern, " => ", itoa(k), ",").add("_ => ", itoa(other), ",")
		l.depth--
		l.add("};").close().add("total")
	}
	return &Task{
		Idiom: idiom, Name: name, Params: []Param{{many, slice(e.typ)}}, Result: t, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value {
			var list Value
			for range g.below(5) {
				list.L = append(list.L, e.value(g))
			}
			return []Value{list}
		},
		eval: func(args []Value) (Value, error) {
			total := int64(0)
			for _, x := range args[0].L {
				if contains(idx, x.I) {
					total += k
				} else {
					total += other
				}
			}
			return Int(total), nil
		},
	}
}

// enumClassify finds the variant for a number by limits or predicates.
func enumClassify(c *ctx, e *sumType) *Task {
	t, x, n := c.intType(), pick(c.rng, []string{"score", "size", "age", "level", "count", "speed", "n", "value"}), len(e.def.Variants)
	ps := make([]*stage, n-1)
	parts := make([]string, n-1)
	l := newLines()
	for i := range ps {
		ps[i] = c.drawStage(numPreds, t, false)
		if i == 0 {
			l.open("if ", put(ps[i].code, x))
		} else {
			l.depth--
			l.open("} else if ", put(ps[i].code, x))
		}
		l.add(e.path(i))
		parts[i] = strings.ToLower(e.def.Variants[i].Name) + " if it is " + ps[i].text
	}
	l.orElse().add(e.path(n - 1)).close()
	return &Task{
		Idiom: "expression", Name: "of_" + x, Self: e.def, Params: []Param{{x, t}}, Result: e.typ.as("Self"), Body: l.String(),
		doc:    "Returns the " + e.one + " for `" + x + "`: " + strings.Join(parts, ", or else ") + ", or else " + strings.ToLower(e.def.Variants[n-1].Name) + ".",
		inputs: func(g *rng) []Value { return []Value{someNumber(g, t.Kind, hintsOf(ps...))} },
		eval: func(args []Value) (Value, error) {
			for i, p := range ps {
				if p.holds(args[0], nil) {
					return Int(int64(i)), nil
				}
			}
			return Int(int64(n - 1)), nil
		},
	}
}
