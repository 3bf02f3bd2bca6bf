package rustgen

import (
	"strings"
	"unicode/utf8"
)

// lifetimeFamilies return borrowed parts of what they are given, and keep borrows in structs.
func lifetimeFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(5, 900), make: mk}
	}
	return []family{
		at("lifetime/choose", lifetimeChoose),
		at("lifetime/best", lifetimeBest),
		at("lifetime/split", lifetimeSplit),
		at("lifetime/view", lifetimeView),
		{name: "lifetime/cursor", weights: from(5, 500), make: lifetimeCursor},
		{name: "lifetime/trim", weights: from(5, 500), make: lifetimeTrim},
		at("lifetime/fields", lifetimeFields),
	}
}

// textKey measures a string: a word map that gives a number, times or plus something.
type textKey struct {
	*stage
	k int64
}

func (c *ctx) drawTextKey() textKey {
	for {
		if s := c.drawStage(wordMaps, scalar(Str), false); s.outType.Kind == Usize {
			return textKey{s, c.between(0, 9)}
		}
	}
}

func (t textKey) code(v string) string {
	if t.k == 0 {
		return put(t.stage.code, v)
	}
	return put(t.stage.code, v) + " + " + itoa(t.k)
}

func (t textKey) of(s string) int64 {
	y, _ := t.on(Text(s))
	return y.I + t.k
}

// plainOf is the measure without what is added.
func (t textKey) plainOf(s string) int64 { return t.of(s) - t.k }

// lifetimeChoose returns one of two or three borrowed strings.
func lifetimeChoose(c *ctx) *group {
	ab := pick(c.rng, [][2]string{{"left", "right"}, {"a", "b"}, {"first", "second"}, {"title", "subtitle"}, {"old", "new"}, {"name", "alias"}})
	key, least := c.drawTextKey(), c.chance(50)
	op, word := " > ", "more"
	if least {
		op, word = " < ", "less"
	}
	p := c.drawStage(wordPreds, scalar(Str), false)
	l, guarded := newLines(), c.chance(50)
	if guarded {
		l.open("if ", put(p.neg, ab[1])).add("return ", ab[0], ";").close()
	}
	l.open("if ", key.code(ab[1]), op, put(key.stage.code, ab[0])).add(ab[1]).orElse().add(ab[0]).close()
	name := ab[1] + "_if_" + word + "_" + key.frag
	doc := "Returns `" + ab[1] + "` if, " + key.text + ", it is " + word + " than `" + ab[0] + "`, else `" + ab[0] + "`"
	if key.k > 0 {
		name, doc = name+"_by_"+itoa(key.k), "Returns `"+ab[1]+"` if, "+key.text+" plus "+itoa(key.k)+", it is "+word+" than `"+ab[0]+"`, else `"+ab[0]+"`"
	}
	if guarded {
		name, doc = name+"_and_"+p.frag, doc+"; never if it is not "+p.text
	}
	str := scalar(Str).as("&'a str")
	return single(&Task{
		Idiom: "branch", Name: name, Generics: "<'a>", Params: []Param{{ab[0], str}, {ab[1], str}}, Result: str, Body: l.String(), doc: doc + ".",
		inputs: func(g *rng) []Value { return []Value{Text(pick(g, sampleWords)), Text(pick(g, sampleWords))} },
		eval: func(args []Value) (Value, error) {
			x, y := args[0].S, args[1].S
			if guarded && !p.holds(args[1], nil) {
				return args[0], nil
			}
			if a, b := key.plainOf(x), key.of(y); b > a && !least || b < a && least {
				return args[1], nil
			}
			return args[0], nil
		},
	})
}

// lifetimeBest finds the word that measures most or least.
func lifetimeBest(c *ctx) *group {
	key, least, n := c.drawTextKey(), c.chance(50), pick(c.rng, wordNouns)
	p := c.drawStage(wordPreds, scalar(Str), false)
	op, word := " <= ", "most"
	if least {
		op, word = " >= ", "least"
	}
	text := c.chance(50)
	over, param, elem := n.many, Param{n.many, slice(scalar(Str)).as("&[&'a str]")}, "&"+n.one
	if text {
		s := c.textName()
		over, param, elem = s+".split_whitespace()", Param{s, scalar(Str)}, n.one
	}
	l := newLines().add("let mut best: Option<&str> = None;").open("for ", elem, " in ", over).open("if ", put(p.neg, n.one)).add("continue;").close()
	measure := put(key.stage.code, n.one)
	l.open("match best").add("Some(b) if ", measure, op, put(key.stage.code, "b"), " => {}")
	l.add("_ => best = Some(", n.one, "),").close().close().add("best")
	where := " in `" + param.Name + "`"
	t := &Task{
		Idiom: "loop", Name: word + "_" + key.frag + "_" + p.frag, Params: []Param{param}, Result: option(scalar(Str)), Body: l.String(),
		doc: "Returns the first of the " + p.plural("words") + where + " that, " + key.text + ", is the " + word + ", or `None`.",
		inputs: func(g *rng) []Value {
			if text {
				return []Value{Text(someText(g, nil))}
			}
			var xs Value
			for range g.below(5) {
				xs.L = append(xs.L, Text(pick(g, sampleWords)))
			}
			return []Value{xs}
		},
		eval: func(args []Value) (Value, error) {
			xs := args[0].L
			if text {
				xs = fields(args[0].S)
			}
			best := None()
			for _, x := range xs {
				if !p.holds(x, nil) {
					continue
				}
				if best.I == 0 {
					best = Some(x)
				} else if a, b := key.of(x.S), key.of(best.L[0].S); a > b && !least || a < b && least {
					best = Some(x)
				}
			}
			return best, nil
		},
	}
	if !text {
		t.Generics, t.Result = "<'a>", t.Result.as("Option<&'a str>")
	}
	return single(t)
}

// lifetimeSplit cuts a string where a predicate first or last holds.
func lifetimeSplit(c *ctx) *group {
	s, p := c.textName(), c.drawStage(charPreds, scalar(Char), false)
	q := c.drawStage(charPreds, scalar(Char), false)
	last, keep := c.chance(50), c.below(3)
	code := operand(put(p.code, "c"), false) + " || " + operand(put(q.code, "c"), false)
	find, word := "find", "first"
	if last {
		find, word = "rfind", "last"
	}
	names := pick(c.rng, [][2]string{{"head", "tail"}, {"before", "after"}, {"left", "right"}, {"start", "rest"}})
	result := [...]Type{tuple(scalar(Str), scalar(Str)), scalar(Str), scalar(Str)}[keep]
	ends := [...]string{"(" + names[0] + ", " + names[1] + ")", names[0], names[1]}[keep]
	none := [...]string{"(" + s + `, "")`, s, `""`}[keep]
	l := newLines().open("match ", s, ".", find, "(|c: char| ", code, ")").open("Some(i) =>")
	if keep == 0 {
		l.add("let (", names[0], ", ", names[1], ") = ", s, ".split_at(i);").add(ends)
	} else if keep == 1 {
		l.add("let (", names[0], ", _) = ", s, ".split_at(i);").add(ends)
	} else {
		l.add("let (_, ", names[1], ") = ", s, ".split_at(i);").add(ends)
	}
	l.close().add("None => ", none, ",").close()
	if tooWide(l.String()) {
		return lifetimeSplit(c)
	}
	where := "at the " + word + " character that is " + p.text + " or " + q.text
	doc := [...]string{"Splits `" + s + "` " + where + ".", "Returns what is in `" + s + "` before its " + word + " character that is " + p.text + " or " + q.text + ", or all of it.",
		"Returns what is in `" + s + "` from its " + word + " character on that is " + p.text + " or " + q.text + ", or nothing."}[keep]
	return single(&Task{
		Idiom: "match", Name: [...]string{"split", names[0], names[1]}[keep] + "_at_" + word + "_" + p.frag + "_or_" + q.frag, Params: []Param{{s, scalar(Str)}}, Result: result,
		Body: l.String(), doc: doc, inputs: func(g *rng) []Value { return []Value{Text(someText(g, hintsOf(p, q)))} },
		eval: func(args []Value) (Value, error) {
			text, at := args[0].S, -1
			for i, r := range text {
				if x := Int(int64(r)); (p.holds(x, nil) || q.holds(x, nil)) && (at < 0 || last) {
					at = i
				}
			}
			if at < 0 {
				at = len(text)
			}
			return [...]Value{List(Text(text[:at]), Text(text[at:])), Text(text[:at]), Text(text[at:])}[keep], nil
		},
	})
}

// borrowed is a struct that keeps a borrowed text.
type borrowed struct {
	def  *TypeDef
	name string
}

func (c *ctx) drawBorrowed() borrowed {
	b := borrowed{name: pick(c.rng, []string{"View", "Excerpt", "Phrase", "Line", "Sentence", "Document", "Page", "Title", "Note"})}
	b.def = &TypeDef{Name: b.name, Tuple: true, Params: "<'a>", Fields: []Param{{"0", scalar(Str)}}}
	return b
}

// declare adds the struct with its constructor and methods.
func (b borrowed) declare(g *group, methods ...*Task) {
	v := vars{"N", b.name}
	g.text(v.in("/// A borrowed " + strings.ToLower(b.name) + ".\n#[derive(Debug, Clone, Copy, PartialEq, Eq)]\npub struct $N<'a>(pub &'a str);\n"))
	var items []any
	for _, t := range methods {
		t.Receiver, t.Self = ByRef, b.def
		if t.inputs == nil {
			t.inputs = func(g *rng) []Value { return []Value{List(Text(someText(g, nil)))} }
		}
		items = append(items, t)
	}
	g.impl(v.in("impl<'a> $N<'a>"), items...)
	g.names = append(g.names, b.name)
}

// lifetimeView looks for words in a borrowed text.
func lifetimeView(c *ctx) *group {
	b, g := c.drawBorrowed(), &group{}
	var tasks []*Task
	for _, kind := range c.shuffled(3)[:1+c.below(2)] {
		tasks = append(tasks, c.viewMethod(b, kind))
	}
	b.declare(g, tasks...)
	return g
}

// viewMethod returns borrowed words: the first, all, or those behind one.
func (c *ctx) viewMethod(b borrowed, kind int) *Task {
	p, q := c.twoStages(wordPreds, scalar(Str))
	cond := operand(put(p.code, "word"), false) + " || " + operand(put(q.code, "word"), false)
	either := func(x Value) bool { return p.holds(x, nil) || q.holds(x, nil) }
	prose := p.text + " or " + q.text
	words := "self.0.split_whitespace()"
	l := newLines()
	t := &Task{Name: [...]string{"first_", "words_", "after_"}[kind] + p.frag + "_or_" + q.frag}
	switch kind {
	case 0:
		t.Idiom, t.Result, t.doc = "early return", option(scalar(Str)).as("Option<&'a str>"), "Returns the first word that is "+prose+", or `None`."
		l.open("for word in ", words).open("if ", cond).add("return Some(word);").close().close().add("None")
	case 1:
		t.Idiom, t.Result, t.doc = "loop", vec(scalar(Str)).as("Vec<&'a str>"), "Returns the words that are "+prose+"."
		l.add("let mut words = Vec::new();").open("for word in ", words).open("if ", cond).add("words.push(word);").close().close().add("words")
	default:
		t.Idiom, t.Result, t.doc = "while let", option(scalar(Str)).as("Option<&'a str>"), "Returns the word behind the first that is "+prose+", or `None`."
		l.add("let mut words = ", words, ";").open("while let Some(word) = words.next()").open("if ", cond).add("return words.next();").close().close().add("None")
	}
	t.Body = l.String()
	t.eval = func(args []Value) (Value, error) {
		var out Value
		words := fields(args[0].L[0].S)
		for i, w := range words {
			if !either(w) {
				continue
			}
			if kind == 0 {
				return Some(w), nil
			}
			if kind == 2 {
				if i+1 < len(words) {
					return Some(words[i+1]), nil
				}
				return None(), nil
			}
			out.L = append(out.L, w)
		}
		return out, nil
	}
	return t
}

// lifetimeCursor moves through a borrowed text.
func lifetimeCursor(c *ctx) *group {
	name := pick(c.rng, []string{"Cursor", "Scanner", "Reader", "Lexer", "Stream", "Tape"})
	text, pos := pick(c.rng, []string{"text", "input", "source", "line", "body", "content", "page", "code"}), pick(c.rng, []string{"pos", "at", "offset", "position", "here", "mark", "place", "byte"})
	d := &TypeDef{Name: name, New: pick(c.rng, constructors), Params: "<'a>", Fields: []Param{{text, scalar(Str).as("&'a str")}, {pos, scalar(Usize)}}}
	g, v := &group{names: []string{name}}, vars{"N", name, "t", text, "p", pos}
	g.text(v.in("/// A place in a text, in bytes.\n#[derive(Debug, Clone, PartialEq, Eq)]\npub struct $N<'a> {\n    $t: &'a str,\n    $p: usize,\n}\n"))
	items := []any{d.constructor("Starts at a place in `" + text + "`.")}
	for _, kind := range c.shuffled(3)[:1+c.below(2)] {
		t := c.cursorMethod(v, kind)
		t.Receiver, t.Self = ByMut, d
		params := t.Params
		t.inputs = func(g *rng) []Value {
			s := someText(g, nil)
			args := []Value{List(Text(s), Int(int64(g.below(len(s)+1))))}
			for range params {
				args = append(args, Int(g.between('a', 'e')))
			}
			return args
		}
		items = append(items, t)
	}
	g.impl(v.in("impl<'a> $N<'a>"), items...)
	return g
}

// cursorMethod takes a run of characters, skips some, or takes one that is wanted.
func (c *ctx) cursorMethod(v vars, kind int) *Task {
	p, q := c.twoStages(charPreds, scalar(Char))
	k := c.between(1, 9)
	code := operand(put(p.code, "c"), false) + " || " + operand(put(q.code, "c"), false)
	in := func(code, tmpl string) string { return append(v[:len(v):len(v)], "code", code, "k", itoa(k)).in(tmpl) }
	either := func(r rune) bool { return p.holds(Int(int64(r)), nil) || q.holds(Int(int64(r)), nil) }
	t := &Task{Idiom: "loop"}
	switch kind {
	case 0:
		t.Name, t.Result = "take_"+p.frag+"_or_"+q.frag, scalar(Str).as("&'a str")
		t.doc = "Takes the characters that are " + p.text + " or " + q.text + ", up to the first other."
		t.Body = in(code, "    let start = self.$p;\n    for c in self.$t[start..].chars() {\n        let wanted = $code;\n        if !wanted {\n            break;\n        }\n        self.$p += c.len_utf8();\n    }\n    &self.$t[start..self.$p]\n")
	case 1:
		t.Name, t.Result = "skip_"+itoa(k)+"_"+p.frag, scalar(Usize)
		t.doc = "Skips up to " + itoa(k) + " of the " + p.plural("characters") + " and returns how many."
		t.Body = in(put(p.neg, "c"), "    let mut count = 0;\n    for c in self.$t[self.$p..].chars().take($k) {\n        if $code {\n            break;\n        }\n        self.$p += c.len_utf8();\n        count += 1;\n    }\n    count\n")
	default:
		t.Name, t.Result, t.Params = "expect_before_"+p.frag, scalar(Bool), []Param{{"wanted", scalar(Char)}}
		t.doc = "Moves behind the next `wanted` unless there is a character before it that is " + p.text + ", and says whether it did."
		t.Body = in(put(p.code, "c"), "    for (i, c) in self.$t[self.$p..].char_indices() {\n        if c == wanted {\n            self.$p += i + c.len_utf8();\n            return true;\n        }\n        if $code {\n            return false;\n        }\n    }\n    false\n")
	}
	t.eval = func(args []Value) (Value, error) {
		s, at := args[0].L[0].S, args[0].L[1].I
		start, count := at, int64(0)
		for _, r := range s[start:] {
			holds := p.holds(Int(int64(r)), nil)
			if kind == 0 && !either(r) || kind == 1 && (!holds || count == k) || kind == 2 && int64(r) != args[1].I && holds {
				break
			}
			at, count = at+int64(utf8.RuneLen(r)), count+1
			if kind == 2 && int64(r) == args[1].I {
				return List(Truth(true), List(args[0].L[0], Int(at))), nil
			}
		}
		if kind == 2 {
			return List(Truth(false), args[0]), nil
		}
		return List([]Value{Text(s[start:at]), Int(count)}[kind], List(args[0].L[0], Int(at))), nil
	}
	return t
}

// lifetimeTrim returns a part of a slice without elements at its ends.
func lifetimeTrim(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	p, q := c.twoStages(numPreds, t)
	kind := c.below(3)
	l := newLines().add("let mut part = ", n.many, ";")
	name, doc := "", ""
	front := func(s *stage) {
		l.open("while let [first, rest @ ..] = part").open("if ", put(s.neg, "*first")).add("break;").close().add("part = rest;").close()
	}
	back := func(s *stage) {
		l.open("while let [rest @ .., last] = part").open("if ", put(s.neg, "*last")).add("break;").close().add("part = rest;").close()
	}
	if !p.byOperator() || !q.byOperator() {
		return lifetimeTrim(c)
	}
	switch kind {
	case 0:
		front(p)
		name, doc = "trim_start_"+p.frag, "that are "+p.text+" at the start"
	case 1:
		back(p)
		name, doc = "trim_end_"+p.frag, "that are "+p.text+" at the end"
	default:
		front(p)
		back(q)
		name, doc = "trim_"+p.frag+"_and_"+q.frag, "that are "+p.text+" at the start and those that are "+q.text+" at the end"
	}
	return single(&Task{
		Idiom: "slice pattern", Name: name, Params: []Param{{n.many, slice(t)}}, Result: vec(t), result: "&[" + t.text + "]", Body: l.add("part").String(), call: name + "($0).to_vec()",
		doc: "Returns `" + n.many + "` without the elements " + doc + ".", inputs: sliceInput(t, 6, p, q),
		eval: func(args []Value) (Value, error) {
			xs := args[0].L
			s := p
			for kind != 1 && len(xs) > 0 && p.holds(xs[0], nil) {
				xs = xs[1:]
			}
			if kind == 2 {
				s = q
			}
			for kind != 0 && len(xs) > 0 && s.holds(xs[len(xs)-1], nil) {
				xs = xs[:len(xs)-1]
			}
			return Value{L: xs}, nil
		},
	})
}

// lifetimeFields borrows the parts of a line in a struct.
func lifetimeFields(c *ctx) *group {
	drawn := pick(c.rng, [][4]string{{"Header", "key", "value", ":"}, {"Setting", "name", "value", "="}, {"Person", "name", "role", "/"}, {"Address", "user", "host", "@"},
		{"Entry", "word", "meaning", "-"}, {"Route", "from", "to", ">"}, {"Label", "kind", "text", "#"}, {"Query", "field", "term", "~"}, {"Rule", "left", "right", "|"}, {"Edge", "start", "end", "+"}, {"Rename", "old", "new_name", "%"},
		{"Score", "player", "points", "="}, {"Price", "item", "amount", ":"}, {"Phone", "owner", "number", ";"}, {"Time", "hour", "minute", ":"}, {"Date", "month", "day", "/"},
		{"Rating", "film", "stars", "*"}, {"Move", "piece", "square", "-"}, {"Alias", "short", "long", "="}, {"Color", "shade", "code", "#"}})
	name, a, b, sep := drawn[0], drawn[1], drawn[2], drawn[3]
	p, q := c.drawStage(wordPreds, scalar(Str), false), c.drawStage(wordPreds, scalar(Str), false)
	d := &TypeDef{Name: name, New: pick(c.rng, constructors), Params: "<'a>", Fields: []Param{{a, scalar(Str).as("&'a str")}, {b, scalar(Str).as("&'a str")}}}
	v := vars{"N", name, "a", a, "b", b, "sep", sep, "p", put(p.neg, a), "q", put(q.code, b)}
	trim, second := c.chance(50), c.chance(50)
	l := newLines().add("let (", a, ", ", b, ") = line.split_once('", sep, "')?;")
	doc := "Reads `" + a + "` and `" + b + "` from a line with '" + sep + "' between them; `None` if `" + a + "` is not " + p.text
	if trim {
		l.add("let ", a, " = ", a, ".trim();").add("let ", b, " = ", b, ".trim();")
		doc = strings.Replace(doc, " from a line", ", without surrounding spaces, from a line", 1)
	}
	l.open("if ", put(p.neg, a)).add("return None;").close()
	if second {
		l.open("if ", put(q.code, b)).add("return None;").close()
		doc += " or `" + b + "` is " + q.text
	}
	l.add("Some(Self { ", a, ", ", b, " })")
	if len(a)+len(b)+2 > structLitWidth {
		return lifetimeFields(c)
	}
	g := &group{names: []string{name}}
	g.text(v.in("/// The parts of a line.\n#[derive(Debug, Clone, PartialEq, Eq)]\npub struct $N<'a> {\n    pub $a: &'a str,\n    pub $b: &'a str,\n}\n"))
	g.impl(v.in("impl<'a> $N<'a>"), d.constructor("Keeps two parts."), &Task{
		Idiom: "question mark", Name: "parse", Self: d, Params: []Param{{"line", scalar(Str).as("&'a str")}}, Result: optionOf(named(d), "Self"), Body: l.String(), doc: doc + ".",
		inputs: func(g *rng) []Value {
			w := pick(g, sampleWords)
			if p.consts != noConst && g.chance(50) {
				w = strings.Trim(p.kText, `'"`) + w
			}
			s := pick(g, []string{sep, sep, " " + sep + " ", ""})
			return []Value{Text(w + s + pick(g, sampleWords))}
		},
		eval: func(args []Value) (Value, error) {
			x, y, found := strings.Cut(args[0].S, sep)
			if trim {
				x, y = strings.TrimSpace(x), strings.TrimSpace(y)
			}
			if !found || !p.holds(Text(x), nil) || second && q.holds(Text(y), nil) {
				return None(), nil
			}
			return Some(List(Text(x), Text(y))), nil
		},
	})
	return g
}
