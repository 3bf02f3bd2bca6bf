package rustgen

import (
	"strconv"
	"strings"
)

// formatFamilies write numbers and lists for people.
func formatFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(5, 800), make: mk}
	}
	return []family{
		at("format/units", formatUnits),
		at("format/largest_unit", formatLargestUnit),
		at("format/numerals", formatNumerals),
		at("format/grouped", formatGrouped),
		at("format/table", formatTable),
		at("format/list", formatList),
	}
}

// formatUnits writes a number as several units, as in "1h 30m".
func formatUnits(c *ctx) *group {
	t, x := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"seconds", "minutes", "grams", "cents", "steps", "bytes"})
	names := pick(c.rng, [][3]string{{"h", "m", "s"}, {"d", "h", "m"}, {"kg", "g", "mg"}, {"boxes", "packs", "bags"}, {"ft", "in", "th"}, {"gb", "mb", "kb"}})
	small, large := c.between(3, 60), c.between(2, 30)
	m, sep := c.drawStage(numMaps, t, false), pick(c.rng, []string{" ", ":", ", ", "-", ""})
	whole := itoa(small * large)
	l := newLines().add("let total = ", m.expr(x, precBit), ";").add("let mut parts = Vec::new();")
	exprs := []string{"total / " + whole, "total / " + itoa(small) + " % " + itoa(large), "total % " + itoa(small)}
	for i, e := range exprs {
		v := []string{"large", "middle", "small"}[i]
		l.add("let ", v, " = ", e, ";").open("if ", v, " > 0").add(`parts.push(format!("{`, v, "}", names[i], `"));`).close()
	}
	l.add(`parts.join("`, sep, `")`)
	return single(&Task{
		Idiom: "statements", Name: pick(c.rng, []string{"format", "show", "write", "describe"}) + "_" + x + "_" + m.frag, Params: []Param{{x, t}}, Result: scalar(String), Body: l.String(),
		doc: "Writes `" + x + "`, " + m.text + ", in " + names[0] + " of " + whole + ", " + names[1] + " of " + itoa(small) + " and " + names[2] + ", without those that are zero, with \"" + sep +
			"\" between them.",
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 3*small*large))} },
		eval: func(args []Value) (Value, error) {
			y, err := m.on(args[0])
			if err != nil {
				return y, err
			}
			var parts []string
			for i, n := range []int64{y.I / (small * large), y.I / small % large, y.I % small} {
				if n > 0 {
					parts = append(parts, itoa(n)+names[i])
				}
			}
			return Text(strings.Join(parts, sep)), nil
		},
	})
}

// formatLargestUnit divides until the number is small enough.
func formatLargestUnit(c *ctx) *group {
	t, x := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"size", "n", "amount", "count", "value"})
	units := pick(c.rng, [][]string{{"B", "KB", "MB", "GB"}, {"g", "kg", "t"}, {"mm", "cm", "m", "km"}, {"", "k", "M", "G"}, {"one", "ten", "many"}, {"s", "min", "h"}})
	base, limit, m := c.between(3, 100), c.between(2, 200), c.drawStage(numMaps, t, false)
	limit = max(limit, base)
	quoted := make([]string, len(units))
	for i, u := range units {
		quoted[i] = `"` + u + `"`
	}
	cut := ""
	l, idiom := newLines().add("let units = [", strings.Join(quoted, ", "), "];").add("let mut rest = ", m.expr(x, precBit), ";"), "while"
	if c.chance(50) {
		l.add("let mut unit = 0;").open("while rest >= ", itoa(limit), " && unit + 1 < units.len()").add("rest /= ", itoa(base), ";").add("unit += 1;").close()
		l.add(`format!("{rest} {}", units[unit])`)
	} else {
		idiom, cut = "loop", ", cut to a multiple of "+itoa(base)
		l.open("for unit in units").open("if rest < ", itoa(limit)).add(`return format!("{rest} {unit}");`).close().add("rest /= ", itoa(base), ";").close()
		l.add(`format!("{} {}", rest * `, itoa(base), ", units[units.len() - 1])")
	}
	return single(&Task{
		Idiom: idiom, Name: "format_" + x + "_" + m.frag + "_by_" + itoa(base), Params: []Param{{x, t}}, Result: scalar(String), Body: l.String(),
		doc: "Writes `" + x + "`, " + m.text + ", in the first of the units " + listed(quoted) + " in which it is below " + itoa(limit) + "; each is " + itoa(base) +
			" of the one before. In the last it may be larger" + cut + ".",
		inputs: func(g *rng) []Value {
			return []Value{Int(g.between(0, 9) * pick(g, []int64{1, base, base * base, base*base*base + 7}))}
		},
		eval: func(args []Value) (Value, error) {
			y, err := m.on(args[0])
			rest, unit := y.I, 0
			for rest >= limit && unit+1 < len(units) {
				rest /= base
				unit++
			}
			if idiom == "loop" && rest >= limit {
				rest = rest / base * base
			}
			return Text(itoa(rest) + " " + units[unit]), err
		},
	})
}

// formatNumerals writes a number with signs for values, the largest first.
func formatNumerals(c *ctx) *group {
	t, x, n := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"n", "number", "value", "count"}), 3+c.below(2)
	letters := pick(c.rng, []string{"MDCLXVI", "ZYXWVU", "abcdefg", "#*+-.", "QPNMKJ"})[:n]
	values := make([]int64, n)
	for i := n - 1; i >= 0; i-- {
		values[i] = 1
		if i < n-1 {
			values[i] = values[i+1]*c.between(2, 4) + c.between(0, 2)
		}
	}
	m := c.drawStage(numMaps, t, false)
	pairs := make([]string, n)
	for i := range pairs {
		pairs[i] = "(" + itoa(values[i]) + ", '" + letters[i:i+1] + "')"
	}
	l := newLines().add("let mut rest = ", m.expr(x, precBit), ";").add("let mut text = String::new();").open("for (value, sign) in [", strings.Join(pairs, ", "), "]")
	idiom := "while"
	if c.chance(50) {
		l.open("while rest >= value").add("text.push(sign);").add("rest -= value;").close()
	} else {
		idiom = "loop"
		l.open("for _ in 0..rest / value").add("text.push(sign);").close().add("rest %= value;")
	}
	if list := strings.Join(pairs, ", "); len(list) > arrayWidth {
		return formatNumerals(c)
	}
	return single(&Task{
		Idiom: idiom, Name: pick(c.rng, []string{"to", "write", "encode"}) + "_numerals_" + m.frag, Params: []Param{{x, t}}, Result: scalar(String), Body: l.close().add("text").String(),
		doc:    "Writes `" + x + "`, " + m.text + ", with the signs " + listed(pairs) + ", the largest first.",
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 30))} },
		eval: func(args []Value) (Value, error) {
			y, err := m.on(args[0])
			if err != nil || y.I > 1000*values[0] {
				return y, ErrUndefined
			}
			var b strings.Builder
			for i, v := range values {
				b.WriteString(strings.Repeat(letters[i:i+1], int(y.I/v)))
				y.I %= v
			}
			return Text(b.String()), nil
		},
	})
}

// formatGrouped puts separators between groups of digits.
func formatGrouped(c *ctx) *group {
	t, x := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"n", "number", "amount", "value"})
	size, sep, m := c.between(2, 4), pick(c.rng, []string{",", "_", " ", "'", "."}), c.drawStage(numMaps, t, false)
	quoted := "'" + strings.ReplaceAll(sep, "'", `\'`) + "'"
	v := vars{"x", m.expr(x, precBit), "size", itoa(size), "sep", quoted}
	tmpl := "    let digits = ($y).to_string();\n"
	if m.prec == precAtom {
		tmpl = "    let digits = $y.to_string();\n"
	}
	v = append(v, "y", m.expr(x, precBit))
	tmpl += "    let mut result = String::new();\n    for (i, digit) in digits.chars().enumerate() {\n        if i > 0 && (digits.len() - i) % $size == 0 {\n            result.push($sep);\n        }\n        result.push(digit);\n    }\n    result\n"
	prefix := pick(c.rng, []string{"", "", "no. ", "#", "~ "})
	if prefix != "" {
		tmpl = strings.Replace(tmpl, "String::new()", `String::from("`+prefix+`")`, 1)
	}
	return single(&Task{
		Idiom: "loop", Name: "group_digits_of_" + m.frag + "_by_" + itoa(size), Params: []Param{{x, t}}, Result: scalar(String), Body: v.in(tmpl),
		doc:    "Writes `" + x + "`, " + m.text + ", with \"" + sep + "\" between groups of " + itoa(size) + " digits, behind \"" + prefix + "\".",
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 9) * pick(g, []int64{1, 11, 1003, 20_011}))} },
		eval: func(args []Value) (Value, error) {
			y, err := m.on(args[0])
			digits := itoa(y.I)
			out := prefix
			for i := range digits {
				if i > 0 && (len(digits)-i)%int(size) == 0 {
					out += sep
				}
				out += digits[i : i+1]
			}
			return Text(out), err
		},
	})
}

// formatTable writes a line for each pair.
func formatTable(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, entryNames)
	all, key, x := n[0], n[1], n[2]
	p, m, w, k := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.between(2, 9), c.between(2, 9)
	sep, mark := pick(c.rng, []string{"|", " ", ": ", " = ", "-"}), pick(c.rng, []string{"*", "!", "+", "<", "?"})
	left := c.chance(50)
	align, spec := ">", ":>"
	if left {
		align, spec = "<", ":<"
	}
	l := newLines().add("let mut text = String::new();").open("for &(", key, ", ", x, ") in ", all).add("let shown = ", m.expr(x, precBit), ";")
	l.add(`text.push_str(&format!("{`, key, spec, itoa(w), "}", sep, "{shown:>", itoa(k), `}"));`).open("if ", put(p.code, x)).add("text.push('", mark, "');").close().add(`text.push('\n');`)
	return single(&Task{
		Idiom: "loop", Name: "table_of_" + all + "_" + m.frag, Params: []Param{{all, slice(tuple(scalar(Str), t))}}, Result: scalar(String), Body: l.close().add("text").String(),
		doc: "Writes a line for each of `" + all + "`: " + key + " as `" + align + itoa(w) + "`, \"" + sep + "\", " + x + " " + m.text + " as `>" + itoa(k) + "`, and '" + mark + "' if " + x + " is " +
			p.text + ".",
		inputs: func(g *rng) []Value { return []Value{someEntries(g, t.Kind, 2, hintsOf(p))} },
		eval: func(args []Value) (Value, error) {
			out := ""
			for _, pair := range args[0].L {
				y, err := m.on(pair.L[1])
				if err != nil {
					return y, err
				}
				out += pad(pair.L[0].S, int(w), ' ', left) + sep + pad(itoa(y.I), int(k), ' ', false)
				if p.holds(pair.L[1], nil) {
					out += mark
				}
				out += "\n"
			}
			return Text(out), nil
		},
	})
}

// formatList writes numbers as prose does: "3, 4 and 5".
func formatList(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, numNouns)
	m, word := c.drawStage(numMaps, t, false), pick(c.rng, []string{"and", "or", "then", "plus", "&"})
	sep, none := pick(c.rng, []string{", ", "; ", " / ", " "}), pick(c.rng, []string{"none", "nothing", "empty", "-", "no one"})
	most := int(c.between(2, 6))
	v := n.one
	l := newLines().open("match *", n.many).add(`[] => "`, none, `".to_string(),`).add("[", v, `] => `, fmtOne(m, v), ",").open("[ref first @ .., last] =>")
	l.add("let mut text = String::new();").open("for (i, &", v, ") in first.iter().take(", strconv.Itoa(most), ").enumerate()").open("if i > 0").add(`text.push_str("`, sep, `");`).close()
	l.add("text.push_str(&", fmtOne(m, v), ");").close().add("let last = ", fmtOne(m, "last"), ";").add(`format!("{text} `, word, ` {last}")`).close().close()
	if tooWide(l.String()) || strings.Count(m.code, "$") > 1 {
		return formatList(c)
	}
	show := func(x Value) (string, error) {
		y, err := m.on(x)
		return itoa(y.I), err
	}
	return single(&Task{
		Idiom: "slice pattern", Name: "list_with_" + strings.Replace(word, "&", "sign", 1) + "_" + m.frag, Params: []Param{{n.many, slice(t)}}, Result: scalar(String), Body: l.String(),
		doc:    "Writes `" + n.many + "`, each " + m.text + ", with \"" + sep + "\" between the first " + strconv.Itoa(most) + " and \"" + word + "\" before the last, or \"" + none + "\".",
		inputs: sliceInput(t, 5, m),
		eval: func(args []Value) (Value, error) {
			xs, out := args[0].L, ""
			if len(xs) == 0 {
				return Text(none), nil
			}
			last, err := show(xs[len(xs)-1])
			if err != nil || len(xs) == 1 {
				return Text(last), err
			}
			for i, x := range xs[:min(len(xs)-1, most)] {
				s, err := show(x)
				if err != nil {
					return Value{}, err
				}
				if i > 0 {
					out += sep
				}
				out += s
			}
			return Text(out + " " + word + " " + last), nil
		},
	})
}

// fmtOne is a mapped number behind a reference as text.
func fmtOne(m *stage, v string) string {
	if m.prec == precAtom {
		return put(m.code, v) + ".to_string()"
	}
	return "(" + put(m.code, v) + ").to_string()"
}
