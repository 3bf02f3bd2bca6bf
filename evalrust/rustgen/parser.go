package rustgen

import (
	"slices"
	"strings"
)

// parserFamilies read small languages.
func parserFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(5, 900), make: mk}
	}
	return []family{
		at("parse/tokens", parseTokens),
		at("parse/command", parseCommand),
		at("parse/settings", parseSettings),
		at("parse/units", parseUnits),
		at("parse/dotted", parseDotted),
		{name: "parse/expression", weights: from(5, 250), make: parseExpression},
		at("parse/numerals", parseNumerals),
		{name: "parse/brackets", weights: from(5, 500), make: parseBrackets},
		at("parse/rows", parseRows),
	}
}

var symbolNames = [][2]string{
	{"+", "Plus"}, {"-", "Minus"}, {"*", "Star"}, {"/", "Slash"}, {"(", "Open"}, {")", "Close"}, {",", "Comma"}, {":", "Colon"}, {"<", "Less"}, {">", "Greater"},
	{"=", "Equals"}, {"!", "Bang"}, {"&", "And"}, {"|", "Or"}, {"%", "Percent"}, {"^", "Caret"}, {";", "Semicolon"}, {"?", "Question"}, {"@", "At"}, {"#", "Hash"},
}

// parseTokens splits a text into tokens.
func parseTokens(c *ctx) *group {
	n := 2 + c.below(3)
	token := &TypeDef{Name: "Token", Variants: []Variant{{Name: "Number", Payload: []Type{scalar(U32)}}}}
	var symbols strings.Builder
	l := newLines().add("let mut tokens = Vec::new();").add("let mut chars = text.chars().peekable();").open("while let Some(&c) = chars.peek()")
	l.open("if c.is_ascii_digit()").add("let mut value = 0;").open("while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10))").add("value = value * 10 + digit;").add("chars.next();").close()
	l.add("tokens.push(Token::Number(value));").add("continue;").close().open("match c")
	order := c.shuffled(len(symbolNames))[:n]
	slices.Sort(order)
	says := make([]string, n)
	for i, j := range order {
		s := symbolNames[j]
		symbols.WriteString(s[0])
		token.Variants = append(token.Variants, Variant{Name: s[1]})
		l.add("'", s[0], "' => tokens.push(Token::", s[1], "),")
		says[i] = "'" + s[0] + "'"
	}
	skip, strict := pick(c.rng, []string{" ", "_", "~"}), c.chance(60)
	l.add("'", skip, "' => {}")
	result, ok := result(vec(named(token)), scalar(Char)), "Ok(tokens)"
	doc := "Splits `text` into numbers and " + listed(says) + "; '" + skip + "' separates tokens, and the error is the first other character."
	if strict {
		l.add("other => return Err(other),")
	} else {
		result, ok = vec(named(token)), "tokens"
		l.add("_ => break,")
		doc = "Splits `text` into numbers and " + listed(says) + "; '" + skip + "' separates tokens, and any other character ends the text."
	}
	l.close().add("chars.next();").close().add(ok)
	g := &group{}
	(&sumType{def: token, one: "token"}).declare(g)
	g.free(&Task{
		Idiom: "peek", Name: "tokenize", Params: []Param{{"text", scalar(Str)}}, Result: result, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value {
			var b strings.Builder
			for range g.below(5) {
				b.WriteString(pick(g, []string{itoa(g.between(0, 200)), string(pick(g, []byte(symbols.String()))), string(pick(g, []byte(symbols.String()))), skip}))
			}
			if g.chance(15) {
				b.WriteByte('z')
			}
			return []Value{Text(b.String())}
		},
		eval: func(args []Value) (Value, error) { return tokens(args[0].S, symbols.String(), skip, strict) },
	})
	return g
}

// tokens is what tokenize returns: variant 0 is a number, the others are symbols in order.
func tokens(text, symbols, skip string, strict bool) (Value, error) {
	var out Value
	for i := 0; i < len(text); {
		if digit(int64(text[i])) {
			x := int64(0)
			for ; i < len(text) && digit(int64(text[i])); i++ {
				if x = x*10 + int64(text[i]-'0'); !U32.fits(x) {
					return out, ErrUndefined
				}
			}
			out.L = append(out.L, Value{L: []Value{Int(x)}})
			continue
		}
		switch at := strings.IndexByte(symbols, text[i]); {
		case at >= 0:
			out.L = append(out.L, Int(int64(at+1)))
		case text[i] == skip[0]:
		case strict:
			return Err(Int(int64(text[i]))), nil
		default:
			return out, nil
		}
		i++
	}
	if strict {
		return Ok(out), nil
	}
	return out, nil
}

var commandWords = []string{"add", "sub", "push", "set", "move", "jump", "turn", "wait", "drop", "take", "scale", "fill", "skip", "send", "load", "store"}

// parseCommand reads a word and a number, or a word alone.
func parseCommand(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{I32, I64, U32}))
	name := pick(c.rng, []string{"Command", "Instruction", "Action", "Order", "Request"})
	word := pick(c.rng, []string{"word", "verb", "keyword"})
	d := &TypeDef{Name: name}
	idx := c.shuffled(len(commandWords))[:2+c.below(2)]
	m, p := c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false)
	bare := pick(c.rng, []string{"stop", "quit", "reset", "clear", "pop"})
	l := newLines().open("if line == \"", bare, "\"").add("return Some(Self::", camel(bare), ");").close()
	l.add("let (", word, ", rest) = line.split_once(' ')?;").add("let n: ", t.text, " = rest.parse().ok()?;")
	l.open("if ", put(p.code, "n")).add("return None;").close().open("match ", word)
	says := make([]string, len(idx))
	for i, j := range idx {
		w := commandWords[j]
		d.Variants = append(d.Variants, Variant{Name: camel(w), Payload: []Type{t}})
		arg := "n"
		says[i] = "\"" + w + "\""
		if i == 0 {
			arg, says[i] = m.expr("n", precBit), says[i]+" (its number "+m.text+")"
		}
		l.add(`"`, w, `" => Some(Self::`, camel(w), "(", arg, ")),")
	}
	d.Variants = append(d.Variants, Variant{Name: camel(bare)})
	l.add("_ => None,").close()
	g := &group{}
	(&sumType{def: d, one: strings.ToLower(name)}).declare(g)
	g.impl("impl "+name, &Task{
		Idiom: "question mark", Name: "parse", Self: d, Params: []Param{{"line", scalar(Str)}}, Result: optionOf(named(d), "Self"), Body: l.String(),
		doc: "Reads \"" + bare + "\", or " + listed(says) + " with a number behind a space, which must not be " + p.text + ".",
		inputs: func(g *rng) []Value {
			w := commandWords[pick(g, idx)]
			return []Value{Text(pick(g, []string{bare, w + " " + numberText(g, t.Kind, hintsOf(p)), w + " " + itoa(someNumber(g, t.Kind, nil).I), w, "x " + itoa(g.between(1, 9))}))}
		},
		eval: func(args []Value) (Value, error) {
			if args[0].S == bare {
				return Some(Int(int64(len(idx)))), nil
			}
			w, rest, found := strings.Cut(args[0].S, " ")
			n, ok := parseInt(rest, t.Kind)
			if !found || !ok || p.holds(Int(n), nil) {
				return None(), nil
			}
			for i, j := range idx {
				if commandWords[j] != w {
					continue
				}
				y := Int(n)
				var err error
				if i == 0 {
					y, err = m.on(y)
				}
				return Some(Value{I: int64(i), L: []Value{y}}), err
			}
			return None(), nil
		},
	})
	return g
}

// parseSettings reads "name=number" parts into a struct.
func parseSettings(c *ctx) *group {
	r := c.record(2, 3, 0)
	r.setNumber(scalar(pick(c.rng, []Kind{I32, I64, U32})))
	sep, eq := pick(c.rng, []string{",", ";", "&", " ", "|"}), pick(c.rng, []string{"=", ":"})
	f := newFailure(r.one)
	syntax, bad := f.variant("Syntax", "a part has no '"+eq+"'"), f.variant("BadNumber", "a value is not a number")
	unknown := f.variant("Unknown", "there is no such field", scalar(String))
	m, start := c.drawStage(numMaps, r.num, false), c.between(0, 9)
	first, zero := r.def.Fields[0].Name, Value{}
	args, fields := make([]string, len(r.nums)), make([]string, len(r.nums))
	for i := range r.nums {
		args[i], fields[i], zero.L = itoa(start), r.def.Fields[i].Name, append(zero.L, Int(start))
	}
	l := newLines().add("let mut result = Self::", r.def.New, "(", strings.Join(args, ", "), ");").open("for part in text.split('", sep, "')")
	l.chain("let (name, value) = ", "part.split_once('"+eq+"').ok_or("+f.new(syntax)+")?", ";")
	l.chain("let n: "+r.num.text+" = ", "value.parse().map_err(|_| "+f.new(bad)+")?", ";").open("match name")
	l.add(`"`, first, `" => result.`, first, " = ", m.expr("n", precBit), ",")
	for _, name := range fields[1:] {
		l.add(`"`, name, `" => result.`, name, " = n,")
	}
	l.add("other => return Err(", f.new(unknown, "other.to_string()"), "),").close().close().add("Ok(result)")
	if tooWide(l.String()) {
		return parseSettings(c)
	}
	g := &group{}
	f.declare(g)
	g.text("\n")
	r.declare(g)
	g.impl("impl "+r.def.Name, r.constructor(), &Task{
		Idiom: "question mark", Name: "parse", Self: r.def, Params: []Param{{"text", scalar(Str)}}, Result: result(named(r.def).as("Self"), f.typ), Body: l.String(),
		doc:    "Reads parts between '" + sep + "' such as `" + first + eq + "3`; `" + first + "` gets its number " + m.text + ", and what is not there is " + itoa(start) + ".",
		inputs: func(g *rng) []Value { return []Value{Text(settingsText(g, fields, eq, sep, r.num.Kind))} },
		eval: func(args []Value) (Value, error) {
			out := zero
			for part := range strings.SplitSeq(args[0].S, sep) {
				name, value, found := strings.Cut(part, eq)
				n, ok := parseInt(value, r.num.Kind)
				i, y := slices.Index(fields, name), Int(n)
				var err error
				switch {
				case !found:
					return f.err(syntax), nil
				case !ok:
					return f.err(bad), nil
				case i < 0:
					return f.err(unknown, Text(name)), nil
				case i == 0:
					y, err = m.on(y)
				}
				if err != nil {
					return y, err
				}
				out = replaced(out, i, y)
			}
			return Ok(out), nil
		},
	})
	return g
}

// settingsText is one or two settings, some of them wrong.
func settingsText(g *rng, fields []string, eq, sep string, k Kind) string {
	parts := make([]string, 1+g.below(2))
	for i := range parts {
		parts[i] = pick(g, fields) + eq + numberText(g, k, nil)
		if g.chance(15) {
			parts[i] = pick(g, []string{"", "x" + eq + "1", fields[0]})
		}
	}
	return strings.Join(parts, sep)
}

// parseUnits adds up numbers with a letter for their unit, as in "2h30m".
func parseUnits(c *ctx) *group {
	t, s := scalar(pick(c.rng, []Kind{U32, U64})), c.textName()
	what := pick(c.rng, [][2]string{{"duration", "hmsdw"}, {"weight", "gktpo"}, {"length", "cmkif"}, {"price", "pcse$"}, {"volume", "lcgpd"}, {"dose", "mgdru"}})
	letters := what[1][:3+c.below(2)]
	factors := c.distinctBetween(len(letters), 1, 90)
	conv := "d"
	if t.Kind == U64 {
		conv = "u64::from(d)"
	}
	l := newLines().add("let mut total = 0;").add("let mut number: ", t.text, " = 0;").open("for c in ", s, ".chars()").open("if let Some(d) = c.to_digit(10)")
	l.add("number = number * 10 + ", conv, ";").add("continue;").close().open("total += match c")
	says := make([]string, len(letters))
	for i, r := range letters {
		l.add("'", string(r), "' => number * ", itoa(factors[i]), ",")
		says[i] = "'" + string(r) + "' for " + itoa(factors[i])
	}
	l.add("_ => return None,").depth--
	l.add("};").add("number = 0;").close()
	rest := c.below(3)
	doc := "Adds up the numbers in `" + s + "` by the letters behind them, " + listed(says)
	switch rest {
	case 0:
		l.open("if number > 0").add("return None;").close().add("Some(total)")
		doc += "; `None` for another character, or if the last number has no letter."
	case 1:
		l.add("Some(total + number)")
		doc += "; a number at the end counts as it is, and another character gives `None`."
	default:
		l.add("Some(total).filter(|&t| t > 0)")
		doc += "; `None` for another character, or if there is nothing."
	}
	return single(&Task{
		Idiom: "loop", Name: "parse_" + what[0], Params: []Param{{s, scalar(Str)}}, Result: option(t), Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value {
			var b strings.Builder
			for range g.below(4) {
				b.WriteString(itoa(g.between(0, 30)) + string(pick(g, []byte(letters))))
			}
			b.WriteString(pick(g, []string{"", "", "7", "x"}))
			return []Value{Text(b.String())}
		},
		eval: func(args []Value) (Value, error) {
			total, n, ok := unitsTotal(args[0].S, letters, factors)
			if !t.Kind.fits(total) || n > 1e6 {
				return Value{}, ErrUndefined
			}
			if !ok || rest == 0 && n > 0 || rest == 2 && total == 0 {
				return None(), nil
			}
			if rest == 1 {
				total += n
			}
			return Some(Int(total)), nil
		},
	})
}

// unitsTotal adds up numbers by the factors of the letters behind them; n is a number at the end without one.
func unitsTotal(s, letters string, factors []int64) (total, n int64, ok bool) {
	for _, r := range s {
		if digit(int64(r)) {
			n = add(mul(n, 10), int64(r-'0'))
			continue
		}
		i := strings.IndexRune(letters, r)
		if i < 0 {
			return total, n, false
		}
		total, n = add(total, mul(n, factors[i])), 0
	}
	return total, n, true
}

// parseDotted reads numbers between points and weighs them.
func parseDotted(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{U32, U64, I64})), 2+c.below(2)
	s, sep := pick(c.rng, []string{"version", "address", "code", "date", "time", "id"}), pick(c.rng, []string{".", "-", ":", "/", "_"})
	if t.Kind == I64 && sep == "-" {
		sep = "."
	}
	names := pick(c.rng, [][]string{{"major", "minor", "patch"}, {"first", "second", "third"}, {"a", "b", "c"}, {"year", "month", "day"}})[:n]
	ks := make([]int64, n)
	terms := make([]string, n)
	l := newLines().add("let mut parts = ", s, ".split('", sep, "');")
	for i, name := range names {
		ks[i] = c.between(2, 99)
		terms[i] = name + " * " + itoa(ks[i])
		l.add("let ", name, ": ", t.text, " = parts.next()?.parse().ok()?;")
	}
	p := c.drawStage(numPreds, t, false)
	l.open("if parts.next().is_some() || ", operand(put(p.code, names[0]), false)).add("return None;").close().add("Some(", strings.Join(terms, " + "), ")")
	return single(&Task{
		Idiom: "question mark", Name: pick(c.rng, []string{"rank", "weigh", "encode", "parse"}) + "_" + s, Params: []Param{{s, scalar(Str)}}, Result: option(t), Body: l.String(),
		doc: "Reads " + listed(names) + " with '" + sep + "' between them from `" + s + "` and returns `" + strings.Join(terms, " + ") + "`; `None` if there are more or fewer, or if " + names[0] +
			" is " + p.text + ".",
		inputs: func(g *rng) []Value {
			parts := make([]string, n)
			for i := range parts {
				parts[i] = itoa(abs(someNumber(g, t.Kind, hintsOf(p)).I))
			}
			if g.chance(20) {
				parts = append(parts, pick(g, badNumbers))
			}
			return []Value{Text(strings.Join(parts, sep))}
		},
		eval: func(args []Value) (Value, error) {
			parts, total := strings.Split(args[0].S, sep), int64(0)
			if len(parts) != n {
				return None(), nil
			}
			for i, part := range parts {
				x, ok := parseInt(part, t.Kind)
				if !ok || i == 0 && p.holds(Int(x), nil) {
					return None(), nil
				}
				total = add(total, mul(x, ks[i]))
			}
			y, err := checked(t.Kind, total)
			return Some(y), err
		},
	})
}

// parseNumerals reads numerals like the Roman ones, with signs of its own.
func parseNumerals(c *ctx) *group {
	s, n := c.textName(), 3+c.below(3)
	letters := pick(c.rng, []string{"ivxlcd", "abcdef", "uvwxyz", "otmhkn", "IVXLCD", "ABCDEF", "PQRSTU"})[:n]
	values := c.distinctBetween(n, 1, 20)
	for i := 1; i < n; i++ {
		values[i] += values[i-1]
	}
	t, subtract := scalar(pick(c.rng, []Kind{U32, U64, I32, I64})), c.chance(60)
	l := newLines().add("let mut total = 0;").add("let mut last = 0;").open("for c in ", s, ".chars().rev()").open("let value = match c")
	says := make([]string, n)
	for i, r := range letters {
		l.add("'", string(r), "' => ", itoa(values[i]), ",")
		says[i] = "'" + string(r) + "' is " + itoa(values[i])
	}
	l.add("_ => return None,").depth--
	l.add("};").open("if value < last")
	doc := "Reads `" + s + "` as numerals in which " + listed(says)
	if subtract {
		l.add("total -= value;")
		doc += "; one before a larger one is subtracted, and anything else gives `None`."
	} else {
		l.add("return None;")
		doc += "; one before a larger one, or anything else, gives `None`."
	}
	if subtract && !t.Kind.signed() {
		t = scalar(I64)
	}
	l.orElse().add("total += value;").close().add("last = value;").close().add("Some(total)")
	return single(&Task{
		Idiom: "loop", Name: pick(c.rng, []string{"read", "parse", "decode", "value_of"}) + "_numerals", Params: []Param{{s, scalar(Str)}}, Result: option(t), Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value {
			var b strings.Builder
			for range g.below(5) {
				b.WriteByte(pick(g, []byte(letters)))
			}
			b.WriteString(pick(g, []string{"", "", "", "?"}))
			return []Value{Text(b.String())}
		},
		eval: func(args []Value) (Value, error) {
			total, last := int64(0), int64(0)
			rs := args[0].S
			for i := len(rs) - 1; i >= 0; i-- {
				j := strings.IndexByte(letters, rs[i])
				if j < 0 {
					return None(), nil
				}
				switch v := values[j]; {
				case v >= last:
					total += v
				case !subtract:
					return None(), nil
				default:
					total -= v
				}
				last = values[j]
			}
			return Some(Int(total)), nil
		},
	})
}
