package rustgen

import (
	"cmp"
	"slices"
	"strings"
)

var mapNames = []string{"prices", "stock", "scores", "ages", "limits", "weights", "sizes", "counts", "levels", "rates"}

// mapLookup looks up one key.
func mapLookup(c *ctx) *group {
	t, m0 := c.intType(), pick(c.rng, mapNames)
	p, m, k := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.between(0, 60)
	key := pick(c.rng, []string{"name", "key", "item", "id"})
	l, idiom := newLines(), "match"
	guarded := c.chance(60)
	switch {
	case guarded && c.chance(50):
		l.open("match ", m0, ".get(", key, ")").add("Some(&x) if ", put(p.code, "x"), " => ", m.expr("x", precBit), ",").add("Some(&x) => x,").add("None => ", itoa(k), ",").close()
	case guarded:
		idiom = "let else"
		l.open("let Some(&x) = ", m0, ".get(", key, ") else").add("return ", itoa(k), ";").depth--
		l.add("};").open("if ", put(p.code, "x")).add(m.expr("x", precBit)).orElse().add("x").close()
	case c.chance(50):
		idiom = "chain"
		l.chain("", m0+".get("+key+").map_or("+itoa(k)+", |&x| "+m.expr("x", precBit)+")", "")
	default:
		l.open("match ", m0, ".get(", key, ")").add("Some(&x) => ", m.expr("x", precBit), ",").add("None => ", itoa(k), ",").close()
	}
	name, doc := m.frag+"_of_"+key, "Looks up `"+key+"` in `"+m0+"` and returns the number "+m.text
	if guarded {
		name, doc = name+"_if_"+p.frag, doc+" if it is "+p.text+", as it is otherwise"
	}
	return single(&Task{
		Idiom: idiom, Name: name + "_or_" + itoa(k), Params: []Param{{m0, ref(hashMap(scalar(Str), t))}, {key, scalar(Str)}}, Result: t, Body: l.String(),
		doc:    doc + ", or " + itoa(k) + " if it is missing.",
		inputs: func(g *rng) []Value { return lookupInput(g, t.Kind, hintsOf(p)) },
		eval: func(args []Value) (Value, error) {
			e := entriesOf(args[0], true)
			i, found := slices.BinarySearchFunc(e.keys, args[1].S, func(a Value, s string) int { return strings.Compare(a.S, s) })
			if !found {
				return Int(k), nil
			}
			if guarded && !p.holds(e.values[i], nil) {
				return e.values[i], nil
			}
			return m.on(e.values[i])
		},
	}, useHashMap)
}

// lookupInput is a map and a key that is mostly in it.
func lookupInput(g *rng, k Kind, hints []int64) []Value {
	m := shortMap(g, k, 3, hints)
	if len(m.L) > 0 && g.chance(75) {
		return []Value{m, m.L[2*g.below(len(m.L)/2)]}
	}
	return []Value{m, Text(pick(g, shortKeys))}
}

// mapSumKeys adds up what is known about several keys.
func mapSumKeys(c *ctx) *group {
	t, m0 := c.intType(), pick(c.rng, mapNames)
	m, k := c.drawStage(numMaps, t, false), c.between(1, 30)
	keys := pick(c.rng, [][2]string{{"names", "name"}, {"keys", "key"}, {"items", "item"}, {"ids", "id"}})
	l, idiom := newLines(), "loop"
	if c.chance(60) {
		l.add("let mut total = 0;").open("for ", keys[1], " in ", keys[0]).open("match ", m0, ".get(", keys[1], ")")
		l.add("Some(&x) => total += ", m.expr("x", precBit), ",").add("None => total += ", itoa(k), ",").close().close().add("total")
	} else {
		idiom = "iterator"
		l.chain("", keys[0]+".iter().map(|"+keys[1]+"| "+m0+".get("+keys[1]+").map_or("+itoa(k)+", |&x| "+m.expr("x", precBit)+")).sum()", "")
		if tooWide(l.String()) || len(keys[1])*2+len(m0)+len(m.expr("x", precBit)) > 32 {
			return mapSumKeys(c)
		}
	}
	return single(&Task{
		Idiom: idiom, Name: "total_of_" + keys[0] + "_" + m.frag + "_or_" + itoa(k), Params: []Param{{m0, ref(hashMap(scalar(Str), t))}, {keys[0], slice(scalar(Str))}}, Result: t,
		Body: l.String(),
		doc:  "Adds up what `" + m0 + "` has for each of `" + keys[0] + "`, " + m.text + ", and " + itoa(k) + " for each that is missing.",
		inputs: func(g *rng) []Value {
			var want Value
			for range g.below(4) {
				want.L = append(want.L, Text(pick(g, shortKeys[:6])))
			}
			return []Value{shortMap(g, t.Kind, 3, nil), want}
		},
		eval: func(args []Value) (Value, error) {
			e, total := entriesOf(args[0], true), int64(0)
			for _, key := range args[1].L {
				y := Int(k)
				if i, found := slices.BinarySearchFunc(e.keys, key.S, func(a Value, s string) int { return strings.Compare(a.S, s) }); found {
					var err error
					if y, err = m.on(e.values[i]); err != nil {
						return y, err
					}
				}
				if total = add(total, y.I); !t.Kind.fits(total) {
					return Value{}, ErrUndefined
				}
			}
			return Int(total), nil
		},
	}, useHashMap)
}

// mapBest finds the key with the largest or smallest mapped value; of several, the first in order.
func mapBest(c *ctx) *group {
	t, m0 := c.intType(), pick(c.rng, mapNames)
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	least := c.chance(50)
	op, word := " > ", "largest"
	if least {
		op, word = " < ", "smallest"
	}
	l := newLines().add("let mut best: Option<(&str, ", t.text, ")> = None;").open("for (&key, &x) in ", m0).open("if ", put(p.neg, "x")).add("continue;").close()
	l.add("let y = ", m.expr("x", precBit), ";").open("match best")
	l.add("Some((k, b)) if b == y && k < key => {}").add("Some((_, b)) if b", op, "y => {}").add("_ => best = Some((key, y)),").close().close().add("best.map(|(key, _)| key)")
	return single(&Task{
		Idiom: "loop", Name: word + "_" + m.frag + "_of_" + p.frag, Params: []Param{{m0, ref(hashMap(scalar(Str), t)).as("&HashMap<&'a str, " + t.text + ">")}}, Generics: "<'a>",
		Result: option(scalar(Str)).as("Option<&'a str>"), Body: l.String(),
		doc: "Returns the key in `" + m0 + "` with the " + word + " value, " + m.text + ", among those " + p.text + ", or `None`; of several, the first in the alphabet.",
		inputs: func(g *rng) []Value {
			return []Value{shortMap(g, t.Kind, 4, hintsOf(p))}
		},
		eval: func(args []Value) (Value, error) {
			e := entriesOf(args[0], true)
			var best *Value
			top := int64(0)
			for i, x := range e.values {
				if !p.holds(x, nil) {
					continue
				}
				y, err := m.on(x)
				if err != nil {
					return y, err
				}
				if best == nil || !least && y.I > top || least && y.I < top {
					best, top = &e.keys[i], y.I
				}
			}
			if best == nil {
				return None(), nil
			}
			return Some(*best), nil
		},
	}, useHashMap)
}

// mapKeys lists keys in order.
func mapKeys(c *ctx) *group {
	t, m0 := c.intType(), pick(c.rng, mapNames)
	p, q := c.drawStage(numPreds, t, false), c.drawStage(wordPreds, scalar(Str), false)
	both := c.chance(60)
	desc := c.chance(30)
	l, idiom := newLines(), "loop"
	cond := put(p.code, "x")
	if both {
		cond = operand(cond, true) + " && " + operand(put(q.code, "key"), true)
	}
	if c.chance(50) {
		l.add("let mut keys = Vec::new();").open("for (&key, &x) in ", m0).open("if ", cond).add("keys.push(key);").close().close()
	} else {
		idiom = "iterator"
		l.add("let mut keys: Vec<&str> = ", m0).depth++
		pat := "(_, &x)"
		if both {
			pat = "(&key, &x)"
		}
		l.add(".iter()").add(".filter(|&", pat, "| ", cond, ")").add(".map(|(&key, _)| key)").add(".collect();").depth--
	}
	l.add("keys.sort_unstable();")
	if desc {
		l.add("keys.reverse();")
	}
	name, doc := "keys_"+p.frag, "Returns the keys in `"+m0+"` whose value is "+p.text
	if both {
		name, doc = name+"_"+q.frag, doc+" and that are "+q.text
	}
	doc += ", in order"
	if desc {
		name, doc = name+"_reversed", doc+" from the last to the first"
	}
	if tooWide(l.String()) {
		return mapKeys(c)
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: []Param{{m0, ref(hashMap(scalar(Str), t)).as("&HashMap<&'a str, " + t.text + ">")}}, Generics: "<'a>",
		Result: vec(scalar(Str)).as("Vec<&'a str>"), Body: l.add("keys").String(), doc: doc + ".",
		inputs: func(g *rng) []Value { return []Value{shortMap(g, t.Kind, 4, hintsOf(p))} },
		eval: func(args []Value) (Value, error) {
			e := entriesOf(args[0], true)
			var out Value
			for i, key := range e.keys {
				if p.holds(e.values[i], nil) && (!both || q.holds(key, nil)) {
					out.L = append(out.L, key)
				}
			}
			if desc {
				slices.Reverse(out.L)
			}
			return out, nil
		},
	}, useHashMap)
}

// mapMerge adds one map to another.
func mapMerge(c *ctx) *group {
	t := c.intType()
	ab := pick(c.rng, [][2]string{{"left", "right"}, {"first", "second"}, {"old", "new"}, {"base", "extra"}, {"a", "b"}})
	o, m, start := c.pairOp(t.Kind), c.drawStage(numMaps, t, false), c.between(0, 9)
	l := newLines().add("let mut result = ", ab[0], ".clone();").open("for (&key, &y) in ", ab[1]).add("let x = result.get(key).copied().unwrap_or(", itoa(start), ");")
	l.add("let d = ", expand(o.code, "x", "y"), ";").add("result.insert(key, ", m.expr("d", precBit), ");").close().add("result")
	mt := hashMap(scalar(Str), t)
	short := "HashMap<&'a str, " + t.text + ">"
	return single(&Task{
		Idiom: "loop", Name: "merge_" + o.frag + "_" + m.frag + "_from_" + itoa(start), Generics: "<'a>",
		Params: []Param{{ab[0], ref(mt).as("&" + short)}, {ab[1], ref(mt).as("&" + short)}}, Result: mt.as(short), Body: l.String(),
		doc: "Copies `" + ab[0] + "` and gives every key of `" + ab[1] + "` " + strings.Replace(expand(o.text, "x", "y"), "`x` and `y`", "both values", 1) + ", " + m.text + "; a missing one is " +
			itoa(start) + ".",
		inputs: func(g *rng) []Value { return []Value{shortMap(g, t.Kind, 2, nil), shortMap(g, t.Kind, 2, nil)} },
		eval: func(args []Value) (Value, error) {
			e := entriesOf(args[0], true)
			for i := 0; i < len(args[1].L); i += 2 {
				known := len(e.keys)
				at := e.at(args[1].L[i])
				if len(e.keys) > known {
					at.I = start
				}
				d, err := checked(t.Kind, o.f(at.I, args[1].L[i+1].I))
				if err != nil {
					return d, err
				}
				y, err := m.on(d)
				if err != nil {
					return y, err
				}
				*at = y
			}
			return e.value(), nil
		},
	}, useHashMap)
}

// mapUpdate changes the values of a map in place.
func mapUpdate(c *ctx) *group {
	t, m0 := c.intType(), pick(c.rng, mapNames)
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	drop := c.chance(40)
	l := newLines().open("for x in ", m0, ".values_mut()")
	if m.byOperator() {
		l.add(m.assign("*x")).close()
	} else {
		l.add("let y = *x;").add("*x = ", m.expr("y", precBit), ";").close()
	}
	l.chain("", m0+".retain(|_, &mut x| "+put(p.code, "x")+")", ";")
	name, doc := "update_"+m.frag+"_keep_"+p.frag, "Makes every value in `"+m0+"` "+m.text+" and keeps those that are "+p.text+" then"
	result := scalar(Unit)
	if drop {
		name, result, doc = name+"_and_count", scalar(Usize), doc+"; returns how many are left"
		l.add(m0, ".len()")
	}
	return single(&Task{
		Idiom: "loop", Name: name, Params: []Param{{m0, refMut(hashMap(scalar(Str), t))}}, Result: result, Body: l.String(), doc: doc + ".",
		inputs: func(g *rng) []Value {
			v := shortMap(g, t.Kind, 3, hintsOf(p))
			if len(v.L) == 0 {
				v.L = []Value{Text("a"), Int(3)}
			}
			return []Value{v}
		},
		eval: func(args []Value) (Value, error) {
			e := &entries{text: true}
			for i := 0; i < len(args[0].L); i += 2 {
				y, err := m.on(args[0].L[i+1])
				if err != nil {
					return y, err
				}
				if p.holds(y, nil) {
					*e.at(args[0].L[i]) = y
				}
			}
			if drop {
				return List(Int(int64(len(e.keys))), e.value()), nil
			}
			return e.value(), nil
		},
	}, useHashMap)
}

// mapPair finds two elements that fit together, by what is still wanted.
func mapPair(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{I32, I64})), pick(c.rng, numNouns)
	m, p := c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false)
	target := pick(c.rng, []string{"target", "goal", "sum", "wanted"})
	l := newLines().add("let mut seen = HashMap::new();").open("for (i, &", n.one, ") in ", n.many, ".iter().enumerate()")
	l.open("if ", put(p.neg, n.one)).add("continue;").close().add("let y = ", m.expr(n.one, precBit), ";").open("if let Some(&j) = seen.get(&(", target, " - y))")
	l.add("return Some((j, i));").close().add("seen.insert(y, i);").close().add("None")
	return single(&Task{
		Idiom: "early return", Name: "pair_" + p.frag + "_" + m.frag + "_to_" + target, Params: []Param{{n.many, slice(t)}, {target, t}},
		Result: option(tuple(scalar(Usize), scalar(Usize))), Body: l.String(),
		doc: "Returns the indices of two of the " + p.plural(n.plural()) + " in `" + n.many + "` that, each " + m.text + ", add up to `" + target + "`, or `None`.",
		inputs: func(g *rng) []Value {
			xs := numList(g, t.Kind, 2+g.below(4), hintsOf(p))
			want := someNumber(g, t.Kind, nil)
			if g.chance(70) {
				a, _ := m.on(xs.L[0])
				b, _ := m.on(xs.L[len(xs.L)-1])
				want = Int(add(a.I, b.I))
			}
			if !t.Kind.fits(want.I) {
				want = Int(0)
			}
			return []Value{xs, want}
		},
		eval: func(args []Value) (Value, error) {
			e := &entries{}
			for i, x := range args[0].L {
				if !p.holds(x, nil) {
					continue
				}
				y, err := m.on(x)
				if err != nil {
					return y, err
				}
				rest, err := checked(t.Kind, add(args[1].I, -y.I))
				if err != nil {
					return rest, err
				}
				if j, found := slices.BinarySearchFunc(e.keys, rest.I, func(a Value, x int64) int { return cmp.Compare(a.I, x) }); found {
					return Some(List(e.values[j], Int(int64(i)))), nil
				}
				e.at(y).I = int64(i)
			}
			return None(), nil
		},
	}, useHashMap)
}

// mapMemo is a recursion that remembers what it has computed.
func mapMemo(c *ctx) *group {
	name := pick(c.rng, []string{"ways", "tiles", "paths", "sums", "steps", "walks"})
	a, b := c.between(1, 3), c.between(2, 6)
	if a == b {
		b++
	}
	base, f, mod := c.between(1, 9), c.between(1, 5), c.between(100, 9999)
	term := "search(n - " + itoa(a) + ", memo)"
	if f > 1 {
		term = itoa(f) + " * " + term
	}
	low := max(a, b)
	name += "_" + itoa(a) + "_" + itoa(b) + "_modulo_" + itoa(mod)
	helper := name + "_from"
	v := vars{"helper", helper, "low", itoa(low), "base", itoa(base), "term", strings.ReplaceAll(term, "search", helper), "b", itoa(b), "mod", itoa(mod)}
	g := &group{names: []string{name, helper}}
	g.use(useHashMap)
	g.add(&Task{
		Idiom: "memo", Name: name, Params: []Param{{"n", scalar(U64)}}, Result: scalar(U64), Body: newLines().add("let mut memo = HashMap::new();").add(helper, "(n, &mut memo)").String(),
		doc:    "Returns " + itoa(base) + " below " + itoa(low) + ", and else " + itoa(f) + " times the value at n - " + itoa(a) + " plus that at n - " + itoa(b) + ", modulo " + itoa(mod) + ".",
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 30))} },
		eval: func(args []Value) (Value, error) {
			n := args[0].I
			if n > 2000 {
				return Value{}, ErrUndefined
			}
			values := make([]int64, n+1)
			for i := range values {
				values[i] = base
				if int64(i) >= low {
					values[i] = (f*values[int64(i)-a] + values[int64(i)-b]) % mod
				}
			}
			return Int(values[n]), nil
		},
	}, 0)
	g.text(v.in(`
fn $helper(n: u64, memo: &mut HashMap<u64, u64>) -> u64 {
    if n < $low {
        return $base;
    }
    if let Some(&known) = memo.get(&n) {
        return known;
    }
    let first = $term;
    let second = $helper(n - $b, memo);
    let value = (first + second) % $mod;
    memo.insert(n, value);
    value
}
`))
	return g
}

// setRepeat finds elements that come twice, by a mapped value.
func setRepeat(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	list := c.chance(50)
	l := newLines().add("let mut seen = HashSet::new();")
	if list {
		l.add("let mut repeated = Vec::new();")
	}
	l.open("for &", n.one, " in ", n.many)
	cond := put(p.code, n.one)
	l.open("if ", operand(cond, true), " && !seen.insert(", m.expr(n.one, precBit), ")")
	result, name, doc, idiom := option(t), "first_repeated", "Returns the first of the "+p.plural(n.plural())+" in `"+n.many+"` that, "+m.text+", was there before, or `None`.", "early return"
	if list {
		idiom = "loop"
		result, name, doc = vec(t), "all_repeated", "Returns those of the "+p.plural(n.plural())+" in `"+n.many+"` that, "+m.text+", were there before."
		l.add("repeated.push(", n.one, ");").close().close().add("repeated")
	} else {
		l.add("return Some(", n.one, ");").close().close().add("None")
	}
	return single(&Task{
		Idiom: idiom, Name: name + "_" + p.frag + "_" + m.frag, Params: []Param{{n.many, slice(t)}}, Result: result, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value {
			xs := numList(g, t.Kind, g.below(6), hintsOf(p))
			if len(xs.L) > 2 && g.chance(70) {
				xs.L[2] = xs.L[0]
			}
			return []Value{xs}
		},
		eval: func(args []Value) (Value, error) {
			seen := map[int64]bool{}
			var out Value
			for _, x := range args[0].L {
				if !p.holds(x, nil) {
					continue
				}
				y, err := m.on(x)
				if err != nil {
					return y, err
				}
				if seen[y.I] {
					if !list {
						return Some(x), nil
					}
					out.L = append(out.L, x)
				}
				seen[y.I] = true
			}
			return out, nil
		},
	}, useHashSet)
}

// setDistinct counts different mapped elements.
func setDistinct(c *ctx) *group {
	k := c.drawKeyed()
	least := c.between(1, 9)
	test := c.chance(50)
	l, idiom := newLines(), "loop"
	if c.chance(50) {
		l.add("let mut distinct = HashSet::new();")
		k.open(l).add("distinct.insert(", k.key, ");").close().close()
	} else {
		idiom = "iterator"
		iter := k.over
		if k.pat[0] == '&' {
			iter += ".iter().copied()"
		}
		l.add("let mut distinct = HashSet::new();").chain("let kept = ", iter+".filter(|&"+k.v+"| "+put(k.p.code, k.v)+")", ";")
		l.add("distinct.extend(kept.map(|", k.v, "| ", k.key, "));")
	}
	result, name, doc := scalar(Usize), "distinct_"+k.frag+"_"+k.p.frag, "Counts the different values of "+k.says+" among the "+k.p.plural(k.noun)+" in `"+k.params[0].Name+"`"
	if test {
		l.add("distinct.len() >= ", itoa(least))
		result, name = scalar(Bool), "at_least_"+itoa(least)+"_"+name
		doc = "Returns true if there are at least " + itoa(least) + " different values of " + k.says + " among the " + k.p.plural(k.noun) + " in `" + k.params[0].Name + "`"
	} else {
		l.add("distinct.len()")
	}
	if tooWide(l.String()) {
		return setDistinct(c)
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: k.params, Result: result, Body: l.String(), doc: doc + ".", inputs: k.inputs,
		eval: func(args []Value) (Value, error) {
			e := &entries{text: k.keyT.Kind == Str || k.keyT.Kind == String}
			err := k.each(args, func(key, _ Value) { e.at(key) })
			n := int64(len(e.keys))
			if test {
				return Truth(n >= least), err
			}
			return Int(n), err
		},
	}, useHashSet)
}
