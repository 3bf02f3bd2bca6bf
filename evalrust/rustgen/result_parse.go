package rustgen

import (
	"strings"
)

var badNumbers = []string{"", "x", "ten", "4x", "--1", "1.5"}

// numberText is a number as text, or now and then something else.
func numberText(g *rng, k Kind, hints []int64) string {
	if g.chance(25) {
		return pick(g, badNumbers)
	}
	return itoa(someNumber(g, k, hints).I)
}

// resultParse reads a number, checks it and maps it.
func resultParse(c *ctx) *group {
	s, t := c.textName(), scalar(pick(c.rng, []Kind{I32, I64, U32}))
	x := pick(c.rng, subjects)
	f := newFailure(x)
	trim := c.chance(50)
	bad := f.variant("NotANumber", "it is not a number")
	checks, m := c.drawChecks(f, t, 1+c.below(2)), c.drawStage(numMaps, t, false)
	from := s
	if trim {
		from = s + ".trim()"
	}
	l, idiom := newLines(), "question mark"
	if c.chance(60) {
		if c.chance(50) {
			l.chain("let "+x+": "+t.text+" = ", from+".parse().map_err(|_| "+f.new(bad)+")?", ";")
		} else {
			l.chain("let "+x+" = ", from+".parse::<"+t.text+">().map_err(|_| "+f.new(bad)+")?", ";")
		}
	} else {
		idiom = "let else"
		l.open("let Ok(", x, ") = ", from, ".parse::<", t.text, ">() else").add("return Err(", f.new(bad), ");").depth--
		l.add("};")
	}
	l.refuse(f, checks, x)
	l.add("Ok(", m.expr(x, precBit), ")")
	doc := "Reads " + article(x) + " from `" + s + "`"
	if trim {
		doc += " without surrounding spaces"
	}
	g := &group{}
	f.declare(g)
	g.free(&Task{
		Idiom: idiom, Name: pick(c.rng, []string{"parse", "read", "take"}) + "_" + x + "_" + m.frag, Params: []Param{{s, scalar(Str)}}, Result: result(t, f.typ), Body: l.String(),
		doc: doc + " and returns it " + m.text + "; the error is `NotANumber`, or " + prose(f, checks) + ".",
		inputs: func(g *rng) []Value {
			text := numberText(g, t.Kind, checkHints(checks))
			if g.chance(20) {
				text = " " + text
			}
			return []Value{Text(text)}
		},
		eval: func(args []Value) (Value, error) {
			text := args[0].S
			if trim {
				text = strings.TrimSpace(text)
			}
			n, ok := parseInt(text, t.Kind)
			if !ok {
				return f.err(bad), nil
			}
			return accept(f, checks, m, Int(n))
		},
	})
	return g
}

// twoParts are pairs of numbers in a text, and what they make together.
var twoParts = [][3]string{
	{"width", "height", "size"}, {"x", "y", "point"}, {"low", "high", "range"}, {"hours", "minutes", "time"}, {"row", "column", "cell"}, {"price", "count", "order"},
	{"from", "to", "span"},
}

// resultParsePair reads two numbers at a separator and combines them.
func resultParsePair(c *ctx) *group {
	s, t, ab := c.textName(), scalar(pick(c.rng, []Kind{I32, I64})), pick(c.rng, twoParts)
	sep := pick(c.rng, []string{"x", ",", ":", "~", "/", "=", "@", ";"})
	f := newFailure(ab[2])
	missing := f.variant("MissingSeparator", "there is no '"+sep+"'")
	var carried []Type
	if c.chance(50) {
		carried = []Type{scalar(String)}
	}
	bad := f.variant("BadNumber", "a part is not a number", carried...)
	checks := c.drawChecks(f, t, c.below(2))
	o, m := c.pairOp(t.Kind), c.drawStage(numMaps, t, false)
	l := newLines()
	l.chain("let (a, b) = ", s+".split_once('"+sep+"').ok_or("+f.new(missing)+")?", ";")
	for i, part := range []string{"a", "b"} {
		e := f.new(bad)
		if carried != nil {
			e = f.new(bad, part+".to_string()")
		}
		l.chain("let "+ab[i]+": "+t.text+" = ", part+".parse().map_err(|_| "+e+")?", ";")
	}
	l.refuse(f, checks, ab[0])
	l.add("let ", ab[2], " = ", expand(o.code, ab[0], ab[1]), ";").add("Ok(", m.expr(ab[2], precBit), ")")
	doc := "Reads `" + s + "` as " + ab[0] + " and " + ab[1] + " with '" + sep + "' between them and returns " + expand(o.text, ab[0], ab[1]) + ", " + m.text
	if len(checks) > 0 {
		doc += "; " + ab[0] + " is refused with " + prose(f, checks)
	}
	g := &group{}
	f.declare(g)
	g.free(&Task{
		Idiom: "question mark", Name: "parse_" + ab[2] + "_" + o.frag + "_" + m.frag, Params: []Param{{s, scalar(Str)}}, Result: result(t, f.typ), Body: l.String(), doc: doc + ".",
		inputs: func(g *rng) []Value { return []Value{Text(pairText(g, t.Kind, sep, checkHints(checks), nil))} },
		eval: func(args []Value) (Value, error) {
			xs, e := parsePair(args[0].S, sep, t.Kind)
			switch {
			case e == noSeparator:
				return f.err(missing), nil
			case e != "" && carried != nil:
				return f.err(bad, Text(e[1:])), nil
			case e != "":
				return f.err(bad), nil
			}
			if e, refused := failed(f, checks, Int(xs[0])); refused {
				return e, nil
			}
			y, err := checked(t.Kind, o.f(xs[0], xs[1]))
			if err != nil {
				return y, err
			}
			return accept(f, nil, m, y)
		},
	})
	return g
}

// pairText is two numbers with a separator between them, or not quite.
func pairText(g *rng, k Kind, sep string, first, second []int64) string {
	text := numberText(g, k, first)
	if g.chance(85) {
		text += sep + numberText(g, k, second)
	}
	return text
}

// noSeparator is parsePair's complaint about a text without a separator; others are a point and the part that is not a number.
const noSeparator = "?"

// parsePair reads two numbers at a separator.
func parsePair(s, sep string, k Kind) (xs [2]int64, complaint string) {
	a, b, found := strings.Cut(s, sep)
	if !found {
		return xs, noSeparator
	}
	for i, part := range []string{a, b} {
		x, ok := parseInt(part, k)
		if !ok {
			return xs, "." + part
		}
		xs[i] = x
	}
	return xs, ""
}

// resultParseList reads numbers between separators and adds up or collects them.
func resultParseList(c *ctx) *group {
	s, t := c.textName(), scalar(pick(c.rng, []Kind{I32, I64, U32}))
	sep := pick(c.rng, []string{",", ";", " ", "|", ":", "/"})
	f := newFailure(pick(c.rng, []string{"list", "row", "line", "record", "field", "series"}))
	bad := f.variant("BadNumber", "the part with this index is not a number", scalar(Usize))
	empty := f.variant("Empty", "there is nothing to read")
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	list := c.chance(50)
	l := newLines().open("if ", s, ".is_empty()").add("return Err(", f.new(empty), ");").close()
	first, step, last, res := "let mut total = 0;", "total += "+m.expr("n", precBit)+";", "Ok(total)", t
	name, doc := "sum_of_"+p.frag+"_"+m.frag, "adds up the "+p.plural("ones")+", each "+m.text
	if list {
		first, step, last, res = "let mut numbers = Vec::new();", "numbers.push("+m.expr("n", precBit)+");", "Ok(numbers)", vec(t)
		name, doc = "numbers_"+p.frag+"_"+m.frag, "collects the "+p.plural("ones")+", each "+m.text
	}
	split := s + ".split('" + sep + "').enumerate()"
	l.add(first).open("for (i, part) in ", split)
	idiom := "question mark"
	if c.chance(60) {
		l.chain("let n: "+t.text+" = ", "part.parse().map_err(|_| "+f.new(bad, "i")+")?", ";")
		l.open("if ", put(p.code, "n")).add(step).close()
	} else {
		idiom = "match"
		l.open("match part.parse::<", t.text, ">()").add("Ok(n) if ", put(p.code, "n"), " => ", step[:len(step)-1], ",")
		l.add("Ok(_) => {}").add("Err(_) => return Err(", f.new(bad, "i"), "),").close()
	}
	g := &group{}
	f.declare(g)
	g.free(&Task{
		Idiom: idiom, Name: name, Params: []Param{{s, scalar(Str)}}, Result: result(res, f.typ), Body: l.close().add(last).String(),
		doc:    "Reads the numbers between '" + sep + "' in `" + s + "` and " + doc + ".",
		inputs: func(g *rng) []Value { return []Value{Text(listText(g, t.Kind, sep, hintsOf(p)))} },
		eval: func(args []Value) (Value, error) {
			if args[0].S == "" {
				return f.err(empty), nil
			}
			var xs []Value
			for i, part := range strings.Split(args[0].S, sep) {
				x, ok := parseInt(part, t.Kind)
				if !ok {
					return f.err(bad, Int(int64(i))), nil
				}
				xs = append(xs, Int(x))
			}
			kept, err := keptValues(xs, p, m)
			if err != nil || list {
				return Ok(Value{L: kept}), err
			}
			total, err := sumValues(t.Kind, kept)
			return Ok(total), err
		},
	})
	return g
}

// listText is up to three numbers, seldom with something else among them.
func listText(g *rng, k Kind, sep string, hints []int64) string {
	parts := make([]string, g.below(4))
	for i := range parts {
		parts[i] = itoa(someNumber(g, k, hints).I)
		if g.chance(12) {
			parts[i] = pick(g, badNumbers)
		}
	}
	return strings.Join(parts, sep)
}

// resultConvert lets ? turn the standard library's error into its own.
func resultConvert(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{I32, I64, U32}))
	ab := pick(c.rng, [][2]string{{"first", "second"}, {"left", "right"}, {"a", "b"}, {"price", "count"}, {"base", "extra"}})
	x := pick(c.rng, []string{"sum", "input", "order", "entry", "pair", "form"})
	f := newFailure(x)
	bad := f.variant("Parse", "a text is not a number")
	checks, o, m := c.drawChecks(f, t, 1), c.pairOp(t.Kind), c.drawStage(numMaps, t, false)
	l := newLines()
	if c.chance(50) {
		l.add("let x: ", t.text, " = ", ab[0], ".parse()?;").add("let y: ", t.text, " = ", ab[1], ".parse()?;")
	} else {
		l.add("let x = ", ab[0], ".parse::<", t.text, ">()?;").add("let y = ", ab[1], ".parse::<", t.text, ">()?;")
	}
	l.refuse(f, checks, "x")
	v := pick(c.rng, []string{"result", "both", "total"})
	l.add("let ", v, " = ", expand(o.code, "x", "y"), ";").add("Ok(", m.expr(v, precBit), ")")
	g := &group{}
	g.use("std::num::ParseIntError")
	f.declare(g)
	g.text("\nimpl From<ParseIntError> for " + f.def.Name + " {\n    fn from(_: ParseIntError) -> Self {\n        Self::Parse\n    }\n}\n")
	g.free(&Task{
		Idiom: "question mark", Name: "parse_" + o.frag + "_" + m.frag, Params: []Param{{ab[0], scalar(Str)}, {ab[1], scalar(Str)}}, Result: result(t, f.typ), Body: l.String(),
		doc: "Reads two numbers x and y and returns " + expand(o.text, "x", "y") + ", " + m.text + "; x is refused with " + prose(f, checks) + ".",
		inputs: func(g *rng) []Value {
			return []Value{Text(numberText(g, t.Kind, checkHints(checks))), Text(numberText(g, t.Kind, nil))}
		},
		eval: func(args []Value) (Value, error) {
			xs, complaint := parsePair(args[0].S+"\n"+args[1].S, "\n", t.Kind)
			if complaint != "" {
				return f.err(bad), nil
			}
			if e, refused := failed(f, checks, Int(xs[0])); refused {
				return e, nil
			}
			y, err := checked(t.Kind, o.f(xs[0], xs[1]))
			if err != nil {
				return y, err
			}
			z, err := m.on(y)
			return Ok(z), err
		},
	})
	return g
}
