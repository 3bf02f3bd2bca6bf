package rustgen

import "strings"

// reduction says what becomes of a pipeline's elements. In templates, $ is the mapped element, z the zero and s the separator.
type reduction struct {
	name   string
	frag   string
	say    string // doc comment; N is the noun phrase with its place
	pred   bool   // needs a predicate
	noMap  bool   // takes no map
	atom   bool   // $ must be an atom
	on     domain // types of mapped elements
	result func(t Type) Type

	init, update []string // loop
	final        string
	neg          bool   // the loop acts where the predicate fails
	iter         string // end of the iterator chain
	rec          string // recursion: r is the result for the rest
	recBase      string
	level        int
	fold         func(xs []Value, p *pipeline) (Value, error)
}

func same(t Type) Type              { return t }
func always(k Kind) func(Type) Type { t := scalar(k); return func(Type) Type { return t } }

const onAny = onNum | onChar | onWord

// reductions over the kept and mapped elements. any, all and position look at the predicate itself and are evaluated by
// pipeline.eval.
var reductions = []reduction{
	{name: "sum", frag: "sum", say: "Returns the sum of the N.", on: onNum, result: same,
		init: []string{"let mut total = z;"}, update: []string{"total += $;"}, final: "total", iter: ".sum()",
		rec: "$ + r", recBase: "z", level: 1, fold: foldSum},
	{name: "product", frag: "product", say: "Returns the product of the N.", on: onInt, result: same, atom: false,
		init: []string{"let mut product = 1;"}, update: []string{"product *= $;"}, final: "product", iter: ".product()",
		rec: "$ * r", recBase: "1", level: 1, fold: foldProduct},
	{name: "count", frag: "count", say: "Counts the N.", pred: true, noMap: true, on: onAny, result: always(Usize),
		init: []string{"let mut count = 0;"}, update: []string{"count += 1;"}, final: "count", iter: ".count()",
		rec: "1 + r", recBase: "0", level: 1,
		fold: func(xs []Value, _ *pipeline) (Value, error) { return Int(int64(len(xs))), nil }},
	{name: "max", frag: "max", say: "Returns the largest of the N, or `None` if there is none.", on: onInt, result: option,
		init: []string{"let mut best: R = None;"}, update: []string{"if best.is_none_or(|b| $ > b) {", "    best = Some($);", "}"},
		final: "best", iter: ".max()", rec: "r.max(Some($))", recBase: "None", level: 2,
		fold: func(xs []Value, _ *pipeline) (Value, error) {
			return best(xs, func(a, b int64) bool { return a > b }), nil
		}},
	{name: "min", frag: "min", say: "Returns the smallest of the N, or `None` if there is none.", on: onInt, result: option,
		init: []string{"let mut best: R = None;"}, update: []string{"if best.is_none_or(|b| $ < b) {", "    best = Some($);", "}"},
		final: "best", iter: ".min()", level: 2,
		fold: func(xs []Value, _ *pipeline) (Value, error) {
			return best(xs, func(a, b int64) bool { return a < b }), nil
		}},
	{name: "peak", frag: "peak", say: "Returns the largest of the N, or 0.0 if none is positive.", on: onFloat, result: same,
		init: []string{"let mut best = 0.0;"}, update: []string{"if $ > best {", "    best = $;", "}"}, final: "best",
		iter: ".fold(0.0, f64::max)", rec: "r.max($)", recBase: "0.0", level: 2,
		fold: func(xs []Value, _ *pipeline) (Value, error) {
			top := 0.0
			for _, x := range xs {
				top = max(top, x.F)
			}
			return Float(top), nil
		}},
	{name: "collect", frag: "keep", say: "Collects the N.", on: onInt | onFloat, result: vec,
		init: []string{"let mut result = Vec::new();"}, update: []string{"result.push($);"}, final: "result", iter: ".collect()", level: 1,
		fold: func(xs []Value, _ *pipeline) (Value, error) { return Value{L: xs}, nil }},
	{name: "any", frag: "any", say: "Returns true if there are any N.", pred: true, noMap: true, on: onAny, result: always(Bool),
		update: []string{"return true;"}, final: "false", iter: ".any", rec: "P || r", recBase: "false", level: 1},
	{name: "all", frag: "all", say: "Returns true if there are only N.", pred: true, noMap: true, on: onAny, result: always(Bool), neg: true,
		update: []string{"return false;"}, final: "true", iter: ".all", rec: "P && r", recBase: "true", level: 1},
	{name: "find", frag: "first", say: "Returns the first of the N, or `None` if there is none.", pred: true, on: onNum | onChar, result: option,
		update: []string{"return Some($);"}, final: "None", iter: ".next()", rec: "Some($)", recBase: "None", level: 2,
		fold: func(xs []Value, _ *pipeline) (Value, error) {
			if len(xs) == 0 {
				return None(), nil
			}
			return Some(xs[0]), nil
		}},
	{name: "last", frag: "last", say: "Returns the last of the N, or `None` if there is none.", pred: true, on: onNum | onChar, result: option,
		init: []string{"let mut last = None;"}, update: []string{"last = Some($);"}, final: "last", iter: ".last()", level: 2,
		fold: func(xs []Value, _ *pipeline) (Value, error) {
			if len(xs) == 0 {
				return None(), nil
			}
			return Some(xs[len(xs)-1]), nil
		}},
	{name: "position", frag: "index_of", say: "Returns the index of the first of the N, or `None` if there is none.", pred: true, noMap: true,
		on: onAny, result: func(Type) Type { return option(scalar(Usize)) }, update: []string{"return Some(i);"}, final: "None",
		iter: ".position", level: 2},
	{name: "text", frag: "keep", say: "Returns a string of the N.", on: onChar, result: always(String),
		init: []string{"let mut result = String::new();"}, update: []string{"result.push($);"}, final: "result", iter: ".collect()", level: 1,
		fold: func(xs []Value, _ *pipeline) (Value, error) {
			var b strings.Builder
			for _, x := range xs {
				b.WriteRune(rune(x.I))
			}
			return Text(b.String()), nil
		}},
	{name: "join", frag: "join", say: "Joins with \"s\" the N.", on: onInt, atom: true, result: always(String),
		init:   []string{"let mut result = String::new();"},
		update: []string{"if !result.is_empty() {", "    result.push_str(\"s\");", "}", "result.push_str(&$.to_string());"},
		final:  "result", iter: ".map(|V| $.to_string()).collect::<Vec<_>>().join(\"s\")", level: 2,
		fold: func(xs []Value, p *pipeline) (Value, error) {
			parts := make([]string, len(xs))
			for i, x := range xs {
				parts[i] = itoa(x.I)
			}
			return Text(strings.Join(parts, p.sep)), nil
		}},
	{name: "strings", frag: "keep", say: "Collects the N.", on: onWord, result: func(Type) Type { return vec(scalar(String)) },
		init: []string{"let mut result = Vec::new();"}, update: []string{"result.push($);"}, final: "result", iter: ".collect()", level: 2,
		fold: func(xs []Value, _ *pipeline) (Value, error) { return Value{L: xs}, nil }},
	{name: "concat", frag: "concat", say: "Concatenates the N.", on: onWord, result: always(String),
		init: []string{"let mut result = String::new();"}, update: []string{"result.push_str(&$);"}, final: "result", iter: ".collect()", level: 2,
		fold: func(xs []Value, _ *pipeline) (Value, error) {
			var b strings.Builder
			for _, x := range xs {
				b.WriteString(x.S)
			}
			return Text(b.String()), nil
		}},
	{name: "mean", frag: "mean", say: "Returns the mean of the N, or 0.0 if there is none.", on: onFloat, result: same,
		init:   []string{"let mut total = 0.0;", "let mut count = 0;"},
		update: []string{"total += $;", "count += 1;"}, final: "if count == 0 {\n        0.0\n    } else {\n        total / count as f64\n    }", level: 2,
		fold: func(xs []Value, _ *pipeline) (Value, error) {
			if len(xs) == 0 {
				return Float(0), nil
			}
			total, _ := foldSum(xs, nil)
			return Float(total.F / float64(len(xs))), nil
		}},
	{name: "hash", frag: "hash", say: "Returns a hash modulo m with factor f of the N.", on: onInt, result: same,
		init: []string{"let mut hash = a;"}, update: []string{"hash = (hash * f + $) % m;"}, final: "hash",
		iter: ".fold(a, |hash, V| (hash * f + $) % m)", level: 2, fold: foldHash},
	{name: "running", frag: "running", say: "Returns the running totals of the N.", on: onNum, result: vec,
		init: []string{"let mut total = z;", "let mut result = Vec::new();"}, update: []string{"total += $;", "result.push(total);"},
		final: "result", level: 2,
		fold: func(xs []Value, p *pipeline) (Value, error) {
			out := make([]Value, len(xs))
			var err error
			for i := range xs {
				if out[i], err = foldSum(xs[:i+1], p); err != nil {
					return Value{}, err
				}
			}
			return Value{L: out}, nil
		}},
}

func best(xs []Value, better func(a, b int64) bool) Value {
	if len(xs) == 0 {
		return None()
	}
	top := xs[0]
	for _, x := range xs[1:] {
		if better(x.I, top.I) {
			top = x
		}
	}
	return Some(top)
}

// foldSum adds integers or floats; p checks that each partial sum fits.
func foldSum(xs []Value, p *pipeline) (Value, error) {
	var total Value
	for _, x := range xs {
		total.F += x.F
		total.I = add(total.I, x.I)
		if p != nil && p.overflows(total.I) {
			return Value{}, ErrUndefined
		}
	}
	return total, nil
}

func foldProduct(xs []Value, p *pipeline) (Value, error) {
	total := Int(1)
	for _, x := range xs {
		total.I = mul(total.I, x.I)
		if p.overflows(total.I) {
			return Value{}, ErrUndefined
		}
	}
	return total, nil
}

func foldHash(xs []Value, p *pipeline) (Value, error) {
	h := p.a
	for _, x := range xs {
		h = add(mul(h, p.f), x.I)
		if p.overflows(h) {
			return Value{}, ErrUndefined
		}
		h %= p.m
	}
	return Int(h), nil
}
