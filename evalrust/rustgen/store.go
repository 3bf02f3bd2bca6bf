package rustgen

import (
	"slices"
	"strings"
)

// storeFamilies are structs that keep something and change it over several calls.
func storeFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(5, 800), make: mk}
	}
	return []family{
		at("store/inventory", storeInventory),
		at("store/builder", storeBuilder),
		at("store/window", storeWindow),
		at("store/matrix", storeMatrix),
		at("store/ledger", storeLedger),
	}
}

// storeInventory keeps numbers by name.
func storeInventory(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{I32, I64, U32}))
	name := pick(c.rng, []string{"Inventory", "Stock", "Warehouse", "Bank", "Pantry", "Catalog"})
	mt := hashMap(scalar(Str), t)
	d := &TypeDef{Name: name, Tuple: true, Params: "<'a>", Fields: []Param{{"0", mt}}}
	f := newFailure(strings.ToLower(name))
	missing, few := f.variant("Unknown", "there is no such name"), f.variant("NotEnough", "there is less than that", t)
	checks, m, reserve := c.drawChecks(f, t, 1), c.drawStage(numMaps, t, false), c.between(0, 9)
	v := vars{"N", name, "T", t.text, "bad", put(checks[0].code, "count"), "err", checks[0].failure(f, "count"), "miss", f.new(missing), "few", f.new(few, "*left"),
		"m", m.expr("count", precBit), "need", "count"}
	if reserve > 0 {
		v[len(v)-1] = "count + " + itoa(reserve)
	}
	g := &group{uses: []string{useHashMap}, names: []string{name}}
	f.declare(g)
	g.text(v.in("\n/// Numbers by name.\n#[derive(Debug, Clone, PartialEq, Eq)]\npub struct $N<'a>(pub HashMap<&'a str, $T>);\n"))
	verb := pick(c.rng, []string{"take", "remove", "sell", "use_up"})
	l := newLines().open("if ", put(checks[0].code, "count")).add("return Err(", v.get("err"), ");").close()
	l.chain("let left = ", "self.0.get_mut(name).ok_or("+v.get("miss")+")?", ";")
	l.open("if *left < ", v.get("need")).add("return Err(", v.get("few"), ");").close().add("*left -= count;").add("Ok(", m.expr("count", precBit), ")")
	take := &Task{
		Idiom: "question mark", Name: verb + "_" + m.frag, Receiver: ByMut, Self: d, Params: []Param{{"name", scalar(Str)}, {"count", t}}, Result: result(t, f.typ), Body: l.String(),
		doc: "Takes `count` of `name` if " + itoa(reserve) + " are left then, and returns it " + m.text + "; `count` is refused with " + prose(f, checks) + ".",
		inputs: func(g *rng) []Value {
			in := lookupInput(g, t.Kind, []int64{20, 40})
			return []Value{List(in[0]), in[1], someNumber(g, t.Kind, checkHints(checks))}
		},
		eval: func(args []Value) (Value, error) {
			if e, refused := failed(f, checks, args[2]); refused {
				return List(e, args[0]), nil
			}
			e := entriesOf(args[0].L[0], true)
			i, found := slices.BinarySearchFunc(e.keys, args[1].S, func(a Value, s string) int { return strings.Compare(a.S, s) })
			if !found {
				return List(f.err(missing), args[0]), nil
			}
			left := e.values[i]
			if left.I < args[2].I+reserve {
				return List(f.err(few, left), args[0]), nil
			}
			rest, err := checked(t.Kind, left.I-args[2].I)
			if err != nil {
				return rest, err
			}
			e.values[i] = rest
			y, err := m.on(args[2])
			return List(Ok(y), List(e.value())), err
		},
	}
	if tooWide(take.Body) {
		return storeInventory(c)
	}
	g.impl(v.in("impl $N<'_>"), take)
	return g
}

// storeBuilder has methods that take a struct and return it changed.
func storeBuilder(c *ctx) *group {
	r := c.withExtras(c.record(2, 3, 20))
	a, i, b, j := c.twoFields(r)
	m, p, k := c.drawStage(numMaps, r.num, false), c.drawStage(numPreds, r.num, false), c.between(0, 50)
	x := pick(c.rng, []string{"value", "n", "amount", "x"})
	self := named(r.def).as("Self")
	set := r.method("with_"+a+"_"+m.frag, self, newLines().add("self.", a, " = ", m.expr(x, precBit), ";").add("self").String(), "Sets `"+a+"` to `"+x+"` "+m.text+".",
		func(args []Value) (Value, error) {
			y, err := m.on(args[1])
			return replaced(args[0], i, y), err
		}, nil)
	set.Receiver, set.Idiom, set.Params, set.params = ByValue, "builder", []Param{{x, r.num}}, "mut self, "+x+": "+r.num.text
	set.inputs = func(g *rng) []Value { return []Value{r.value(g, nil), someNumber(g, r.num.Kind, hintsOf(m))} }
	build := r.method("finish_"+b+"_"+p.frag+"_or_"+itoa(k), self, newLines().open("if ", put(p.neg, "self."+b)).add("self.", b, " = ", itoa(k), ";").close().add("self").String(),
		"Sets `"+b+"` to "+itoa(k)+" unless it is "+p.text+".", func(args []Value) (Value, error) {
			if p.holds(args[0].L[j], nil) {
				return args[0], nil
			}
			return replaced(args[0], j, Int(k)), nil
		}, hintsOf(p))
	build.Receiver, build.Idiom, build.params = ByValue, "builder", "mut self"
	g := &group{}
	r.declare(g)
	g.impl("impl "+r.def.Name, r.constructor(), set, build)
	return g
}

// storeWindow keeps the last few numbers.
func storeWindow(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{I32, I64, U32}))
	name := pick(c.rng, []string{"Window", "Recent", "Average", "Trend", "Monitor", "Gauge"})
	d := &TypeDef{Name: name, Tuple: true, Fields: []Param{{"0", vec(t)}}}
	size, m, p := c.between(2, 6), c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false)
	kind := c.below(3)
	v := vars{"N", name, "v", "0", "T", t.text, "size", itoa(size), "m", m.expr("value", precBit), "p", put(p.code, "value")}
	end := [...]string{"    self.$v.iter().sum()\n", "    self.$v.iter().copied().max().unwrap_or(0)\n", "    self.$v[0]\n"}[kind]
	tmpl := "    let value = if $p { $m } else { value };\n    self.$v.push(value);\n    if self.$v.len() > $size {\n        self.$v.remove(0);\n    }\n" + end
	if len("if "+v.get("p")+" { "+v.get("m")+" } else { value }") > 50 {
		return storeWindow(c)
	}
	verb := pick(c.rng, []string{"push", "record", "add", "observe"}) + [...]string{"_and_sum", "_and_max", "_and_oldest"}[kind]
	g := &group{names: []string{name}}
	g.text(v.in("/// The last few numbers.\n#[derive(Debug, Clone, PartialEq, Eq)]\npub struct $N(pub Vec<$T>);\n"))
	g.impl("impl "+name, &Task{
		Idiom: "statements", Name: verb, Receiver: ByMut, Self: d, Params: []Param{{"value", t}}, Result: t, Body: v.in(tmpl),
		doc: "Appends `value`, " + m.text + " if it is " + p.text + ", drops the oldest beyond " + itoa(size) + ", and returns " + [...]string{"the sum.", "the largest, or 0.", "the oldest."}[kind],
		inputs: func(g *rng) []Value {
			return []Value{List(numList(g, t.Kind, g.below(int(size)+1), nil)), someNumber(g, t.Kind, hintsOf(p))}
		},
		eval: func(args []Value) (Value, error) {
			y := args[1]
			if p.holds(y, nil) {
				var err error
				if y, err = m.on(y); err != nil {
					return y, err
				}
			}
			xs := append(slices.Clone(args[0].L[0].L), y)
			if int64(len(xs)) > size {
				xs = xs[1:]
			}
			sum, err := sumValues(t.Kind, xs)
			result := [...]Value{sum, best(xs, func(a, b int64) bool { return a > b }).L[0], xs[0]}[kind]
			return List(result, List(Value{L: xs})), err
		},
	})
	return g
}

// storeMatrix keeps a table in one vector.
func storeMatrix(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{I32, I64, U32}))
	name, cells := pick(c.rng, []string{"Matrix", "Grid", "Board", "Image", "Map2d", "Field"}), pick(c.rng, []string{"cells", "data", "values", "tiles", "items", "pixels", "spots"})
	width := pick(c.rng, []string{"width", "columns", "w", "stride", "row_len"})
	d := &TypeDef{Name: name, New: pick(c.rng, constructors), Fields: []Param{{width, scalar(Usize)}, {cells, vec(t)}}}
	m, p, kind := c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false), c.below(3)
	v := vars{"N", name, "w", width, "c", cells, "T", t.text, "m", m.expr("cell", precBit), "p", put(p.code, "cell"), "not", put(p.neg, "cell")}
	fn := [...]string{"row_sum_", "column_", "at_"}[kind] + p.frag + "_" + m.frag
	tmpl := [...]string{
		"    let start = row * self.$w;\n    let mut total = 0;\n    for &cell in self.$c.iter().skip(start).take(self.$w) {\n        if $p {\n            total += $m;\n        }\n    }\n    total\n",
		"    let mut result = Vec::new();\n    for &cell in self.$c.iter().skip(column).step_by(self.$w) {\n        if $p {\n            result.push($m);\n        }\n    }\n    result\n",
		"    if column >= self.$w {\n        return None;\n    }\n    let cell = *self.$c.get(row * self.$w + column)?;\n    if $not {\n        return None;\n    }\n    Some($m)\n"}[kind]
	params := [...][]Param{{{"row", scalar(Usize)}}, {{"column", scalar(Usize)}}, {{"row", scalar(Usize)}, {"column", scalar(Usize)}}}[kind]
	g := &group{names: []string{name}}
	g.text(v.in("/// A table, row by row.\n#[derive(Debug, Clone, PartialEq, Eq)]\npub struct $N {\n    $w: usize,\n    $c: Vec<$T>,\n}\n"))
	g.impl("impl "+name, d.constructor("Keeps a table of rows of one width."), &Task{
		Idiom: [...]string{"loop", "loop", "question mark"}[kind], Name: fn, Receiver: ByRef, Self: d, Params: params, Result: [...]Type{t, vec(t), option(t)}[kind], Body: v.in(tmpl),
		doc: [...]string{"Adds up the " + p.plural("cells") + " of a row, each " + m.text + ".", "Lists the " + p.plural("cells") + " of a column, each " + m.text + ".",
			"Returns the cell at a row and column, " + m.text + ", if it is there and " + p.text + "."}[kind],
		inputs: func(g *rng) []Value {
			w := 1 + g.below(3)
			args := []Value{List(Int(int64(w)), numList(g, t.Kind, w*(1+g.below(2)), hintsOf(p)))}
			for range params {
				args = append(args, Int(int64(g.below(3))))
			}
			return args
		},
		eval: func(args []Value) (Value, error) { return matrixCells(args, kind, t.Kind, p, m) },
	})
	return g
}

// matrixCells is what the methods of storeMatrix compute.
func matrixCells(args []Value, kind int, k Kind, p, m *stage) (Value, error) {
	w, cells := args[0].L[0].I, args[0].L[1].L
	var xs []Value
	for i, x := range cells {
		row, column := int64(i)/w, int64(i)%w
		if kind == 0 && row == args[1].I || kind == 1 && column == args[1].I%w && int64(i) >= args[1].I || kind == 2 && row == args[1].I && column == args[2].I {
			xs = append(xs, x)
		}
	}
	kept, err := keptValues(xs, p, m)
	switch {
	case err != nil || kind == 1:
		return Value{L: kept}, err
	case kind == 0:
		return sumValues(k, kept)
	case len(kept) == 0:
		return None(), nil
	}
	return Some(kept[0]), nil
}

// storeLedger keeps entries and answers questions about them.
func storeLedger(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{I32, I64}))
	name := pick(c.rng, []string{"Ledger", "Journal", "Diary", "Record", "Budget"})
	et := tuple(scalar(Str), t)
	d := &TypeDef{Name: name, Tuple: true, Params: "<'a>", Fields: []Param{{"0", vec(et)}}}
	m, p, limit, kind := c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false), c.between(20, 200), c.below(2)
	v := vars{"N", name, "e", "0", "T", t.text, "m", m.expr("amount", precBit), "p", put(p.code, "amount"), "limit", itoa(limit), "not", put(p.neg, "amount")}
	fn := [...]string{"balance_of_" + p.frag + "_" + m.frag, "post_" + m.frag + "_up_to_" + itoa(limit)}[kind]
	tmpl := [...]string{
		"    let mut total = 0;\n    for &(owner, amount) in &self.$e {\n        if owner != name {\n            continue;\n        }\n        if $p {\n            total += $m;\n        } else {\n            total -= amount;\n        }\n    }\n    total\n",
		"    if $p {\n        return false;\n    }\n    let booked = $m;\n    let total: $T = self.$e.iter().map(|&(_, x)| x).sum();\n    if total + booked > $limit {\n        return false;\n    }\n    self.$e.push((name, booked));\n    true\n"}[kind]
	task := &Task{
		Idiom: [...]string{"loop", "early return"}[kind], Name: fn, Receiver: ByRef, Self: d, Params: []Param{{"name", scalar(Str)}}, Result: t, Body: v.in(tmpl),
		doc: [...]string{"Adds up what `name` has: amounts that are " + p.text + " count " + m.text + ", others are subtracted.",
			"Books `amount`, " + m.text + ", for `name` and says so, unless it is " + p.text + " or the sum would exceed " + itoa(limit) + "."}[kind],
		inputs: func(g *rng) []Value {
			args := []Value{List(someEntries(g, t.Kind, 3, hintsOf(p))), Text(pick(g, shortKeys[:3]))}
			if kind == 1 {
				args = append(args, someNumber(g, t.Kind, append(hintsOf(p), limit/4)))
			}
			return args
		},
		eval: func(args []Value) (Value, error) { return bookEntries(args, kind, limit, t.Kind, p, m) },
	}
	if kind == 1 {
		task.Receiver, task.Result, task.Params = ByMut, scalar(Bool), []Param{{"name", scalar(Str).as("&'a str")}, {"amount", t}}
	}
	g := &group{names: []string{name}}
	g.text(v.in("/// Amounts by name, in order.\n#[derive(Debug, Clone, PartialEq, Eq)]\npub struct $N<'a>(pub Vec<(&'a str, $T)>);\n"))
	g.impl(v.in("impl<'a> $N<'a>"), task)
	return g
}

// bookEntries is what the methods of storeLedger compute.
func bookEntries(args []Value, kind int, limit int64, k Kind, p, m *stage) (Value, error) {
	total := int64(0)
	for _, e := range args[0].L[0].L {
		x := e.L[1]
		switch {
		case kind == 1:
			total = add(total, x.I)
		case e.L[0].S != args[1].S:
		case p.holds(x, nil):
			y, err := m.on(x)
			if err != nil {
				return y, err
			}
			total = add(total, y.I)
		default:
			total = add(total, -x.I)
		}
		if !k.fits(total) {
			return Value{}, ErrUndefined
		}
	}
	if kind == 0 {
		return Int(total), nil
	}
	if p.holds(args[2], nil) {
		return List(Truth(false), args[0]), nil
	}
	booked, err := m.on(args[2])
	if err != nil || !k.fits(add(total, booked.I)) {
		return booked, ErrUndefined
	}
	if total+booked.I > limit {
		return List(Truth(false), args[0]), nil
	}
	entries := append(slices.Clone(args[0].L[0].L), List(args[1], booked))
	return List(Truth(true), List(Value{L: entries})), nil
}
