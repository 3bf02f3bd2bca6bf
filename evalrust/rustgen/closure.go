package rustgen

import (
	"slices"
	"strings"
)

// closureFamilies take, return, keep and combine closures.
func closureFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(5, 900), make: mk}
	}
	return []family{
		at("closure/apply", closureApply),
		at("closure/over", closureOver),
		at("closure/make", closureMake),
		at("closure/compose", closureCompose),
		at("closure/named", closureNamed),
		at("closure/counter", closureCounter),
		at("closure/sort", closureSort),
		at("closure/steps", closureSteps),
		at("closure/rule", closureRule),
	}
}

// someFuncs are closures that a test passes, each made of a stage.
type someFuncs struct {
	arg    string
	stages []*stage
}

// drawFuncs draws three closures of one kind.
func (c *ctx) drawFuncs(ops []op, t Type, arg string) *someFuncs {
	f := &someFuncs{arg: arg}
	for range 3 {
		f.stages = append(f.stages, c.drawStage(ops, t, false))
	}
	return f
}

// value is one of the closures: its index and its code.
func (f *someFuncs) value(g *rng) Value {
	i := g.below(len(f.stages))
	return Value{I: int64(i), S: "|" + f.arg + "| " + put(f.stages[i].code, f.arg)}
}

func (f *someFuncs) of(v Value) *stage { return f.stages[v.I] }

// fnType is a parameter that takes a closure.
func fnType(text string) Type { return Type{Kind: Func, text: text} }

// withFunc gives a task a closure parameter, as impl Fn or as a bounded type parameter.
func (c *ctx) withFunc(t *Task, name, sig string) {
	if c.chance(50) {
		t.Params = append(t.Params, Param{name, fnType("impl " + sig)})
		return
	}
	t.Params = append(t.Params, Param{name, fnType("F")})
	c.bounded(t, "F", sig)
}

// closureApply applies a closure several times.
func closureApply(c *ctx) *group {
	t, x, f := c.intType(), pick(c.rng, numNames), pick(c.rng, []string{"f", "step", "change", "next", "op"})
	fs, m, p := c.drawFuncs(numMaps, t, "v"), c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false)
	times, y := c.between(1, 4), pick(c.rng, []string{"y", "result", "current", "value2"})
	if y == "value2" {
		y = "state"
	}
	l := newLines().add("let mut ", y, " = ", x, ";").open("for _ in 0..", itoa(times))
	guarded := c.chance(50)
	name, doc := "apply_"+itoa(times)+"_times_then_"+m.frag, "Applies `"+f+"` to `"+x+"` "+itoa(times)+" times"
	if guarded {
		l.open("if ", put(p.code, y)).add("break;").close()
		name, doc = name+"_until_"+p.frag, doc+", or until the number is "+p.text
	}
	l.add(y, " = ", f, "(", y, ");").close().add(m.expr(y, precBit))
	task := &Task{
		Idiom: "loop", Name: name, Params: []Param{{x, t}}, Result: t, Body: l.String(), doc: doc + ", and returns it " + m.text + ".",
		inputs: func(g *rng) []Value { return []Value{someNumber(g, t.Kind, hintsOf(p)), fs.value(g)} },
		eval: func(args []Value) (Value, error) {
			y := args[0]
			for range times {
				if guarded && p.holds(y, nil) {
					break
				}
				var err error
				if y, err = fs.of(args[1]).on(y); err != nil {
					return y, err
				}
			}
			return m.on(y)
		},
	}
	c.withFunc(task, f, "Fn("+t.text+") -> "+t.text)
	return single(task)
}

// closureOver runs over a slice with a closure that tests or changes.
func closureOver(c *ctx) *group {
	t, n, f := c.intType(), pick(c.rng, numNouns), pick(c.rng, []string{"keep", "accept", "test", "wanted"})
	tests := c.chance(50)
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	kind := c.below(3)
	cond, item := f+"("+n.one+")", m.expr(n.one, precBit)
	fs, sig := c.drawFuncs(numPreds, t, "v"), "Fn("+t.text+") -> bool"
	doc := "those of `" + n.many + "` for which `" + f + "` is true, " + m.text
	frag := m.frag
	if !tests {
		f = pick(c.rng, []string{"change", "score", "weigh", "convert"})
		cond, item = put(p.code, n.one), f+"("+n.one+")"
		fs, sig = c.drawFuncs(numMaps, t, "v"), "Fn("+t.text+") -> "+t.text
		doc, frag = "what `"+f+"` makes of the "+p.plural(n.plural())+" in `"+n.many+"`", p.frag
	}
	l, idiom := newLines(), "loop"
	acc := [...]string{"total", "result", "best"}[kind]
	l.add([...]string{"let mut total = 0;", "let mut result = Vec::new();", "let mut best = None;"}[kind]).open("for &", n.one, " in ", n.many).open("if ", cond)
	switch kind {
	case 0:
		l.add("total += ", item, ";")
	case 1:
		l.add("result.push(", item, ");")
	default:
		l.add("let y = ", item, ";").open("if best.is_none_or(|b| y > b)").add("best = Some(y);").close()
	}
	l.close().close().add(acc)
	task := &Task{
		Idiom: idiom, Name: [...]string{"sum_", "collect_", "largest_"}[kind] + f + "_" + frag, Params: []Param{{n.many, slice(t)}},
		Result: [...]Type{t, vec(t), option(t)}[kind], Body: l.String(), doc: [...]string{"Adds up ", "Collects ", "Returns the largest of "}[kind] + doc + ".",
		inputs: func(g *rng) []Value {
			return []Value{numList(g, t.Kind, g.below(5), append(hintsOf(p), hintsOf(fs.stages...)...)), fs.value(g)}
		},
		eval: func(args []Value) (Value, error) {
			test, change := fs.of(args[1]), m
			if !tests {
				test, change = p, fs.of(args[1])
			}
			kept, err := keptValues(args[0].L, test, change)
			switch {
			case err != nil || kind == 1:
				return Value{L: kept}, err
			case kind == 2:
				return best(kept, func(a, b int64) bool { return a > b }), nil
			}
			return sumValues(t.Kind, kept)
		},
	}
	c.withFunc(task, f, sig)
	return single(task)
}

// closureMake returns a closure that keeps a number.
func closureMake(c *ctx) *group {
	t, k := c.intType(), pick(c.rng, []string{"k", "amount", "base", "offset", "other"})
	o, m, p := c.pairOp(t.Kind), c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false)
	name := pick(c.rng, []string{"make", "build", "maker", "closure"}) + "_" + o.frag + "_" + m.frag
	expr := expand(o.code, "x", k)
	l, branch := newLines().open("move |x|"), c.chance(50)
	doc := "Returns a closure that gives " + expand(o.text, "x", k)
	if branch {
		l.add("let y = ", expr, ";").open("if ", put(p.code, "y")).add(m.expr("y", precBit)).orElse().add("y").close()
		name, doc = name+"_if_"+p.frag, doc+", and that "+m.text+" if it is "+p.text
	} else {
		l.add("let y = ", expr, ";").add(m.expr("y", precBit))
		doc += ", " + m.text
	}
	sig := "Fn(" + t.text + ") -> " + t.text
	task := &Task{
		Idiom: "closure", Name: name, later: 1, Params: []Param{{k, t}, {"x", t}}, Result: t, result: "impl " + sig, Body: l.close().String(), call: name + "($0)($1)",
		doc:    doc + ".",
		inputs: func(g *rng) []Value { return numList(g, t.Kind, 2, nil).L },
		eval: func(args []Value) (Value, error) {
			y, err := checked(t.Kind, o.f(args[1].I, args[0].I))
			if err != nil || branch && !p.holds(y, nil) {
				return y, err
			}
			return m.on(y)
		},
	}
	if c.chance(30) {
		task.result, task.Body = "Box<dyn "+sig+">", ""
		l = newLines().open("Box::new(move |x|").add("let y = ", expr, ";")
		if branch {
			l.open("if ", put(p.code, "y")).add(m.expr("y", precBit)).orElse().add("y").close()
		} else {
			l.add(m.expr("y", precBit))
		}
		l.depth--
		task.Body = l.add("})").String()
	}
	return single(task)
}

// closureCompose chains two closures with something between them.
func closureCompose(c *ctx) *group {
	t := c.intType()
	fg := pick(c.rng, [][2]string{{"f", "g"}, {"first", "second"}, {"inner", "outer"}, {"before", "after"}})
	fs, gs := c.drawFuncs(numMaps, t, "v"), c.drawFuncs(numMaps, t, "v")
	m, k := c.drawStage(numMaps, t, false), c.drawStage(numMaps, t, false)
	name := "compose_" + m.frag + "_" + k.frag
	sig := "impl Fn(" + t.text + ") -> " + t.text
	l := newLines().open("move |x|").add("let y = ", fg[0], "(", m.expr("x", precBit), ");").add(fg[1], "(", k.expr("y", precBit), ")").close()
	return single(&Task{
		Idiom: "closure", Name: name, later: 1, Params: []Param{{fg[0], fnType(sig)}, {fg[1], fnType(sig)}, {"x", t}}, Result: t,
		result: sig, Body: l.String(), call: name + "($0, $1)($2)",
		doc:    "Returns a closure that gives `" + fg[0] + "` its argument " + m.text + ", and `" + fg[1] + "` what comes out " + k.text + ".",
		inputs: func(g *rng) []Value { return []Value{fs.value(g), gs.value(g), someNumber(g, t.Kind, nil)} },
		eval: func(args []Value) (Value, error) {
			y := args[2]
			var err error
			for _, s := range []*stage{m, fs.of(args[0]), k, gs.of(args[1])} {
				if y, err = s.on(y); err != nil {
					return y, err
				}
			}
			return y, nil
		},
	})
}

// closureNamed finds an operation by its name.
func closureNamed(c *ctx) *group {
	t, n := c.intType(), 2+c.below(3)
	key := pick(c.rng, []string{"name", "word", "command", "op"})
	words := pick(c.rng, [][]string{{"one", "two", "three", "four"}, {"red", "green", "blue", "gray"}, {"up", "down", "left", "right"}, {"grow", "shrink", "bend", "turn"},
		{"a", "b", "c", "d"}, {"fast", "slow", "late", "early"}, {"add", "sub", "mul", "mod"}})[:n]
	stages := make([]*stage, n)
	l := newLines().open("match ", key)
	says := make([]string, n)
	for i, w := range words {
		stages[i] = c.drawStage(numMaps, t, false)
		says[i] = "\"" + w + "\" for " + stages[i].text
		arg := "x"
		if c := stages[i].code; len(c) > 2 && (c[:2] == "$." || c[:2] == "($" || c[0] == '-') {
			arg = "x: " + t.text
		}
		l.add(`"`, w, `" => Some(Box::new(|`, arg, `| `, put(stages[i].code, "x"), ")),")
	}
	l.add("_ => None,").close()
	name := pick(c.rng, []string{"operation", "action", "function", "effect"}) + "_by_" + key
	return single(&Task{
		Idiom: "match", Name: name, later: 1, Params: []Param{{key, scalar(Str)}, {"x", t}}, Result: option(t), result: "Option<Box<dyn Fn(" + t.text + ") -> " + t.text + ">>",
		Body: l.String(), call: name + "($0).map(|f| f($1))", doc: "Returns the operation with a name: " + listed(says) + ", or `None`.",
		inputs: func(g *rng) []Value {
			return []Value{Text(pick(g, append(words[:n:n], "x"))), someNumber(g, t.Kind, nil)}
		},
		eval: func(args []Value) (Value, error) {
			i := slices.Index(words, args[0].S)
			if i < 0 {
				return None(), nil
			}
			y, err := stages[i].on(args[1])
			return Some(y), err
		},
	})
}

// closureCounter returns a closure that changes what it keeps.
func closureCounter(c *ctx) *group {
	t, start := scalar(pick(c.rng, []Kind{U32, U64, I32, I64})), pick(c.rng, []string{"start", "first", "seed", "from"})
	m, p, k := c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	mod, state := c.between(20, 999), pick(c.rng, []string{"state", "current", "n", "value"})
	calls := c.between(1, 3)
	name := pick(c.rng, []string{"counter", "numbers", "ticker", "sequence"}) + "_modulo_" + itoa(mod)
	l := newLines().add("let mut ", state, " = ", start, ";").open("move ||")
	branch := c.chance(50)
	doc := "Returns a closure that makes its number, at first `" + start + "`, " + m.text
	if branch {
		l.open("if ", put(p.code, state)).add(state, " = ", k.expr(state, precMul), " % ", itoa(mod), ";").orElse()
		l.add(state, " = ", m.expr(state, precMul), " % ", itoa(mod), ";").close()
		doc += ", or " + k.text + " if it is " + p.text + ","
	} else {
		l.add(state, " = ", m.expr(state, precMul), " % ", itoa(mod), ";")
	}
	doc += " modulo " + itoa(mod) + " and returns it, at each call."
	return single(&Task{
		Idiom: "closure", Name: name, Params: []Param{{start, t}}, Result: option(t), result: "impl FnMut() -> " + t.text, Body: l.add(state).close().String(),
		call: "std::iter::repeat_with(" + name + "($0)).nth(" + itoa(calls) + ")", doc: doc,
		inputs: func(g *rng) []Value { return []Value{someNumber(g, t.Kind, hintsOf(p))} },
		eval: func(args []Value) (Value, error) {
			y := args[0]
			for range calls + 1 {
				s := m
				if branch && p.holds(y, nil) {
					s = k
				}
				var err error
				if y, err = s.on(y); err != nil {
					return y, err
				}
				y.I %= mod
			}
			return Some(y), nil
		},
	})
}

// closureSort sorts by a key that a closure makes.
func closureSort(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	m, k, p := c.drawStage(numMaps, t, false), c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false)
	l, kind := newLines().add("let mut result = ", n.many, ".to_vec();"), c.below(3)
	name, doc := "sorted_by_"+m.frag, "Sorts a copy of `"+n.many+"` by each number "+m.text
	switch kind {
	case 0:
		l.chain("", "result.sort_by_key(|&"+n.one+"| "+m.expr(n.one, precBit)+")", ";")
	case 1:
		l.open("result.sort_by(|&a, &b|").add("let left = ", m.expr("a", precBit), ";").add("let right = ", m.expr("b", precBit), ";").add("right.cmp(&left)").depth--
		l.add("});")
		name, doc = name+"_descending", doc+", the largest first"
	default:
		l.open("result.sort_by_key(|&", n.one, "|").add("let first = ", put(p.code, n.one), ";").open("if first").add(m.expr(n.one, precBit)).orElse().add(k.expr(n.one, precBit)).close().depth--
		l.add("});")
		name, doc = name+"_if_"+p.frag+"_else_"+k.frag, doc+" if it is "+p.text+", and else "+k.text
	}
	key := func(x Value) (Value, error) {
		if kind == 2 && !p.holds(x, nil) {
			return k.on(x)
		}
		return m.on(x)
	}
	return single(&Task{
		Idiom: "sort", Name: name, Params: []Param{{n.many, slice(t)}}, Result: vec(t), Body: l.add("result").String(), doc: doc + ".", inputs: sliceInput(t, 5, m, p),
		eval: func(args []Value) (Value, error) {
			type item struct {
				x   Value
				key int64
			}
			items := make([]item, len(args[0].L))
			for i, x := range args[0].L {
				y, err := key(x)
				if err != nil {
					return y, err
				}
				items[i] = item{x, y.I}
			}
			slices.SortStableFunc(items, func(a, b item) int {
				if kind == 1 {
					a, b = b, a
				}
				return int(order(a.key, b.key)) - 1
			})
			var out Value
			for _, it := range items {
				out.L = append(out.L, it.x)
			}
			return out, nil
		},
	})
}

// closureSteps applies an array of functions in turn.
func closureSteps(c *ctx) *group {
	t, x, n := c.intType(), pick(c.rng, numNames), 2+c.below(3)
	v := pick(c.rng, []string{"v", "y", "z", "a"})
	if v == x {
		v = "y"
	}
	stages, frags, texts := make([]*stage, n), make([]string, n), make([]string, n)
	l := newLines().add("let steps: [fn(", t.text, ") -> ", t.text, "; ", itoa(int64(n)), "] = [")
	l.depth++
	codes := make([]string, n)
	for i := range stages {
		stages[i] = c.drawStage(numMaps, t, false)
		frags[i], texts[i] = stages[i].frag, stages[i].text
		codes[i] = "|" + v + "| " + put(stages[i].code, v)
		l.add(codes[i], ",")
	}
	l.depth--
	l.add("];")
	if list := listLine(codes); len(list) <= arrayWidth {
		l = newLines().add("let steps: [fn(", t.text, ") -> ", t.text, "; ", itoa(int64(n)), "] = [", list, "];")
		if tooWide(l.String()) {
			return closureSteps(c)
		}
	}
	idiom := "fold"
	if c.chance(50) {
		l.add("steps.iter().fold(", x, ", |", v, ", step| step(", v, "))")
	} else {
		idiom = "loop"
		l.add("let mut result = ", x, ";").open("for step in steps").add("result = step(result);").close().add("result")
	}
	name := frags[0] + "_then_" + frags[1]
	if n > 2 {
		name += "_and_" + itoa(int64(n-2)) + "_more"
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: []Param{{x, t}}, Result: t, Body: l.String(), doc: "Returns `" + x + "` " + joinThen(texts) + ".", inputs: numberInputs(t, stages...),
		eval: func(args []Value) (Value, error) {
			y := args[0]
			var err error
			for _, s := range stages {
				if y, err = s.on(y); err != nil {
					return y, err
				}
			}
			return y, nil
		},
	})
}

func listLine(parts []string) string {
	s := parts[0]
	for _, p := range parts[1:] {
		s += ", " + p
	}
	return s
}

func joinThen(texts []string) string {
	s := texts[0]
	for _, t := range texts[1:] {
		s += ", then " + t
	}
	return s
}

// closureRule keeps a closure in a struct.
func closureRule(c *ctx) *group {
	t := c.intType()
	name := pick(c.rng, []string{"Rule", "Filter", "Check", "Bonus", "Policy", "Trigger", "Alarm", "Gate"})
	test, amount := pick(c.rng, []string{"test", "applies", "matches", "wanted"}), pick(c.rng, []string{"bonus", "amount", "extra", "fee"})
	fs, m, o := c.drawFuncs(numPreds, t, "v"), c.drawStage(numMaps, t, false), c.pairOp(t.Kind)
	d := &TypeDef{Name: name, New: pick(c.rng, constructors), Fields: []Param{{test, fnType("F")}, {amount, t}}}
	bound := "F: Fn(" + t.text + ") -> bool"
	v := vars{"N", name, "test", test, "amount", amount, "T", t.text, "bound", bound}
	g := &group{names: []string{name}}
	g.text(v.in("/// " + upperFirst(article(name)) + " with a test and " + article(amount) + ".\npub struct $N<F> {\n    $test: F,\n    $amount: $T,\n}\n"))
	method := pick(c.rng, []string{"apply", "run", "adjust", "change"})
	over := c.chance(40)
	l := newLines().open("if (self.", test, ")(x)").add("let y = ", expand(o.code, "x", "self."+amount), ";").add(m.expr("y", precBit)).orElse().add("x").close()
	task := &Task{
		Idiom: "branch", Name: method + "_" + o.frag + "_" + m.frag, Receiver: ByRef, Self: d, Params: []Param{{"x", t}}, Result: t, Body: l.String(),
		doc: "Returns " + expand(o.text, "x", amount) + ", " + m.text + ", if the test holds for `x`, or `x` itself.",
	}
	one := func(self, x Value) (Value, error) {
		if !fs.of(self.L[0]).holds(x, nil) {
			return x, nil
		}
		y, err := checked(t.Kind, o.f(x.I, self.L[1].I))
		if err != nil {
			return y, err
		}
		return m.on(y)
	}
	task.eval = func(args []Value) (Value, error) { return one(args[0], args[1]) }
	task.inputs = func(g *rng) []Value {
		return []Value{List(fs.value(g), someNumber(g, t.Kind, nil)), someNumber(g, t.Kind, hintsOf(fs.stages...))}
	}
	if over {
		task.Idiom, task.Name = "iterator", method+"_all_"+o.frag+"_"+m.frag
		task.Params, task.Result = []Param{{"xs", slice(t)}}, vec(t)
		task.Body = newLines().add("let mut result = Vec::new();").open("for &x in xs").open("if (self.", test, ")(x)").add("let y = ", expand(o.code, "x", "self."+amount), ";").
			add("result.push(", m.expr("y", precBit), ");").orElse().add("result.push(x);").close().close().add("result").String()
		task.doc = "Returns, for each x of `xs`, " + expand(o.text, "x", amount) + ", " + m.text + ", if the test holds for it, or x itself."
		task.eval = func(args []Value) (Value, error) {
			var out Value
			for _, x := range args[1].L {
				y, err := one(args[0], x)
				if err != nil {
					return y, err
				}
				out.L = append(out.L, y)
			}
			return out, nil
		}
		task.inputs = func(g *rng) []Value {
			return []Value{List(fs.value(g), someNumber(g, t.Kind, nil)), numList(g, t.Kind, g.below(4), hintsOf(fs.stages...))}
		}
	}
	g.impl(v.in("impl<$bound> $N<F>"), d.constructor("Creates "+article(strings.ToLower(name))+"."), task)
	return g
}
