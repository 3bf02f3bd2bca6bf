package rustgen

import (
	"strconv"
	"strings"
)

// textFamilies are functions on strings and on how numbers are written.
func textFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(3, 600), make: mk}
	}
	return []family{
		at("text/steps", textSteps),
		at("text/shift", textShift),
		at("text/run_length", textRunLength),
		at("text/each_word", textEachWord),
		at("text/number", textNumber),
		at("text/palindrome", textPalindrome),
		at("text/between", textBetween),
		at("text/tally", textTally),
		at("text/compare", textCompare),
		at("text/mask", textMask),
	}
}

func (c *ctx) textName() string { return pick(c.rng, textNames) }

// textStep is one operation on a String called "result".
type textStep struct {
	code, frag, text string
	consts           constant
	f                func(s, k, j string) string
}

var textOperations = []textStep{
	{code: "result = result.trim().to_string();", frag: "trim", text: "removes the spaces around it", f: func(s, _, _ string) string { return strings.TrimSpace(s) }},
	{code: "result = result.to_uppercase();", frag: "upper", text: "makes it uppercase", f: func(s, _, _ string) string { return strings.ToUpper(s) }},
	{code: "result = result.to_lowercase();", frag: "lower", text: "makes it lowercase", f: func(s, _, _ string) string { return strings.ToLower(s) }},
	{code: "result = result.replace('#', \"@\");", frag: "replace_#_with_@", text: "replaces every '#' with '@'", consts: letters,
		f: strings.ReplaceAll},
	{code: "result = result.replace(\"#\", \"@\");", frag: "replace_#_with_@", text: "replaces every \"#\" with \"@\"", consts: syllable,
		f: strings.ReplaceAll},
	{code: "result.push('#');", frag: "push_#", text: "appends '#'", consts: letter, f: func(s, k, _ string) string { return s + k }},
	{code: "result.push_str(\"#\");", frag: "append_#", text: "appends \"#\"", consts: syllable, f: func(s, k, _ string) string { return s + k }},
	{code: "result.insert(0, '#');", frag: "prepend_#", text: "puts '#' in front", consts: letter, f: func(s, k, _ string) string { return k + s }},
	{code: "result.insert_str(0, \"#\");", frag: "prepend_#", text: "puts \"#\" in front", consts: syllable, f: func(s, k, _ string) string { return k + s }},
	{code: "result.retain(|c| c != '#');", frag: "remove_#", text: "removes every '#'", consts: letter, f: func(s, k, _ string) string { return strings.ReplaceAll(s, k, "") }},
	{code: "result = result.chars().rev().collect();", frag: "reverse", text: "turns it around", f: func(s, _, _ string) string { return reverse(s) }},
	{code: "result = result.repeat(#);", frag: "repeat_#", text: "repeats it # times", consts: short, f: func(s, k, _ string) string {
		n, _ := strconv.Atoi(k)
		return strings.Repeat(s, n)
	}},
	{code: "result = result.trim_end_matches('#').to_string();", frag: "trim_end_#", text: "removes every '#' at the end", consts: letter,
		f: func(s, k, _ string) string { return strings.TrimRight(s, k) }},
	{code: "result = result.trim_start_matches(\"#\").to_string();", frag: "trim_start_#", text: "removes every \"#\" at the start", consts: syllable,
		f: func(s, k, _ string) string {
			for strings.HasPrefix(s, k) {
				s = s[len(k):]
			}
			return s
		}},
}

// drawn is a text step with its constants.
type drawnText struct {
	textStep
	k, j string
}

func (c *ctx) drawText() drawnText {
	d := drawnText{textStep: pick(c.rng, textOperations)}
	switch d.consts {
	case letters:
		x := c.distinctBetween(2, 'a', 'z')
		d.k, d.j = string(rune(x[0])), string(rune(x[1]))
	case letter:
		d.k = string(rune(c.between('a', 'z')))
	case syllable:
		d.k = pick(c.rng, syllables)
		for d.j = d.k; d.j == d.k; {
			d.j = pick(c.rng, syllables)
		}
	case short:
		d.k = itoa(c.between(2, 4))
	}
	d.code, d.frag, d.text = fill(d.code, d.k, d.j), fill(d.frag, d.k, d.j), fill(d.text, d.k, d.j)
	return d
}

// textSteps applies two or three operations to a string.
func textSteps(c *ctx) *group {
	s := c.textName()
	want := 2 + c.below(2)
	var steps []drawnText
	var frags, texts []string
	l := newLines().add("let mut result = ", s, ".to_string();")
	for len(steps) < want {
		d := c.drawText()
		if len(steps) > 0 && strings.Split(steps[len(steps)-1].frag, "_")[0] == strings.Split(d.frag, "_")[0] {
			continue
		}
		steps, frags, texts = append(steps, d), append(frags, d.frag), append(texts, d.text)
		l.add(d.code)
	}
	return single(&Task{
		Idiom: "statements", Name: strings.Join(frags, "_then_"), Params: []Param{{s, scalar(Str)}}, Result: scalar(String), Body: l.add("result").String(),
		doc: "Takes `" + s + "`, " + listed(texts) + ".",
		inputs: func(g *rng) []Value {
			text := pick(g, sampleWords)
			if g.chance(50) {
				text += " " + steps[0].k + pick(g, sampleWords)
			}
			return []Value{Text(text)}
		},
		eval: func(args []Value) (Value, error) {
			out := args[0].S
			for _, d := range steps {
				out = d.f(out, d.k, d.j)
			}
			return Text(out), nil
		},
	})
}

// textShift moves letters along the alphabet, as Caesar's cipher does.
func textShift(c *ctx) *group {
	s, k := c.textName(), c.between(1, 25)
	least := c.between('a', 'h')
	p := c.drawStage(charPreds, scalar(Char), false)
	v := vars{"s", s, "k", itoa(k), "a", "'" + string(rune(least)) + "'", "p", put(p.code, "c"), "not", put(p.neg, "c")}
	idiom := "loop"
	tmpl := `    let mut result = String::new();
    for c in $s.chars() {
        if c.is_ascii_lowercase() {
            let shifted = (c as u8 - b'a' + $k) % 26 + b'a';
            result.push(shifted as char);
        } else {
            result.push(c);
        }
    }
    result
`
	name, doc := "shift_letters_by_"+itoa(k), "Moves every lowercase letter of `"+s+"` on by "+itoa(k)+", from z to a."
	from, guarded := int64('a'), false
	switch c.below(3) {
	case 0:
		from = least
		tmpl = strings.Replace(tmpl, "c.is_ascii_lowercase()", "($a..='z').contains(&c)", 1)
		name = "shift_letters_from_" + string(rune(from)) + "_by_" + itoa(k)
		doc = "Moves the letters '" + string(rune(from)) + "' to 'z' of `" + s + "` on by " + itoa(k) + ", from z to a."
	case 1:
		guarded = true
		tmpl = strings.Replace(tmpl, "        if c.is_", "        if $not {\n            result.push('_');\n        } else if c.is_", 1)
		name, doc = name+"_keeping_"+p.frag, "Moves every lowercase letter of `"+s+"` on by "+itoa(k)+", from z to a; what is not "+p.text+" becomes '_'."
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: []Param{{s, scalar(Str)}}, Result: scalar(String), Body: v.in(tmpl), doc: doc,
		inputs: func(g *rng) []Value { return []Value{Text(someText(g, hintsOf(p)))} },
		eval: func(args []Value) (Value, error) {
			var b strings.Builder
			for _, r := range args[0].S {
				switch {
				case guarded && !p.holds(Int(int64(r)), nil):
					b.WriteByte('_')
				case int64(r) >= from && r <= 'z':
					b.WriteRune('a' + (r-'a'+rune(k))%26)
				default:
					b.WriteRune(r)
				}
			}
			return Text(b.String()), nil
		},
	})
}

// textRunLength writes how often each character repeats.
func textRunLength(c *ctx) *group {
	s, sep := c.textName(), pick(c.rng, []string{"", "x", "*", ":", "^"})
	end := pick(c.rng, []string{"", " ", ",", ";", "|"})
	least := c.between(1, 4)
	first := c.chance(50)
	p := c.drawStage(charPreds, scalar(Char), false)
	only := c.chance(50)
	one := "{c}" + sep + "{count}" + end
	if first {
		one = "{count}" + sep + "{c}" + end
	}
	v := vars{"s", s, "one", one, "least", itoa(least), "p", put(p.code, "c")}
	tmpl := "    let mut result = String::new();\n    let mut chars = $s.chars().peekable();\n    while let Some(c) = chars.next() {\n        let mut count = 1;\n" +
		"        while chars.peek() == Some(&c) {\n            chars.next();\n            count += 1;\n        }\n"
	name, doc := "run_lengths_"+s, "Writes every run of equal characters in `"+s+"` as `"+strings.NewReplacer("{", "", "}", "").Replace(one)+"`"
	switch {
	case only:
		tmpl += "        if $p {\n            result.push_str(&format!(\"$one\"));\n        }\n"
		name, doc = "run_lengths_of_"+p.frag, doc+", of the "+p.plural("characters")+" only"
	case least > 1:
		tmpl += "        if count >= $least {\n            result.push_str(&format!(\"$one\"));\n        } else {\n            result.push(c);\n        }\n"
		name, doc = "run_lengths_from_"+itoa(least), doc+", or as one character if it is shorter than "+itoa(least)
	default:
		tmpl += "        result.push_str(&format!(\"$one\"));\n"
	}
	tmpl += "    }\n    result\n"
	return single(&Task{
		Idiom: "peek", Name: name, Params: []Param{{s, scalar(Str)}}, Result: scalar(String), Body: v.in(tmpl), doc: doc + ".",
		inputs: func(g *rng) []Value {
			var b strings.Builder
			for range g.below(4) {
				b.WriteString(strings.Repeat(pick(g, []string{"a", "b", "z", "7", "Q", " ", "-", "e"}), 1+g.below(4)))
			}
			return []Value{Text(b.String())}
		},
		eval: func(args []Value) (Value, error) {
			return Text(runLengths(args[0].S, func(r rune, count string) string {
				switch n, _ := strconv.ParseInt(count, 10, 64); {
				case only && !p.holds(Int(int64(r)), nil):
					return ""
				case !only && n < least:
					return string(r)
				}
				return strings.NewReplacer("{c}", string(r), "{count}", count).Replace(one)
			})), nil
		},
	})
}

// runLengths calls write for every run of equal characters and joins what it returns.
func runLengths(s string, write func(r rune, count string) string) string {
	var b strings.Builder
	rs := []rune(s)
	for i, n := 0, 0; i < len(rs); i += n {
		for n = 1; i+n < len(rs) && rs[i+n] == rs[i]; n++ {
		}
		b.WriteString(write(rs[i], strconv.Itoa(n)))
	}
	return b.String()
}

// wordMaker makes a string of a word.
type wordMaker struct {
	code, frag, text string // statement about "result" and "word"
	f                func(w string) string
}

var wordMakers = []wordMaker{
	{"result.push_str(&word.to_uppercase());", "upper", "in uppercase", strings.ToUpper},
	{"result.push_str(&word.to_lowercase());", "lower", "in lowercase", strings.ToLower},
	{"result.extend(word.chars().rev());", "reversed", "reversed", reverse},
	{"result.push_str(&word.len().to_string());", "lengths", "as its length in bytes", func(w string) string { return strconv.Itoa(len(w)) }},
	{"result.extend(word.chars().take(2));", "short", "cut to two characters", func(w string) string { return w[:min(2, len(w))] }},
	{"result.extend(word.chars().take(1));", "initials", "cut to its first character", func(w string) string { return w[:min(1, len(w))] }},
	{"result.extend(word.chars().filter(|c| !\"aeiou\".contains(*c)));", "consonants", "without vowels", func(w string) string {
		return strings.Map(func(r rune) rune {
			if isVowel(r) {
				return -1
			}
			return r
		}, w)
	}},
	{"result.push_str(&word.replace('e', \"3\"));", "coded", "with 3 for e", func(w string) string { return strings.ReplaceAll(w, "e", "3") }},
}

// textEachWord rewrites some words of a text, and joins them.
func textEachWord(c *ctx) *group {
	s := c.textName()
	p, mk := c.drawStage(wordPreds, scalar(Str), false), pick(c.rng, wordMakers)
	sep := pick(c.rng, []string{" ", "-", "_", ", ", "."})
	drop := c.chance(40)
	push := "result.push_str(\"" + sep + "\");"
	if len(sep) == 1 {
		push = "result.push('" + sep + "');"
	}
	l := newLines().add("let mut result = String::new();").open("for word in ", s, ".split_whitespace()")
	if drop {
		l.open("if ", put(p.neg, "word")).add("continue;").close()
	}
	l.open("if !result.is_empty()").add(push).close()
	name, doc := mk.frag+"_"+p.frag, "Joins the words of `"+s+"` with \""+sep+"\"; the "+p.plural("ones")+" are written "+mk.text+"."
	if drop {
		l.add(mk.code)
		name, doc = "only_"+name, "Joins the "+p.plural("words")+" of `"+s+"` with \""+sep+"\", each "+mk.text+"."
	} else {
		l.open("if ", put(p.code, "word")).add(mk.code).orElse().add("result.push_str(word);").close()
	}
	return single(&Task{
		Idiom: "loop", Name: name, Params: []Param{{s, scalar(Str)}}, Result: scalar(String), Body: l.close().add("result").String(), doc: doc,
		inputs: func(g *rng) []Value { return []Value{Text(someText(g, nil))} },
		eval: func(args []Value) (Value, error) {
			out := ""
			for w := range strings.FieldsSeq(args[0].S) {
				in := p.holds(Text(w), nil)
				if drop && !in {
					continue
				}
				if out != "" {
					out += sep
				}
				if in {
					w = mk.f(w)
				}
				out += w
			}
			return Text(out), nil
		},
	})
}

// textNumber writes a number with a width, a base, a sign or a unit.
func textNumber(c *ctx) *group {
	t, x := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"n", "value", "size", "count", "amount", "id"})
	m, width := c.drawStage(numMaps, t, false), c.between(3, 12)
	w := int(width)
	fmts := []struct {
		spec, frag, text string
		f                func(x int64) string
	}{
		{":>" + itoa(width), "right_" + itoa(width), "to the right in " + itoa(width) + " columns", func(x int64) string { return pad(itoa(x), w, ' ', false) }},
		{":<" + itoa(width), "left_" + itoa(width), "to the left in " + itoa(width) + " columns", func(x int64) string { return pad(itoa(x), w, ' ', true) }},
		{":0" + itoa(width), "zeros_" + itoa(width), "with zeros to " + itoa(width) + " digits", func(x int64) string { return pad(itoa(x), w, '0', false) }},
		{":#x", "hex", "in hexadecimal with 0x", func(x int64) string { return "0x" + strconv.FormatInt(x, 16) }},
		{":X", "upper_hex", "in uppercase hexadecimal", func(x int64) string { return strings.ToUpper(strconv.FormatInt(x, 16)) }},
		{":b", "binary", "in binary", func(x int64) string { return strconv.FormatInt(x, 2) }},
		{":o", "octal", "in octal", func(x int64) string { return strconv.FormatInt(x, 8) }},
		{":*>" + itoa(width), "stars_" + itoa(width), "with stars to " + itoa(width) + " columns", func(x int64) string { return pad(itoa(x), w, '*', false) }},
		{":+", "signed", "with its sign", func(x int64) string { return "+" + itoa(x) }},
	}
	f := pick(c.rng, fmts)
	ends := pick(c.rng, frames)
	before, after := ends[0], ends[1]
	if after == "" {
		after = pick(c.rng, []string{"", " kg", " km", "%", " units", " s"})
	}
	v := pick(c.rng, []string{"shown", "y", "total", "scaled"})
	l := newLines().add("let ", v, " = ", m.expr(x, precBit), ";").add(`format!("`, before, "{", v, f.spec, "}", after, `")`)
	return single(&Task{
		Idiom: "expression", Name: pick(c.rng, []string{"format", "show", "write"}) + "_" + f.frag + "_" + m.frag, Params: []Param{{x, t}}, Result: scalar(String),
		Body: l.String(), doc: "Writes `" + x + "` " + m.text + ", " + f.text + ", as `" + before + "…" + after + "`.",
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 3000))} },
		eval: func(args []Value) (Value, error) {
			y, err := m.on(args[0])
			return Text(before + f.f(y.I) + after), err
		},
	})
}

// pad fills s up to a width with a byte, behind it or in front.
func pad(s string, width int, fill byte, behind bool) string {
	for len(s) < width {
		if behind {
			s += string(rune(fill))
		} else {
			s = string(rune(fill)) + s
		}
	}
	return s
}

// textPalindrome compares a string with itself backwards, among the characters that count.
func textPalindrome(c *ctx) *group {
	s := c.textName()
	p, q := c.twoStages(charPreds, scalar(Char))
	least := c.between(0, 6)
	code, prose := put(p.code, "c"), p.text
	two := c.chance(60)
	if two {
		code, prose = operand(code, false)+" || "+operand(put(q.code, "c"), false), p.text+" or "+q.text
	}
	l := newLines().chain("let kept: Vec<char> = ", s+".chars().filter(|&c| "+code+").collect()", ";")
	name := "is_palindrome_of_" + p.frag
	if two {
		name += "_or_" + q.frag
	}
	doc := "Returns true if the characters of `" + s + "` that are " + prose + " read the same backwards"
	if least > 0 {
		name, doc = name+"_from_"+itoa(least), doc+" and are at least "+itoa(least)
		l.open("if kept.len() < ", itoa(least)).add("return false;").close()
	}
	idiom := "iterator"
	if c.chance(50) {
		l.add("kept.iter().eq(kept.iter().rev())")
	} else {
		idiom = "loop"
		l.open("for i in 0..kept.len() / 2").open("if kept[i] != kept[kept.len() - 1 - i]").add("return false;").close().close().add("true")
	}
	if tooWide(l.String()) {
		return textPalindrome(c)
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: []Param{{s, scalar(Str)}}, Result: scalar(Bool), Body: l.String(), doc: doc + ".",
		inputs: func(g *rng) []Value {
			text := pick(g, []string{"level", "radar", "Noon", "a1b1a", "xyx", "12 21", "e.e", "oxo"})
			if g.chance(40) {
				text = someText(g, hintsOf(p))
			}
			return []Value{Text(text)}
		},
		eval: func(args []Value) (Value, error) {
			var kept []rune
			for _, r := range args[0].S {
				if x := Int(int64(r)); p.holds(x, nil) || two && q.holds(x, nil) {
					kept = append(kept, r)
				}
			}
			return Truth(int64(len(kept)) >= least && reverse(string(kept)) == string(kept)), nil
		},
	})
}

// wordCalls make a string of a word by a method of it.
var wordCalls = []wordMaker{
	{".to_uppercase()", "upper", "in uppercase", strings.ToUpper}, {".to_lowercase()", "lower", "in lowercase", strings.ToLower},
	{".chars().rev().collect()", "reversed", "reversed", reverse},
}

// textBetween cuts a part out of a string at separators.
func textBetween(c *ctx) *group {
	s := c.textName()
	seps := pick(c.rng, [][2]string{{"(", ")"}, {"[", "]"}, {"<", ">"}, {":", ";"}, {"=", ","}, {"#", " "}, {"@", "."}, {"\\\"", "\\\""}})
	a, b := strings.ReplaceAll(seps[0], `\"`, `"`), strings.ReplaceAll(seps[1], `\"`, `"`)
	mk, p := pick(c.rng, wordCalls), c.drawStage(wordPreds, scalar(Str), false)
	l := newLines().add("let (_, rest) = ", s, ".split_once('", a, "')?;").add("let (part, _) = rest.split_once('", b, "')?;")
	l.open("if ", put(p.neg, "part")).add("return None;").close().add("Some(part", mk.code, ")")
	return single(&Task{
		Idiom: "question mark", Name: "part_" + p.frag + "_" + mk.frag, Params: []Param{{s, scalar(Str)}}, Result: option(scalar(String)), Body: l.String(),
		doc: "Returns what stands in `" + s + "` between the first '" + a + "' and the next '" + b + "', " + mk.text + ", if it is " + p.text + ", or `None`.",
		inputs: func(g *rng) []Value {
			w := pick(g, sampleWords)
			if p.consts != noConst && g.chance(50) {
				w = strings.Trim(p.kText, `'"`) + w
			}
			return []Value{Text(pick(g, []string{"x" + a + w + b + "y", a + w + b, "x" + w, w + a + w + b, a + w}))}
		},
		eval: func(args []Value) (Value, error) {
			_, rest, ok := strings.Cut(args[0].S, a)
			part, _, found := strings.Cut(rest, b)
			if !ok || !found || !p.holds(Text(part), nil) {
				return None(), nil
			}
			return Some(Text(mk.f(part))), nil
		},
	})
}

// textTally counts characters of several classes.
func textTally(c *ctx) *group {
	s := c.textName()
	p, q := c.twoStages(charPreds, scalar(Char))
	a, b, step := c.between(1, 9), c.between(1, 9), c.between(0, 4)
	l := newLines().add("let mut score = 0;").open("for c in ", s, ".chars()")
	l.open("if ", put(p.code, "c")).add("score += ", itoa(a), ";").depth--
	l.open("} else if ", put(q.code, "c")).add("score += ", itoa(b), ";")
	if step > 0 {
		l.orElse().add("score += ", itoa(step), ";")
	}
	l.close().close().add("score")
	t := scalar(pick(c.rng, []Kind{I32, U32, I64, U64, Usize}))
	doc := "Scores the characters of `" + s + "`: " + itoa(a) + " for " + p.text + ", or else " + itoa(b) + " for " + q.text
	if step > 0 {
		doc += ", or else " + itoa(step)
	}
	return single(&Task{
		Idiom: "loop", Name: "score_" + p.frag + "_and_" + q.frag, Params: []Param{{s, scalar(Str)}}, Result: t, Body: l.String(), doc: doc + ".",
		inputs: func(g *rng) []Value { return []Value{Text(someText(g, hintsOf(p, q)))} },
		eval: func(args []Value) (Value, error) {
			total := int64(0)
			for _, r := range args[0].S {
				switch x := Int(int64(r)); {
				case p.holds(x, nil):
					total += a
				case q.holds(x, nil):
					total += b
				default:
					total += step
				}
			}
			return Int(total), nil
		},
	})
}

// textCompare counts the places where two strings agree or differ.
func textCompare(c *ctx) *group {
	ab := pick(c.rng, [][2]string{{"left", "right"}, {"a", "b"}, {"first", "second"}, {"old", "new"}, {"word", "other"}})
	p, k := c.drawStage(charPreds, scalar(Char), false), c.between(0, 5)
	same := c.chance(50)
	op, text, frag := "!=", "differ", "differences"
	if same {
		op, text, frag = "==", "agree", "matches"
	}
	expr := ab[0] + ".chars().zip(" + ab[1] + ".chars())"
	l, idiom := newLines(), "loop"
	tailing := ""
	if k > 0 {
		tailing = " + " + itoa(k) + " * " + ab[0] + ".len().abs_diff(" + ab[1] + ".len())"
	}
	cond := "x " + op + " y && " + operand(put(p.code, "x"), true)
	if c.chance(50) {
		idiom = "iterator"
		l.chain("let count = ", expr+".filter(|&(x, y)| "+cond+").count()", ";").add("count", tailing)
	} else {
		l.add("let mut count = 0;").open("for (x, y) in ", expr).open("if ", cond).add("count += 1;").close().close().add("count", tailing)
	}
	if idiom == "iterator" && k == 0 {
		l = newLines().chain("", expr+".filter(|&(x, y)| "+cond+").count()", "")
	}
	name, doc := frag+"_at_"+p.frag, "Counts the places at which `"+ab[0]+"` and `"+ab[1]+"` "+text+" and the character of `"+ab[0]+"` is "+p.text
	if k > 0 {
		name, doc = name+"_plus_"+itoa(k), doc+", plus "+itoa(k)+" for each byte that one is longer"
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: []Param{{ab[0], scalar(Str)}, {ab[1], scalar(Str)}}, Result: scalar(Usize), Body: l.String(), doc: doc + ".",
		inputs: func(g *rng) []Value {
			x := pick(g, sampleWords)
			y := pick(g, []string{x, reverse(x), x + "s", pick(g, sampleWords), strings.ToUpper(x)})
			return []Value{Text(x), Text(y)}
		},
		eval: func(args []Value) (Value, error) {
			xs, ys, n := []rune(args[0].S), []rune(args[1].S), int64(0)
			for i := range min(len(xs), len(ys)) {
				if (xs[i] == ys[i]) == same && p.holds(Int(int64(xs[i])), nil) {
					n++
				}
			}
			return Int(n + k*abs(int64(len(args[0].S)-len(args[1].S)))), nil
		},
	})
}

// textMask replaces characters by their place and class.
func textMask(c *ctx) *group {
	s, k := c.textName(), c.between(1, 6)
	p := c.drawStage(charPreds, scalar(Char), false)
	mark := pick(c.rng, []string{"*", "#", "_", "-", "?", ".", "x", "0"})
	rel := pick(c.rng, []struct {
		code, frag, text string
		f                func(i int) bool
	}{
		{"i >= $k", "from_$k", "from index $k on", func(i int) bool { return int64(i) >= k }},
		{"i < $k", "before_$k", "before index $k", func(i int) bool { return int64(i) < k }},
		{"i % $k == 0", "every_$k", "at every index divisible by $k", func(i int) bool { return int64(i)%k == 0 }},
		{"i % $k != 0", "not_every_$k", "at every index not divisible by $k", func(i int) bool { return int64(i)%k != 0 }},
	})
	v := vars{"k", itoa(k)}
	if k == 1 && strings.Contains(rel.code, "%") {
		return textMask(c)
	}
	cond := v.in(rel.code) + " && " + operand(put(p.code, "c"), true)
	l, idiom := newLines(), "loop"
	value := "if " + cond + " { '" + mark + "' } else { c }"
	if len(value) <= 50 && c.chance(40) {
		idiom = "iterator"
		l.chain("", s+".chars().enumerate().map(|(i, c)| "+value+").collect()", "")
	} else {
		l.add("let mut result = String::new();").open("for (i, c) in ", s, ".chars().enumerate()").open("if ", cond).add("result.push('", mark, "');")
		l.orElse().add("result.push(c);").close().close().add("result")
	}
	return single(&Task{
		Idiom: idiom, Name: "mask_" + p.frag + "_" + v.in(rel.frag), Params: []Param{{s, scalar(Str)}}, Result: scalar(String), Body: l.String(),
		doc:    "Replaces with '" + mark + "' the " + p.plural("characters") + " of `" + s + "` " + v.in(rel.text) + ".",
		inputs: func(g *rng) []Value { return []Value{Text(someText(g, hintsOf(p)))} },
		eval: func(args []Value) (Value, error) {
			rs := []rune(args[0].S)
			for i, r := range rs {
				if rel.f(i) && p.holds(Int(int64(r)), nil) {
					rs[i] = rune(mark[0])
				}
			}
			return Text(string(rs)), nil
		},
	})
}
