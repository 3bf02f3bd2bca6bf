package rustgen

import (
	"slices"
	"strings"
)

// exprGrammar is a language of numbers, two levels of operators and brackets.
type exprGrammar struct {
	low, high   byte // operators: + or -, and * or % or /
	open, shut  byte
	m           *stage // what becomes of every number
	mod         int64  // results of the higher operator are taken modulo this
	text        string
	pos         int
	overflowing bool
}

// The methods of a recursive descent.
const (
	descentEat = `    fn eat(&mut self, byte: u8) -> bool {
        let found = self.$t.get(self.$p) == Some(&byte);
        if found {
            self.$p += 1;
        }
        found
    }
`
	descentSum = `    fn sum(&mut self) -> Option<i64> {
        let mut total = self.product()?;
        while self.eat(b'$low') {
            total $op= self.product()?;
        }
        Some(total)
    }
`
	descentProduct = `    fn product(&mut self) -> Option<i64> {
        let mut total = self.atom()?;
        while self.eat(b'$high') {
            total = total * self.atom()? % $mod;
        }
        Some(total)
    }
`
	descentAtom = `    fn atom(&mut self) -> Option<i64> {
        if self.eat(b'$open') {
            let inner = self.sum()?;
            return self.eat(b'$shut').then_some(inner);
        }
        let start = self.$p;
        while self.$t.get(self.$p).is_some_and(u8::is_ascii_digit) {
            self.$p += 1;
        }
        let digits = std::str::from_utf8(&self.$t[start..self.$p]).ok()?;
        let value: i64 = digits.parse().ok()?;
        Some($num)
    }
`
)

// parseExpression is a recursive descent with a method for each level.
func parseExpression(c *ctx) *group {
	t := scalar(I64)
	gr := exprGrammar{low: pick(c.rng, []byte("+-")), high: pick(c.rng, []byte("*^&#")), mod: c.between(20, 999)}
	brackets := pick(c.rng, []string{"()", "[]", "<>", "{}"})
	gr.open, gr.shut = brackets[0], brackets[1]
	gr.m = c.drawStage(numMaps, t, false)
	name, text, pos := pick(c.rng, []string{"Parser", "Reader", "Evaluator", "Calculator"}), "text", pick(c.rng, []string{"pos", "at", "next"})
	v := vars{"N", name, "t", text, "p", pos, "low", string(gr.low), "high", string(gr.high), "open", string(gr.open), "shut", string(gr.shut), "mod", itoa(gr.mod),
		"op", string(gr.low), "num", gr.m.expr("value", precBit)}
	g := &group{names: []string{name}}
	g.text(v.in("struct $N<'a> {\n    $t: &'a [u8],\n    $p: usize,\n}\n"))
	g.impl(v.in("impl $N<'_>"), v.in(descentEat), v.in(descentSum), v.in(descentProduct), v.in(descentAtom))
	fn := pick(c.rng, []string{"evaluate", "calculate", "compute", "value_of"})
	k, p := c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false)
	v = append(v, "end", k.expr("total", precBit), "bad", operand(put(p.code, "total"), false))
	g.free(&Task{
		Idiom: "recursive descent", Name: fn, Params: []Param{{"text", scalar(Str)}}, Result: option(t),
		Body: v.in("    let mut parser = $N {\n        $t: text.as_bytes(),\n        $p: 0,\n    };\n    let total = parser.sum()?;\n    if parser.$p < text.len() || $bad {\n        return None;\n    }\n    Some($end)\n"),
		doc: v.in("Computes an expression of numbers, each " + gr.m.text + ", with '$low' for the " + map[byte]string{'+': "sum", '-': "difference"}[gr.low] +
			", '$high' for the product modulo $mod, which binds more, and '$open' and '$shut' around parts; returns it " + k.text + ", or `None` if it is not one or is " + p.text + "."),
		inputs: func(g *rng) []Value {
			text := gr.draw(g, 2)
			if g.chance(20) {
				text += pick(g, []string{"x", string(gr.low), string(gr.shut), " "})
			}
			return []Value{Text(text)}
		},
		eval: func(args []Value) (Value, error) {
			e := gr
			e.text = args[0].S
			x, ok := e.sum()
			switch {
			case e.overflowing:
				return Value{}, ErrUndefined
			case !ok || e.pos != len(e.text) || p.holds(Int(x), nil):
				return None(), nil
			}
			y, err := k.on(Int(x))
			return Some(y), err
		},
	})
	return g
}

// draw writes an expression of a depth.
func (p *exprGrammar) draw(g *rng, depth int) string {
	if depth == 0 || g.chance(20) {
		return itoa(g.between(0, 20))
	}
	s := p.draw(g, depth-1) + pick(g, []string{string(p.low), string(p.high)}) + p.draw(g, depth-1)
	if g.chance(40) {
		s = string(p.open) + s + string(p.shut)
	}
	return s
}

func (p *exprGrammar) eat(b byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == b {
		p.pos++
		return true
	}
	return false
}

func (p *exprGrammar) sum() (int64, bool) {
	total, ok := p.product()
	for ok && p.eat(p.low) {
		var x int64
		if x, ok = p.product(); p.low == '-' {
			x = -x
		}
		total = add(total, x)
	}
	p.overflowing = p.overflowing || !I64.fits(total)
	return total, ok
}

func (p *exprGrammar) product() (int64, bool) {
	total, ok := p.atom()
	for ok && p.eat(p.high) {
		var x int64
		x, ok = p.atom()
		total = mul(total, x)
		p.overflowing = p.overflowing || !I64.fits(total)
		total %= p.mod
	}
	return total, ok
}

func (p *exprGrammar) atom() (int64, bool) {
	if p.eat(p.open) {
		x, ok := p.sum()
		return x, ok && p.eat(p.shut)
	}
	start := p.pos
	for p.pos < len(p.text) && digit(int64(p.text[p.pos])) {
		p.pos++
	}
	x, ok := parseInt(p.text[start:p.pos], I64)
	if !ok {
		return 0, false
	}
	y, err := p.m.on(Int(x))
	p.overflowing = p.overflowing || err != nil
	return y.I, true
}

// parseBrackets checks that brackets fit together.
func parseBrackets(c *ctx) *group {
	s, n := c.textName(), 1+c.below(3)
	pairs := make([]string, n)
	for i, j := range c.shuffled(4)[:n] {
		pairs[i] = []string{"()", "[]", "{}", "<>"}[j]
	}
	kind, k, p := c.below(3), c.between(1, 9), c.drawStage(charPreds, scalar(Char), false)
	l := newLines().add("let mut expected = Vec::new();")
	if kind == 1 {
		l.add("let mut deepest = 0;")
	} else if kind == 2 {
		l.add("let mut count = 0;")
	}
	l.open("for c in ", s, ".chars()").open("match c")
	shuts := make([]string, n)
	for i, pair := range pairs {
		l.add("'", pair[:1], "' => expected.push('", pair[1:], "'),")
		shuts[i] = "'" + pair[1:] + "'"
	}
	l.open(strings.Join(shuts, " | "), " =>").open("if expected.pop() != Some(c)")
	l.add([...]string{"return false;", "return None;", "return None;"}[kind]).close().close()
	if kind == 2 {
		l.add("_ if expected.len() >= ", itoa(k), " && ", operand(put(p.code, "c"), true), " => count += 1,")
	}
	l.add("_ => {}").close()
	if kind == 1 {
		l.add("deepest = deepest.max(expected.len());")
	}
	l.close()
	fits := "every one of " + strings.Join(pairs, ", ") + " in `" + s + "` that opens is closed in order"
	l.add([...]string{"expected.is_empty() && " + s + ".len() >= " + itoa(k), "expected.is_empty().then_some(deepest * " + itoa(k) + ")", "expected.is_empty().then_some(count)"}[kind])
	name := [...]string{"is_balanced_from_" + itoa(k), "depth_times_" + itoa(k), "count_" + p.frag + "_from_depth_" + itoa(k)}[kind]
	result := [...]Type{scalar(Bool), option(scalar(Usize)), option(scalar(U32))}[kind]
	doc := [...]string{"Returns true if " + fits + " and there are at least " + itoa(k) + " bytes.", "Returns the largest depth, times " + itoa(k) + ", if " + fits + ", or `None`.",
		"Counts the " + p.plural("characters") + " at depth " + itoa(k) + " or more if " + fits + ", or `None`."}[kind]
	return single(&Task{
		Idiom: "stack", Name: name, Params: []Param{{s, scalar(Str)}}, Result: result, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value {
			text := pick(g, sampleWords[:8])
			for range g.below(4) {
				pair := pick(g, pairs)
				text = pick(g, []string{pair[:1] + text + pair[1:], text + pair, pair[:1] + text, pick(g, sampleWords[:8]) + text, pair[:1] + text + pair[1:]})
			}
			return []Value{Text(text)}
		},
		eval: func(args []Value) (Value, error) {
			ok, deepest, count := balanced(args[0].S, pairs, k, p)
			switch {
			case kind == 0:
				return Truth(ok && int64(len(args[0].S)) >= k), nil
			case !ok:
				return None(), nil
			case kind == 1:
				return Some(Int(deepest * k)), nil
			}
			return Some(Int(count)), nil
		},
	})
}

// balanced says whether every bracket is closed in order, how deep they go, and how many characters at depth k or more
// a predicate holds for.
func balanced(s string, pairs []string, k int64, p *stage) (ok bool, deepest, count int64) {
	var stack []byte
	for i := range len(s) {
		ch := s[i]
		opens := slices.IndexFunc(pairs, func(pair string) bool { return pair[0] == ch })
		shuts := slices.ContainsFunc(pairs, func(pair string) bool { return pair[1] == ch })
		switch {
		case opens >= 0:
			stack = append(stack, pairs[opens][1])
		case shuts && (len(stack) == 0 || stack[len(stack)-1] != ch):
			return false, 0, 0
		case shuts:
			stack = stack[:len(stack)-1]
		case int64(len(stack)) >= k && p.holds(Int(int64(ch)), nil):
			count++
		}
		deepest = max(deepest, int64(len(stack)))
	}
	return len(stack) == 0, deepest, count
}

// parseRows reads lines of a label and numbers into structs.
func parseRows(c *ctx) *group {
	r := c.record(2, 2, 100)
	r.setNumber(scalar(pick(c.rng, []Kind{I32, I64, U32})))
	line, sep := pick(c.rng, []string{";", "|", "\\n", "/"}), pick(c.rng, []string{",", ":", "="})
	rowSep := strings.ReplaceAll(line, `\n`, "\n")
	p, m := c.drawStage(numPreds, r.num, false), c.drawStage(numMaps, r.num, false)
	label, a, b := r.theme.label, r.def.Fields[1].Name, r.def.Fields[2].Name
	one := pick(c.rng, []string{"row", "entry", "part", "line"})
	l := newLines().add("let mut ", r.many, " = Vec::new();").open("for ", one, " in text.split('", line, "')").add("let mut parts = ", one, ".split('", sep, "');")
	l.add("let ", label, " = parts.next()?;").add("let ", a, ": ", r.num.text, " = parts.next()?.parse().ok()?;").add("let ", b, ": ", r.num.text, " = parts.next()?.parse().ok()?;")
	l.open("if ", put(p.code, a))
	args := []string{label, a, m.expr(b, precBit)}
	l.call(r.many+".push(", r.def.Name+"::"+r.def.New, args, ");").close().close().add("Some(", r.many, ")")
	if tooWide(l.String()) || len(r.def.Name)+len(r.def.New)+len(strings.Join(args, ", "))+4 > fnCallWidth {
		return parseRows(c)
	}
	g := &group{}
	r.declare(g)
	g.impl("impl "+r.def.Name, r.constructor())
	g.free(&Task{
		Idiom: "question mark", Name: "parse_" + r.many, Params: []Param{{"text", scalar(Str)}}, Result: option(vec(named(r.def))), Body: l.String(),
		doc: "Reads rows between '" + line + "' of " + label + ", " + a + " and " + b + " between '" + sep + "'; keeps those whose " + a + " is " + p.text + ", with " + b + " " + m.text +
			". `None` if a part is missing or not a number.",
		inputs: func(g *rng) []Value {
			rows := make([]string, 1+g.below(2))
			for i := range rows {
				rows[i] = pick(g, shortKeys) + sep + itoa(someNumber(g, r.num.Kind, hintsOf(p)).I) + sep + itoa(someNumber(g, r.num.Kind, nil).I)
				if g.chance(10) {
					rows[i] = pick(g, []string{"a", "b" + sep + "1", "c" + sep + "x" + sep + "2"})
				}
			}
			return []Value{Text(strings.Join(rows, rowSep))}
		},
		eval: func(args []Value) (Value, error) {
			var out Value
			for row := range strings.SplitSeq(args[0].S, rowSep) {
				parts := strings.Split(row, sep)
				if len(parts) < 3 {
					return None(), nil
				}
				x, ok := parseInt(parts[1], r.num.Kind)
				y, fine := parseInt(parts[2], r.num.Kind)
				if !ok || !fine {
					return None(), nil
				}
				if !p.holds(Int(x), nil) {
					continue
				}
				z, err := m.on(Int(y))
				if err != nil {
					return z, err
				}
				out.L = append(out.L, List(Text(parts[0]), Int(x), z))
			}
			return Some(out), nil
		},
	})
	return g
}
