package rustgen

// pairs is one number made of each pair in a slice.
func (c *ctx) pairs() *source {
	t := scalar(pick(c.rng, []Kind{I32, I64}))
	many := pick(c.rng, []string{"pairs", "points", "entries", "ranges"})
	xy := pick(c.rng, [][2]string{{"x", "y"}, {"a", "b"}, {"low", "high"}, {"first", "second"}})
	o := pick(c.rng, pairOps)
	expr := expand(o.code, xy[0], xy[1])
	pat := "&(" + xy[0] + ", " + xy[1] + ")"
	return &source{
		name: "pairs", params: []Param{{many, slice(tuple(t, t))}}, elem: t, v: "d", noun: o.frag + "s", where: " of the tuples in `" + many + "`",
		iter: many + ".iter().map(|" + pat + "| " + expr + ")", over: many, byRef: true, pat: pat, let: "let d = " + expr + ";",
		elems: func(args []Value) ([]Value, error) {
			var xs []Value
			for _, p := range args[0].L {
				v := o.f(p.L[0].I, p.L[1].I)
				if !t.Kind.fits(v) {
					return nil, ErrUndefined
				}
				xs = append(xs, Int(v))
			}
			return xs, nil
		},
		inputs: func(r *rng, hints []int64) Value {
			xs := make([]Value, r.below(5))
			for i := range xs {
				xs[i] = numList(r, t.Kind, 2, hints)
			}
			return Value{L: xs}
		},
	}
}

// rows is one number made of each row of a table.
func (c *ctx) rows() *source {
	t := scalar(pick(c.rng, []Kind{I32, I64, U32}))
	many := pick(c.rng, []string{"rows", "grid", "matrix", "table"})
	kind := pick(c.rng, []struct {
		code, let, noun string
		f               func(xs []Value) int64
	}{
		{"row.iter().sum::<" + t.text + ">()", "let d: " + t.text + " = row.iter().sum();", "sums", sumOf},
		{"row.len() as " + t.text, "let d = row.len() as " + t.text + ";", "lengths", func(xs []Value) int64 { return int64(len(xs)) }},
		{"row.iter().copied().max().unwrap_or(0)", "let d = row.iter().copied().max().unwrap_or(0);", "maxima", maxOf},
		{"row.first().copied().unwrap_or(0)", "let d = row.first().copied().unwrap_or(0);", "first elements", func(xs []Value) int64 { return at(xs, 0) }},
		{"row.last().copied().unwrap_or(0)", "let d = row.last().copied().unwrap_or(0);", "last elements", func(xs []Value) int64 { return at(xs, len(xs)-1) }},
	})
	return &source{
		name: "rows", params: []Param{{many, slice(vec(t))}}, elem: t, v: "d", noun: kind.noun, where: " of the rows of `" + many + "`",
		iter: many + ".iter().map(|row| " + kind.code + ")", over: many, byRef: true, pat: "row", let: kind.let,
		elems: func(args []Value) ([]Value, error) {
			var xs []Value
			for _, row := range args[0].L {
				v := kind.f(row.L)
				if !t.Kind.fits(v) {
					return nil, ErrUndefined
				}
				xs = append(xs, Int(v))
			}
			return xs, nil
		},
		inputs: func(r *rng, hints []int64) Value {
			xs := make([]Value, r.below(4))
			for i := range xs {
				xs[i] = numList(r, t.Kind, r.below(4), hints)
			}
			return Value{L: xs}
		},
	}
}

func sumOf(xs []Value) int64 {
	total := int64(0)
	for _, x := range xs {
		total = add(total, x.I)
	}
	return total
}

func maxOf(xs []Value) int64 {
	if len(xs) == 0 {
		return 0
	}
	top := xs[0].I
	for _, x := range xs {
		top = max(top, x.I)
	}
	return top
}

func at(xs []Value, i int) int64 {
	if i < 0 || i >= len(xs) {
		return 0
	}
	return xs[i].I
}

// present is the numbers in a slice of options.
func (c *ctx) present() *source {
	t, n := scalar(pick(c.rng, []Kind{I32, I64, U32})), pick(c.rng, numNouns)
	return &source{
		name: "options", params: []Param{{n.many, slice(option(t))}}, elem: t, v: n.one, noun: "present " + n.plural(), where: " in `" + n.many + "`",
		iter: n.many + ".iter().copied().flatten()", over: n.many + ".iter().copied().flatten()", pat: n.one,
		elems: func(args []Value) ([]Value, error) {
			var xs []Value
			for _, x := range args[0].L {
				if x.I == 1 {
					xs = append(xs, x.L[0])
				}
			}
			return xs, nil
		},
		inputs: func(r *rng, hints []int64) Value {
			xs := make([]Value, r.below(5))
			for i := range xs {
				if r.chance(70) {
					xs[i] = Some(someNumber(r, t.Kind, hints))
				}
			}
			return Value{L: xs}
		},
	}
}

// mapValues is the values of a hash map, for reductions that do not depend on their order.
func (c *ctx) mapValues() *source {
	t, n := scalar(pick(c.rng, []Kind{I32, I64, U32, U64})), pick(c.rng, numNouns[3:])
	m := hashMap(scalar(Str), t)
	return &source{
		name: "map_values", params: []Param{{n.many, ref(m)}}, elem: t, v: n.one, noun: n.plural(), where: " in `" + n.many + "`",
		iter: n.many + ".values().copied()", over: n.many + ".values()", byRef: true, pat: "&" + n.one, uses: []string{"std::collections::HashMap"},
		elems: func(args []Value) ([]Value, error) {
			var xs []Value
			for i := 1; i < len(args[0].L); i += 2 {
				xs = append(xs, args[0].L[i])
			}
			return xs, nil
		},
		inputs: func(r *rng, hints []int64) Value { return someMap(r, t.Kind, hints) },
	}
}

// someMap has up to three entries with different keys.
func someMap(r *rng, k Kind, hints []int64) Value {
	var m Value
	start := r.below(len(sampleWords))
	for i := range r.below(4) {
		m.L = append(m.L, Text(sampleWords[(start+7*i)%len(sampleWords)]), someNumber(r, k, hints))
	}
	return m
}

// parsedNumbers is the numbers in a string; what does not parse is skipped.
func (c *ctx) parsedNumbers() *source {
	t, s := scalar(pick(c.rng, []Kind{I32, I64})), pick(c.rng, textNames)
	sep := pick(c.rng, []string{",", ";", ":", "|", "/"})
	split := s + `.split('` + sep + `')`
	return &source{
		name: "parsed", params: []Param{{s, scalar(Str)}}, elem: t, v: "n", noun: "numbers", where: " between '" + sep + "' in `" + s + "`",
		iter: split + ".filter_map(|part| part.parse::<" + t.text + ">().ok())",
		over: split, skips: true, pat: "part", let: "let Ok(n) = part.parse::<" + t.text + ">() else {\n    continue;\n};",
		elems: func(args []Value) ([]Value, error) {
			var xs []Value
			for part := range splitBy(args[0].S, sep) {
				if x, ok := parseInt(part, t.Kind); ok {
					xs = append(xs, Int(x))
				}
			}
			return xs, nil
		},
		inputs: func(r *rng, hints []int64) Value {
			var text string
			for i := range r.below(5) {
				if i > 0 {
					text += sep
				}
				if r.chance(20) {
					text += pick(r, []string{"", "x", "n/a", "?"})
				} else {
					text += itoa(someNumber(r, t.Kind, hints).I)
				}
			}
			return Text(text)
		},
	}
}
