package rustgen

import (
	"cmp"
	"slices"
)

// recordsFamilies are functions over a slice of structs, one for each thing that becomes of them.
func recordsFamilies() []family {
	var fs []family
	for i := range recordReductions {
		red := &recordReductions[i]
		labelled := 20
		if red.label {
			labelled = 100
		}
		fs = append(fs, family{name: "records/" + red.name, weights: from(3, 350), make: recordGroup(2, 3, labelled, func(c *ctx, r *record) *Task {
			return recordsTask(c, r, red)
		})})
	}
	return fs
}

// recordReduction is what becomes of the structs on which a predicate holds. In templates $many, $one and $field are names,
// $test is the predicate and $map the mapped field.
type recordReduction struct {
	name, frag, say string
	label           bool // needs the text field
	pred            bool // always has a predicate
	byRef           bool // the closures see structs, not numbers
	result          func(r *record) Type
	iter            string // behind $many.iter() and the filter
	init            []string
	update          []string // for a struct on which the predicate holds
	final           string
	fold            func(r *record, kept []kept) (Value, error)
}

// kept is a struct on which the predicate holds, and its mapped field.
type kept struct{ whole, mapped Value }

func sumKept(r *record, ks []kept) (Value, error) {
	total := int64(0)
	for _, k := range ks {
		if total = add(total, k.mapped.I); !r.num.Kind.fits(total) {
			return Value{}, ErrUndefined
		}
	}
	return Int(total), nil
}

// extremeKept is the struct with the largest or smallest mapped field; of equal ones the last or the first.
func extremeKept(ks []kept, better func(a, b int64) bool) *kept {
	var best *kept
	for i := range ks {
		if best == nil || better(ks[i].mapped.I, best.mapped.I) {
			best = &ks[i]
		}
	}
	return best
}

func someWhole(k *kept) (Value, error) {
	if k == nil {
		return None(), nil
	}
	return Some(k.whole), nil
}

func numberOf(r *record) Type  { return r.num }
func numbersOf(r *record) Type { return vec(r.num) }
func foundOf(r *record) Type   { return option(ref(named(r.def))) }

func labelsOf(r *record, ks []kept) (Value, error) {
	var out Value
	for _, k := range ks {
		out.L = append(out.L, k.whole.L[r.label])
	}
	return out, nil
}

func numbersKept(_ *record, ks []kept) (Value, error) {
	var out Value
	for _, k := range ks {
		out.L = append(out.L, k.mapped)
	}
	return out, nil
}

var recordReductions = []recordReduction{
	{name: "sum", frag: "total", say: "Adds up `$field`, $how, over the $noun$where.", result: numberOf, iter: ".map(|$one| $map).sum()",
		init: []string{"let mut total = 0;"}, update: []string{"total += $map;"}, final: "total", fold: sumKept},
	{name: "count", frag: "count", say: "Counts the $noun$where.", pred: true, result: func(*record) Type { return scalar(Usize) },
		iter: ".count()", init: []string{"let mut count = 0;"}, update: []string{"count += 1;"}, final: "count",
		fold: func(_ *record, ks []kept) (Value, error) { return Int(int64(len(ks))), nil }},
	{name: "largest", frag: "largest", say: "Returns the largest `$field`, $how, among the $noun$where, or `None`.",
		result: func(r *record) Type { return option(r.num) }, iter: ".map(|$one| $map).max()",
		init:   []string{"let mut best = None;"},
		update: []string{"let $field = $map;", "if best.is_none_or(|b| $field > b) {", "    best = Some($field);", "}"}, final: "best",
		fold: func(_ *record, ks []kept) (Value, error) {
			if k := extremeKept(ks, func(a, b int64) bool { return a > b }); k != nil {
				return Some(k.mapped), nil
			}
			return None(), nil
		}},
	{name: "collect", frag: "collect", say: "Collects `$field`, $how, of the $noun$where.", result: numbersOf, iter: ".map(|$one| $map).collect()",
		init: []string{"let mut result = Vec::new();"}, update: []string{"result.push($map);"}, final: "result", fold: numbersKept},
	{name: "sorted", frag: "sorted", say: "Returns `$field`, $how, of the $noun$where in ascending order.", result: numbersOf,
		init: []string{"let mut result = Vec::new();"}, update: []string{"result.push($map);"}, final: "result.sort_unstable();\n    result",
		fold: func(r *record, ks []kept) (Value, error) {
			out, err := numbersKept(r, ks)
			slices.SortFunc(out.L, func(a, b Value) int { return cmp.Compare(a.I, b.I) })
			return out, err
		}},
	{name: "find", frag: "first", say: "Returns the first of the $noun$where, or `None`.", pred: true, result: foundOf,
		update: []string{"return Some($one);"}, final: "None", iter: ".next()",
		fold: func(_ *record, ks []kept) (Value, error) {
			if len(ks) == 0 {
				return None(), nil
			}
			return Some(ks[0].whole), nil
		}},
	{name: "best", frag: "best", say: "Returns the one with the largest `$field`, $how, of the $noun$where, or `None`; the last of several.",
		result: foundOf, iter: ".max_by_key(|$one| $map)", byRef: true,
		fold: func(_ *record, ks []kept) (Value, error) {
			return someWhole(extremeKept(ks, func(a, b int64) bool { return a >= b }))
		}},
	{name: "least", frag: "least", say: "Returns the one with the smallest `$field`, $how, of the $noun$where, or `None`; the first of several.",
		result: foundOf, iter: ".min_by_key(|$one| $map)", byRef: true,
		fold: func(_ *record, ks []kept) (Value, error) {
			return someWhole(extremeKept(ks, func(a, b int64) bool { return a < b }))
		}},
	{name: "labels", frag: "labels", say: "Returns `$label` of the $noun$where.", label: true, pred: true,
		result: func(*record) Type { return vec(scalar(Str)) }, iter: ".map(|$one| $one.$label.as_str()).collect()",
		init: []string{"let mut result = Vec::new();"}, update: []string{"result.push($one.$label.as_str());"}, final: "result", fold: labelsOf},
	{name: "join", frag: "join", say: "Joins with `\"; \"` the `$label` of the $noun$where.", label: true, pred: true,
		result: func(*record) Type { return scalar(String) }, init: []string{"let mut result = String::new();"},
		update: []string{"if !result.is_empty() {", "    result.push_str(\"; \");", "}", "result.push_str(&$one.$label);"}, final: "result",
		fold: func(r *record, ks []kept) (Value, error) {
			text := ""
			for _, k := range ks {
				if text != "" {
					text += "; "
				}
				text += k.whole.L[r.label].S
			}
			return Text(text), nil
		}},
	{name: "all", frag: "all", say: "Returns true if every one of the $noun$only.", pred: true, result: func(*record) Type { return scalar(Bool) },
		iter: ".all(|$one| $test)"},
	{name: "any", frag: "any", say: "Returns true if any of the $noun$only.", pred: true, result: func(*record) Type { return scalar(Bool) },
		iter: ".any(|$one| $test)"},
}

// recordsQuery is one drawn function over a slice of structs.
type recordsQuery struct {
	r      *record
	red    *recordReduction
	p, m   *stage
	pi, mi int // fields that the predicate and the map look at
}

func (q *recordsQuery) eval(args []Value) (Value, error) {
	var ks []kept
	every := true
	for _, x := range args[0].L {
		if q.p != nil && !q.p.holds(x.L[q.pi], nil) {
			every = false
			continue
		}
		y, err := q.m.on(x.L[q.mi])
		if err != nil {
			return y, err
		}
		ks = append(ks, kept{x, y})
	}
	switch q.red.name {
	case "all":
		return Truth(every), nil
	case "any":
		return Truth(len(ks) > 0), nil
	}
	return q.red.fold(q.r, ks)
}

func recordsTask(c *ctx, r *record, red *recordReduction) *Task {
	q := &recordsQuery{r: r, red: red}
	many := r.many
	one := pick(c.rng, []string{r.def.Fields[0].Name[:1], "item", "entry", "x"})
	a, i := c.field(r)
	b, j := c.field(r)
	q.pi, q.mi = j, i
	name, where, test := red.frag, "", ""
	if red.pred || c.chance(60) {
		q.p = c.drawStage(numPreds, r.num, false)
		test = put(q.p.code, one+"."+b)
		where = " with `" + b + "` " + q.p.text
	}
	usesMap := !red.label && red.name != "count" && red.name != "find" && red.name != "all" && red.name != "any"
	if usesMap {
		q.m = c.drawStage(numMaps, r.num, false)
		name += "_" + a + "_" + q.m.frag
	}
	if q.p != nil {
		name += "_of_" + q.p.about(b)
	} else {
		name += "_of_" + many
	}
	v := vars{"many", many, "one", one, "field", a, "noun", many, "where", where, "only", "", "test", test, "map", "", "how", "", "label", ""}
	if q.p != nil {
		v[11] = " has `" + b + "` " + q.p.text
	}
	if usesMap {
		v[15], v[17] = q.m.expr(one+"."+a, precBit), q.m.text
	}
	if r.label >= 0 {
		v[19] = r.theme.label
	}
	t := &Task{
		Name: name, Params: []Param{{many, slice(named(r.def))}}, Result: red.result(r), eval: q.eval, doc: v.in(red.say),
		inputs: func(g *rng) []Value { return []Value{r.values(g, 3, hintsOf(q.p, q.m))} },
	}
	t.Idiom, t.Body = q.body(c, v, test)
	return t
}

// body writes the query as a loop or as a chain of iterators.
func (q *recordsQuery) body(c *ctx, v vars, test string) (idiom, body string) {
	many, one := v.get("many"), v.get("one")
	if q.red.final == "" || q.red.iter != "" && c.chance(60) {
		expr := many + ".iter()"
		if test != "" && q.red.name != "all" && q.red.name != "any" {
			expr += ".filter(|" + one + "| " + test + ")"
		}
		return "iterator", tail(expr + v.in(q.red.iter))
	}
	l := newLines()
	for _, s := range q.red.init {
		l.add(v.in(s))
	}
	l.open("for ", one, " in ", many)
	if test != "" {
		l.open("if ", test)
	}
	for _, s := range q.red.update {
		l.add(v.in(s))
	}
	if test != "" {
		l.close()
	}
	return "loop", l.close().add(q.red.final).String()
}
