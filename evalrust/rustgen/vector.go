package rustgen

import (
	"cmp"
	"slices"
	"strings"
)

// vectorFamilies are functions on slices, vectors and grids that are not a chain of predicate, map and reduction.
func vectorFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(3, 600), make: mk}
	}
	return []family{
		at("vec/steps", vecSteps),
		at("vec/in_place", vecInPlace),
		at("vec/retain", vecRetain),
		at("vec/chunks", vecChunks),
		at("vec/common", vecCommon),
		at("vec/longest_run", vecLongestRun),
		at("vec/pairs", vecPairs),
		at("vec/prefix", vecPrefix),
		at("vec/merge", vecMerge),
		at("grid/count", gridCount),
		at("grid/build", gridBuild),
		at("grid/line", gridLine),
		at("grid/map", gridMap),
	}
}

// vecStep is one operation on a vector called "result".
type vecStep struct {
	code, frag, text string
	reads            bool // takes the constant k
	p                *stage
	f                func(xs []Value, k int) []Value
}

var vecOperations = []vecStep{
	{code: "result.sort_unstable();", frag: "sort", text: "sorts them", f: func(xs []Value, _ int) []Value {
		slices.SortFunc(xs, func(a, b Value) int { return cmp.Compare(a.I, b.I) })
		return xs
	}},
	{code: "result.reverse();", frag: "reverse", text: "reverses their order", f: func(xs []Value, _ int) []Value {
		slices.Reverse(xs)
		return xs
	}},
	{code: "result.dedup();", frag: "dedup", text: "drops repeated neighbours", f: func(xs []Value, _ int) []Value {
		return slices.CompactFunc(xs, Value.Equal)
	}},
	{code: "result.truncate($k);", frag: "truncate_$k", text: "keeps the first $k", reads: true, f: func(xs []Value, k int) []Value { return xs[:min(k, len(xs))] }},
	{code: "result.push($k);", frag: "push_$k", text: "appends $k", reads: true, f: func(xs []Value, k int) []Value { return append(xs, Int(int64(k))) }},
	{code: "result.insert(0, $k);", frag: "insert_$k", text: "puts $k in front", reads: true, f: func(xs []Value, k int) []Value {
		return slices.Insert(xs, 0, Int(int64(k)))
	}},
	{code: "result.pop();", frag: "pop", text: "drops the last", f: func(xs []Value, _ int) []Value { return xs[:max(len(xs)-1, 0)] }},
	{code: "result.resize($k, 0);", frag: "resize_$k", text: "makes them $k by dropping from the end or adding zeros", reads: true, f: func(xs []Value, k int) []Value {
		for len(xs) < k {
			xs = append(xs, Value{})
		}
		return xs[:k]
	}},
	{code: "retain", frag: "retain", text: "keeps", f: nil},
	{code: "map", frag: "map", text: "makes each", f: nil},
}

// drawVecStep draws an operation with its constant, predicate or map.
func (c *ctx) drawVecStep(t Type, one string) (vecStep, int) {
	s, k := pick(c.rng, vecOperations), int(c.between(2, 9))
	v := vars{"k", itoa(int64(k))}
	switch s.frag {
	case "retain":
		s.p = c.drawStage(numPreds, t, false)
		s.code = "result.retain(|&" + one + "| " + put(s.p.code, one) + ");"
		s.frag, s.text = "keep_"+s.p.frag, "keeps "+s.p.plural("those")
		if s.p.pre {
			s.text = "keeps the " + s.p.text + " ones"
		}
	case "map":
		s.p = c.drawStage(numMaps, t, false)
		s.code = "result = result.into_iter().map(|" + one + "| " + s.p.expr(one, precBit) + ").collect();"
		s.frag, s.text = "each_"+s.p.frag, "makes each "+s.p.text
		if len(s.code) > chainWidth+10 {
			return c.drawVecStep(t, one)
		}
	default:
		s.code, s.frag, s.text = v.in(s.code), v.in(s.frag), v.in(s.text)
	}
	return s, k
}

func (s *vecStep) apply(xs []Value, k int) ([]Value, error) {
	if s.f != nil {
		return s.f(xs, k), nil
	}
	if s.p.test != nil {
		return keptValues(xs, s.p, nil)
	}
	return keptValues(xs, nil, s.p)
}

// vecSteps applies two or three operations one after the other.
func vecSteps(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{I32, I64, U32})), pick(c.rng, numNouns)
	var steps []vecStep
	var ks []int
	frags, texts := []string{}, []string{}
	l := newLines().add("let mut result = ", n.many, ".to_vec();")
	for len(steps) < 2+c.below(2) {
		s, k := c.drawVecStep(t, n.one)
		if len(steps) > 0 && strings.Split(steps[len(steps)-1].frag, "_")[0] == strings.Split(s.frag, "_")[0] {
			continue
		}
		steps, ks = append(steps, s), append(ks, k)
		frags, texts = append(frags, s.frag), append(texts, s.text)
		if strings.HasPrefix(s.code, "result = ") {
			l.chain("result = ", strings.TrimSuffix(strings.TrimPrefix(s.code, "result = "), ";"), ";")
		} else {
			l.add(s.code)
		}
	}
	return single(&Task{
		Idiom: "statements", Name: strings.Join(frags, "_then_"), Params: []Param{{n.many, slice(t)}}, Result: vec(t), Body: l.add("result").String(),
		doc:    "Copies `" + n.many + "`, then " + listed(texts) + ".",
		inputs: sliceInput(t, 6, steps[0].p, steps[1].p),
		eval: func(args []Value) (Value, error) {
			xs := slices.Clone(args[0].L)
			for i := range steps {
				var err error
				if xs, err = steps[i].apply(xs, ks[i]); err != nil {
					return Value{}, err
				}
			}
			return Value{L: xs}, nil
		},
	})
}

// byOperator says whether a stage's code starts with the element and an operator, so that "*x" can stand for it.
func (s *stage) byOperator() bool { return strings.HasPrefix(s.code, "$ ") }

// vecInPlace changes elements of a mutable slice.
func vecInPlace(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	l, idiom := newLines(), "loop"
	if p.byOperator() && m.byOperator() {
		star := "*" + n.one
		over := pick(c.rng, []string{n.many, n.many + ".iter_mut()"})
		l.open("for ", n.one, " in ", over).open("if ", put(p.code, star)).add(m.assign(star)).close().close()
	} else {
		idiom = "index"
		at := n.many + "[i]"
		l.open("for i in 0..", n.many, ".len()").open("if ", put(p.code, at)).add(m.assign(at)).close().close()
	}
	return single(&Task{
		Idiom: idiom, Name: "update_" + p.frag + "_" + m.frag, Params: []Param{{n.many, refMut(vec(t)).as("&mut [" + t.text + "]")}}, Result: scalar(Unit), Body: l.String(),
		doc: "Replaces the " + p.plural(n.plural()) + " in `" + n.many + "`: each gets " + m.text + ".", inputs: sliceInput(t, 5, p),
		eval: func(args []Value) (Value, error) {
			xs := slices.Clone(args[0].L)
			for i, x := range xs {
				if p.holds(x, nil) {
					y, err := m.on(x)
					if err != nil {
						return y, err
					}
					xs[i] = y
				}
			}
			return Value{L: xs}, nil
		},
	})
}

// vecRetain drops elements and says how many.
func vecRetain(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	p, q := c.twoStages(numPreds, t)
	code, frag, prose := put(p.code, n.one), p.frag, p.plural(n.plural())
	both, either := false, false
	switch c.below(3) {
	case 0:
		both = true
		code, frag = operand(code, true)+" && "+operand(put(q.code, n.one), true), p.frag+"_and_"+q.frag
		prose = n.plural() + " that are " + p.text + " and " + q.text
	case 1:
		either = true
		code, frag = operand(code, false)+" || "+operand(put(q.code, n.one), false), p.frag+"_or_"+q.frag
		prose = n.plural() + " that are " + p.text + " or " + q.text
	}
	l := newLines().add("let before = ", n.many, ".len();").chain("", n.many+".retain(|&"+n.one+"| "+code+")", ";").add("before - ", n.many, ".len()")
	if tooWide(l.String()) || len(code) > chainWidth {
		return vecRetain(c)
	}
	return single(&Task{
		Idiom: "iterator", Name: "retain_" + frag, Params: []Param{{n.many, refMut(vec(t))}}, Result: scalar(Usize), Body: l.String(),
		doc:    "Keeps only the " + prose + " in `" + n.many + "` and returns how many others there were.",
		inputs: sliceInput(t, 6, p, q),
		eval: func(args []Value) (Value, error) {
			var kept []Value
			for _, x := range args[0].L {
				if a, b := p.holds(x, nil), q.holds(x, nil); a && b || a && !both || b && either {
					kept = append(kept, x)
				}
			}
			return List(Int(int64(len(args[0].L)-len(kept))), Value{L: kept}), nil
		},
	})
}

// chunkFold is what becomes of a chunk.
type chunkFold struct {
	name, code string // of "part"
	f          func(k Kind, xs []Value) (Value, error)
}

var chunkFolds = []chunkFold{
	{"sums", "part.iter().sum::<$t>()", sumValues},
	{"first_elements", "part[0]", func(_ Kind, xs []Value) (Value, error) { return xs[0], nil }},
	{"last_elements", "part[part.len() - 1]", func(_ Kind, xs []Value) (Value, error) { return xs[len(xs)-1], nil }},
	{"sums_of_ends", "part[0] + part[part.len() - 1]", func(k Kind, xs []Value) (Value, error) {
		return checked(k, add(xs[0].I, xs[len(xs)-1].I))
	}},
	{"lengths", "part.len() as $t", func(_ Kind, xs []Value) (Value, error) { return Int(int64(len(xs))), nil }},
}

// vecChunks cuts a slice into chunks or windows and maps what becomes of each.
func vecChunks(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	size, fold := int(c.between(2, 6)), pick(c.rng, chunkFolds)
	m, p := c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false)
	method, what := "chunks", "chunks"
	if c.chance(40) {
		method, what = "windows", "windows"
	}
	filtered := c.chance(50)
	code := vars{"t", t.text}.in(fold.code)
	v := pick(c.rng, []string{"x", "y", "one"})
	over := n.many + "." + method + "(" + itoa(int64(size)) + ")"
	l, idiom := newLines(), "loop"
	if !filtered && c.chance(50) {
		idiom = "iterator"
		l.chain("", over+".map(|part| "+code+").map(|"+v+"| "+m.expr(v, precBit)+").collect()", "")
	} else {
		l.add("let mut result = Vec::new();").open("for part in ", over).add("let ", v, " = ", code, ";")
		if filtered {
			l.open("if ", put(p.code, v)).add("result.push(", m.expr(v, precBit), ");").close()
		} else {
			l.add("result.push(", m.expr(v, precBit), ");")
		}
		l.close().add("result")
	}
	name := what + "_of_" + itoa(int64(size)) + "_" + fold.name + "_" + m.frag
	doc := "Cuts `" + n.many + "` into " + what + " of " + itoa(int64(size)) + " and returns their " + strings.ReplaceAll(fold.name, "_", " ") + ", each " + m.text
	if filtered {
		name += "_if_" + p.frag
		doc += ", where they are " + p.text
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: []Param{{n.many, slice(t)}}, Result: vec(t), Body: l.String(), doc: doc + ".", inputs: sliceInput(t, 8, m, p),
		eval: func(args []Value) (Value, error) {
			var out Value
			for _, part := range cut(args[0].L, size, method == "windows") {
				x, err := fold.f(t.Kind, part)
				if err != nil {
					return x, err
				}
				if filtered && !p.holds(x, nil) {
					continue
				}
				y, err := m.on(x)
				if err != nil {
					return y, err
				}
				out.L = append(out.L, y)
			}
			return out, nil
		},
	})
}

// cut is what chunks or windows of a size iterate over.
func cut(xs []Value, size int, overlap bool) [][]Value {
	var parts [][]Value
	if overlap {
		for i := 0; i+size <= len(xs); i++ {
			parts = append(parts, xs[i:i+size])
		}
		return parts
	}
	for len(xs) > 0 {
		k := min(size, len(xs))
		parts, xs = append(parts, xs[:k]), xs[k:]
	}
	return parts
}

// vecCommon keeps elements of one slice that are in another, or are not.
func vecCommon(c *ctx) *group {
	t := c.intType()
	ab := pick(c.rng, [][3]string{{"left", "right", "x"}, {"first", "second", "v"}, {"a", "b", "x"}, {"wanted", "known", "n"}, {"old", "new", "item"}})
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	in := c.chance(50)
	test, frag, text := "!"+ab[1]+".contains(&"+ab[2]+")", "missing", "not in"
	if in {
		test, frag, text = ab[1]+".contains(&"+ab[2]+")", "common", "also in"
	}
	l := newLines().add("let mut result = Vec::new();").open("for &", ab[2], " in ", ab[0])
	idiom := "loop"
	if cond := test + " && " + operand(put(p.code, ab[2]), true); c.chance(50) && len(cond) < 60 {
		l.open("if ", cond).add("result.push(", m.expr(ab[2], precBit), ");").close()
	} else {
		idiom = "continue"
		skip := strings.TrimPrefix(test, "!")
		if in {
			skip = "!" + test
		}
		l.open("if ", skip).add("continue;").close().open("if ", put(p.code, ab[2])).add("result.push(", m.expr(ab[2], precBit), ");").close()
	}
	l.close().add("result")
	return single(&Task{
		Idiom: idiom, Name: frag + "_" + p.frag + "_" + m.frag, Params: []Param{{ab[0], slice(t)}, {ab[1], slice(t)}}, Result: vec(t), Body: l.String(),
		doc: "Returns the " + p.plural("elements") + " of `" + ab[0] + "` that are " + text + " `" + ab[1] + "`, each " + m.text + ".",
		inputs: func(g *rng) []Value {
			a := numList(g, t.Kind, g.below(5), hintsOf(p))
			b := numList(g, t.Kind, 1+g.below(3), hintsOf(p))
			if len(a.L) > 1 && g.chance(60) {
				b.L[0] = a.L[1]
			}
			return []Value{a, b}
		},
		eval: func(args []Value) (Value, error) {
			var kept []Value
			for _, x := range args[0].L {
				if slices.ContainsFunc(args[1].L, x.Equal) == in {
					kept = append(kept, x)
				}
			}
			out, err := keptValues(kept, p, m)
			return Value{L: out}, err
		},
	})
}

// vecLongestRun measures the longest run of neighbours that a predicate holds for.
func vecLongestRun(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	p, least := c.drawStage(numPreds, t, false), c.between(1, 9)
	q, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	names := pick(c.rng, [][2]string{{"best", "run"}, {"longest", "current"}, {"most", "length"}, {"record", "streak"}})
	best, run := names[0], names[1]
	l := newLines().add("let mut ", best, " = 0;").add("let mut ", run, " = 0;").open("for &", n.one, " in ", n.many)
	name, doc := "longest_run_"+p.frag, "Returns the length of the longest run of "+p.plural(n.plural())+" in `"+n.many+"`"
	kind := c.below(3)
	result := scalar(Usize)
	switch kind {
	case 0:
		l.open("if ", put(p.code, n.one)).add(run, " += 1;").add(best, " = ", best, ".max(", run, ");").orElse().add(run, " = 0;").close().close()
		l.open("if ", best, " < ", itoa(least)).add("return 0;").close().add(best)
		name, doc = name+"_of_"+itoa(least), doc+", or 0 below "+itoa(least)
	case 1:
		l.open("if ", operand(put(p.code, n.one), false), " || ", operand(put(q.code, n.one), false)).add(run, " += 1;").orElse().add(run, " = 0;").close()
		l.add(best, " = ", best, ".max(", run, ");").close().add(best)
		name, doc = name+"_or_"+q.frag, "Returns the length of the longest run of elements in `"+n.many+"` that are "+p.text+" or "+q.text
	default:
		result = t
		l.open("if ", put(p.code, n.one)).add(run, " += ", m.expr(n.one, precBit), ";").add(best, " = ", best, ".max(", run, ");").orElse().add(run, " = 0;").close().close().add(best)
		s := strings.Replace(l.String(), "let mut "+best+" = 0;", "let mut "+best+": "+t.text+" = 0;", 1)
		l = newLines()
		l.b.WriteString(s)
		name, doc = "largest_sum_of_run_"+p.frag+"_"+m.frag, "Returns the largest sum over a run of "+p.plural(n.plural())+" in `"+n.many+"`, each "+m.text+", or 0"
	}
	return single(&Task{
		Idiom: "loop", Name: name, Params: []Param{{n.many, slice(t)}}, Result: result, Body: l.String(), doc: doc + ".", inputs: sliceInput(t, 8, p, q),
		eval: func(args []Value) (Value, error) {
			top, cur := int64(0), int64(0)
			for _, x := range args[0].L {
				in, step := p.holds(x, nil) || kind == 1 && q.holds(x, nil), int64(1)
				if in && kind == 2 {
					y, err := m.on(x)
					if err != nil {
						return y, err
					}
					step = y.I
				}
				if !in {
					cur = 0
					continue
				}
				if cur = add(cur, step); kind == 2 && !t.Kind.fits(cur) {
					return Value{}, ErrUndefined
				}
				top = max(top, cur)
			}
			if kind == 0 && top < least {
				top = 0
			}
			return Int(top), nil
		},
	})
}

// vecPairs looks at every pair of elements.
func vecPairs(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	o, p := c.pairOp(t.Kind), c.drawStage(numPreds, t, false)
	a, b := n.many+"[i]", n.many+"[j]"
	expr := expand(o.code, a, b)
	l := newLines()
	kind := c.below(3)
	if kind != 1 {
		l.add("let mut ", [...]string{"count", "", "total"}[kind], " = 0;")
	}
	l.open("for i in 0..", n.many, ".len()").open("for j in i + 1..", n.many, ".len()").add("let d = ", expr, ";").open("if ", put(p.code, "d"))
	result, name, doc := scalar(Usize), "count_pairs", "Counts the pairs"
	switch kind {
	case 0:
		l.add("count += 1;").close().close().close().add("count")
	case 1:
		l.add("return Some((i, j));").close().close().close().add("None")
		result, name, doc = option(tuple(scalar(Usize), scalar(Usize))), "first_pair", "Returns the indices of the first pair"
	default:
		l.add("total += d;").close().close().close().add("total")
		result, name, doc = t, "sum_of_pairs", "Adds up over the pairs"
	}
	doc += " of elements in `" + n.many + "` for which " + strings.ReplaceAll(expand(o.text, "one", "other"), "`", "") + " is " + p.text
	if kind == 1 {
		doc += ", or `None`"
	} else if kind == 2 {
		doc = "Adds up " + strings.ReplaceAll(expand(o.text, "one", "other"), "`", "") + " over all pairs of elements in `" + n.many + "` for which it is " + p.text
	}
	return single(&Task{
		Idiom: "loop", Name: name + "_with_" + o.frag + "_" + p.frag, Params: []Param{{n.many, slice(t)}}, Result: result, Body: l.String(), doc: doc + ".",
		inputs: sliceInput(t, 5, p),
		eval: func(args []Value) (Value, error) {
			count, total, xs := int64(0), int64(0), args[0].L
			for i := range xs {
				for j := i + 1; j < len(xs); j++ {
					d, err := checked(t.Kind, o.f(xs[i].I, xs[j].I))
					if err != nil {
						return d, err
					}
					if !p.holds(d, nil) {
						continue
					}
					if kind == 1 {
						return Some(List(Int(int64(i)), Int(int64(j)))), nil
					}
					count++
					if total = add(total, d.I); kind == 2 && !t.Kind.fits(total) {
						return Value{}, ErrUndefined
					}
				}
			}
			return []Value{Int(count), None(), Int(total)}[kind], nil
		},
	})
}

// vecPrefix finds where a running total first reaches a limit.
func vecPrefix(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	limit, m := c.between(10, 200), c.drawStage(numMaps, t, false)
	sum := pick(c.rng, []string{"total", "sum", "reached"})
	strict := c.chance(50)
	op, text := " >= ", "reaches"
	if strict {
		op, text = " > ", "exceeds"
	}
	l := newLines().add("let mut ", sum, " = 0;")
	count := c.chance(50)
	result, idiom := option(scalar(Usize)), "early return"
	doc, name := "Returns the index at which the running total of `"+n.many+"`, each "+m.text+", "+text+" "+itoa(limit)+", or `None`.", "index_where_total"
	if count {
		idiom, name, result = "break", "total_until", t
		doc = "Adds up `" + n.many + "`, each " + m.text + ", and stops once the total " + text + " " + itoa(limit) + "."
		l.open("for &", n.one, " in ", n.many).add(sum, " += ", m.expr(n.one, precBit), ";").open("if ", sum, op, itoa(limit)).add("break;").close().close().add(sum)
	} else {
		l.open("for (i, &", n.one, ") in ", n.many, ".iter().enumerate()").add(sum, " += ", m.expr(n.one, precBit), ";").open("if ", sum, op, itoa(limit))
		l.add("return Some(i);").close().close().add("None")
	}
	return single(&Task{
		Idiom: idiom, Name: name + "_" + m.frag + "_" + strings.TrimSuffix(text, "s") + "_" + itoa(limit), Params: []Param{{n.many, slice(t)}}, Result: result,
		Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value { return []Value{numList(g, t.Kind, g.below(7), []int64{limit / 3, limit / 4})} },
		eval: func(args []Value) (Value, error) {
			total := int64(0)
			for i, x := range args[0].L {
				y, err := m.on(x)
				if total = add(total, y.I); err != nil || !t.Kind.fits(total) {
					return Value{}, ErrUndefined
				}
				if total > limit || !strict && total == limit {
					if count {
						return Int(total), nil
					}
					return Some(Int(int64(i))), nil
				}
			}
			if count {
				return Int(total), nil
			}
			return None(), nil
		},
	})
}

// vecMerge takes from two slices by turns or in order.
func vecMerge(c *ctx) *group {
	t := c.intType()
	ab := pick(c.rng, [][2]string{{"left", "right"}, {"first", "second"}, {"a", "b"}, {"xs", "ys"}})
	a, b := ab[0], ab[1]
	m, k := c.drawStage(numMaps, t, false), c.drawStage(numMaps, t, false)
	sorted := c.chance(50)
	l := newLines().add("let mut result = Vec::new();")
	name, doc := "interleave", "Takes an element of `"+a+"`, "+m.text+", and one of `"+b+"`, "+k.text+", by turns, then what is left of the longer one."
	if sorted {
		name, doc = "merge", "Merges two sorted slices; elements of `"+a+"` are "+m.text+" and those of `"+b+"` "+k.text+"."
		l.add("let mut i = 0;").add("let mut j = 0;").open("while i < ", a, ".len() || j < ", b, ".len()")
		l.open("if j == ", b, ".len() || i < ", a, ".len() && ", a, "[i] <= ", b, "[j]")
		l.add("result.push(", m.expr(a+"[i]", precBit), ");").add("i += 1;").orElse().add("result.push(", k.expr(b+"[j]", precBit), ");").add("j += 1;").close().close()
	} else {
		l.open("for i in 0..", a, ".len().max(", b, ".len())").open("if let Some(&x) = ", a, ".get(i)").add("result.push(", m.expr("x", precBit), ");").close()
		l.open("if let Some(&y) = ", b, ".get(i)").add("result.push(", k.expr("y", precBit), ");").close().close()
	}
	return single(&Task{
		Idiom: "loop", Name: name + "_" + m.frag + "_and_" + k.frag, Params: []Param{{a, slice(t)}, {b, slice(t)}}, Result: vec(t), Body: l.add("result").String(), doc: doc,
		inputs: func(g *rng) []Value {
			args := []Value{numList(g, t.Kind, 1+g.below(4), nil), numList(g, t.Kind, g.below(4), nil)}
			if sorted {
				for _, v := range args {
					slices.SortFunc(v.L, func(a, b Value) int { return cmp.Compare(a.I, b.I) })
				}
			}
			return args
		},
		eval: func(args []Value) (Value, error) {
			var out Value
			i, j := 0, 0
			xs, ys := args[0].L, args[1].L
			for i < len(xs) || j < len(ys) {
				first := j == len(ys) || i < len(xs) && (sorted && xs[i].I <= ys[j].I || !sorted && i <= j)
				var y Value
				var err error
				if first {
					y, err = m.on(xs[i])
					i++
				} else {
					y, err = k.on(ys[j])
					j++
				}
				if err != nil {
					return y, err
				}
				out.L = append(out.L, y)
			}
			return out, nil
		},
	})
}
