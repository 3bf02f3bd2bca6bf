package rustgen

import (
	"math/bits"
	"strconv"
	"strings"
)

// numberFamilies are functions from number theory and small simulations.
func numberFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(3, 600), make: mk}
	}
	return []family{
		at("number/iterate", numberIterate),
		at("number/divisors", numberDivisors),
		at("number/primes", numberPrimes),
		at("number/base", numberBase),
		at("number/recurrence", numberRecurrence),
		at("number/power", numberPower),
		at("number/gcd", numberGCD),
		at("number/search", numberSearch),
		at("number/bits", numberBits),
		at("number/lattice", numberLattice),
	}
}

// numberIterate repeats one of two maps, chosen by a predicate, and stays below a modulus.
func numberIterate(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{U32, U64, I64, I32})), pick(c.rng, []string{"n", "start", "seed", "x"})
	p, a, b := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.drawStage(numMaps, t, false)
	mod, rounds := c.between(50, 999), pick(c.rng, []string{"rounds", "steps", "times"})
	v := pick(c.rng, []string{"state", "current", "y"})
	l := newLines().add("let mut ", v, " = ", n, ";").open("for _ in 0..", rounds).open("if ", put(p.code, v))
	l.add(v, " = ", a.expr(v, precMul), " % ", itoa(mod), ";").orElse().add(v, " = ", b.expr(v, precMul), " % ", itoa(mod), ";").close().close().add(v)
	return single(&Task{
		Idiom: "loop", Name: "iterate_" + p.frag + "_" + a.frag + "_or_" + b.frag, Params: []Param{{n, t}, {rounds, scalar(U32)}}, Result: t, Body: l.String(),
		doc: "Starts with `" + n + "` and makes it `" + rounds + "` times " + a.text + " if it is " + p.text + ", else " + b.text + ", each time modulo " + itoa(mod) + ".",
		inputs: func(g *rng) []Value {
			return []Value{someNumber(g, t.Kind, hintsOf(p)), Int(g.between(0, 6))}
		},
		eval: func(args []Value) (Value, error) {
			y := args[0]
			for range min(args[1].I, 1000) {
				m := b
				if p.holds(y, nil) {
					m = a
				}
				var err error
				if y, err = m.on(y); err != nil {
					return y, err
				}
				y.I %= mod
			}
			return y, nil
		},
	})
}

// numberDivisors counts or adds up divisors.
func numberDivisors(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"n", "number", "value"})
	p, m, count := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.chance(30)
	d := pick(c.rng, []string{"d", "i", "k"})
	l, idiom := newLines(), "loop"
	cond := n + " % " + d + " == 0 && " + operand(put(p.code, d), true)
	name, doc := "divisor_sum_"+p.frag+"_"+m.frag, "Adds up the "+p.plural("divisors")+" of `"+n+"`, each "+m.text+"."
	acc, step := "sum", "sum += "+m.expr(d, precBit)+";"
	if count {
		name, doc, acc, step = "divisor_count_"+p.frag, "Counts the "+p.plural("divisors")+" of `"+n+"`.", "count", "count += 1;"
	}
	if !count && c.chance(40) {
		idiom = "iterator"
		l.chain("", "(1..="+n+").filter(|&"+d+"| "+cond+").map(|"+d+"| "+m.expr(d, precBit)+").sum()", "")
	} else {
		l.add("let mut ", acc, " = 0;").open("for ", d, " in 1..=", n).open("if ", cond).add(step).close().close().add(acc)
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: []Param{{n, t}}, Result: t, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value { return []Value{Int(g.between(1, 120))} },
		eval: func(args []Value) (Value, error) {
			var ds []Value
			if args[0].I > 1_000_000 {
				return Value{}, ErrUndefined
			}
			for d := int64(1); d <= args[0].I; d++ {
				if args[0].I%d == 0 {
					ds = append(ds, Int(d))
				}
			}
			if count {
				kept, _ := keptValues(ds, p, nil)
				return Int(int64(len(kept))), nil
			}
			kept, err := keptValues(ds, p, m)
			if err != nil {
				return Value{}, err
			}
			return sumValues(t.Kind, kept)
		},
	})
}

func isPrime(n int64) bool {
	for d := int64(2); d*d <= n; d++ {
		if n%d == 0 {
			return false
		}
	}
	return n > 1
}

// numberPrimes collects, counts or adds up primes below a limit.
func numberPrimes(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"limit", "n", "end", "max"})
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	l, idiom := newLines(), "loop"
	result, name, doc := vec(t), "primes_"+p.frag+"_"+m.frag, "Collects the "+p.plural("primes")+" below `"+n+"`, each "+m.text+"."
	sum := c.chance(50)
	first, step, last := "let mut primes = Vec::new();", "primes.push("+m.expr("k", precBit)+");", "primes"
	if sum {
		result, name, doc = t, "sum_of_"+name, "Adds up the "+p.plural("primes")+" below `"+n+"`, each "+m.text+"."
		first, step, last = "let mut sum = 0;", "sum += "+m.expr("k", precBit)+";", "sum"
	}
	l.add(first).open("for k in 2..", n)
	switch c.below(3) {
	case 0:
		l.add("let prime = (2..k).take_while(|d| d * d <= k).all(|d| k % d != 0);").open("if prime && ", operand(put(p.code, "k"), true)).add(step).close()
		idiom = "iterator"
	case 1:
		l.add("let mut d = 2;").open("while d * d <= k && k % d != 0").add("d += 1;").close().open("if d * d > k && ", operand(put(p.code, "k"), true)).add(step).close()
		idiom = "while"
	default:
		l.open("if (2..k).any(|d| k % d == 0)").add("continue;").close().open("if ", put(p.code, "k")).add(step).close()
		idiom = "continue"
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: []Param{{n, t}}, Result: result, Body: l.close().add(last).String(), doc: doc,
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 60))} },
		eval: func(args []Value) (Value, error) {
			var ps []Value
			for k := int64(2); k < min(args[0].I, 10_000); k++ {
				if isPrime(k) {
					ps = append(ps, Int(k))
				}
			}
			kept, err := keptValues(ps, p, m)
			if err != nil || !sum {
				return Value{L: kept}, err
			}
			return sumValues(t.Kind, kept)
		},
	})
}

// numberBase takes a number apart in a base.
func numberBase(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"n", "number", "value", "code"})
	base := c.between(2, 16)
	if base == 10 {
		base = 9
	}
	m := c.drawStage(numMaps, t, false)
	kind := c.below(3)
	b := itoa(base)
	l := newLines()
	var result Type
	var name, doc string
	switch kind {
	case 0:
		result, name, doc = vec(t), "digits_in_base_"+b+"_"+m.frag, "Returns the digits of `"+n+"` in base "+b+", each "+m.text+", the last first."
		l.add("let mut rest = ", n, ";").add("let mut digits = Vec::new();").open("while rest > 0").add("let digit = rest % ", b, ";")
		l.add("digits.push(", m.expr("digit", precBit), ");").add("rest /= ", b, ";").close().add("digits")
	case 1:
		result, name, doc = t, "digit_sum_in_base_"+b+"_"+m.frag, "Adds up the digits of `"+n+"` in base "+b+", each "+m.text+"."
		l.open("if ", n, " == 0").add("return 0;").close().add("let digit = ", n, " % ", b, ";")
		l.add(m.expr("digit", precAdd), " + ", name, "(", n, " / ", b, ")")
	default:
		result, name, doc = scalar(String), "text_in_base_"+b+"_of_"+m.frag, "Writes `"+n+"`, "+m.text+", in base "+b+"."
		l.add("let mut rest = ", m.expr(n, precBit), ";").add("let mut digits = Vec::new();").open("while rest > 0")
		digit := "rest % " + b
		if t.Kind == U64 {
			digit = "(rest % " + b + ") as u32"
		}
		l.add("digits.push(char::from_digit(", digit, ", ", b, ").unwrap_or('?'));").add("rest /= ", b, ";").close().add("digits.iter().rev().collect()")
	}
	return single(&Task{
		Idiom: [...]string{"while", "recursion", "while"}[kind], Name: name, Params: []Param{{n, t}}, Result: result, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 3000))} },
		eval: func(args []Value) (Value, error) {
			x := args[0]
			if kind == 2 {
				y, err := m.on(x)
				if err != nil || y.I == 0 {
					return Text(""), err
				}
				return Text(strconv.FormatInt(y.I, int(base))), nil
			}
			var ds []Value
			for rest := x.I; rest > 0; rest /= base {
				ds = append(ds, Int(rest%base))
			}
			kept, err := keptValues(ds, nil, m)
			if err != nil || kind == 0 {
				return Value{L: kept}, err
			}
			return sumValues(t.Kind, kept)
		},
	})
}

// term is v multiplied by k.
func term(k int64, v string) string {
	if k == 1 {
		return v
	}
	return itoa(k) + " * " + v
}

// numberRecurrence computes a sequence in which each element follows from the two before.
func numberRecurrence(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{U32, U64, I64, I32})), pick(c.rng, []string{"n", "index", "steps", "count"})
	a, b, f, g0, add0, mod := c.between(0, 9), c.between(1, 9), c.between(1, 5), c.between(1, 5), c.between(0, 9), c.between(100, 9999)
	next := term(f, "b") + " + " + term(g0, "a")
	if add0 > 0 {
		next += " + " + itoa(add0)
	}
	next = "(" + next + ") % " + itoa(mod)
	name := pick(c.rng, []string{"sequence", "series", "recurrence", "terms"})
	list := c.chance(40)
	l := newLines().add("let mut a = ", itoa(a), ";").add("let mut b = ", itoa(b), ";")
	result, idiom := t, "loop"
	doc := "Returns element `" + n + "` of the sequence " + itoa(a) + ", " + itoa(b) + ", … in which each is " + itoa(f) + " times the last plus " + itoa(g0) +
		" times the one before plus " + itoa(add0) + ", modulo " + itoa(mod) + "."
	switch {
	case list:
		result, doc = vec(t), "Returns the first `"+n+"` elements"+doc[len("Returns element `"+n+"`"):]
		l.add("let mut result = Vec::new();").open("for _ in 0..", n).add("result.push(a);")
	case c.chance(50):
		l.open("for _ in 0..", n)
	default:
		idiom = "while"
		l.add("let mut i = 0;").open("while i < ", n)
	}
	if c.chance(50) {
		l.add("let next = ", next, ";").add("a = b;").add("b = next;")
	} else {
		l.add("(a, b) = (b, ", next, ");")
	}
	if idiom == "while" {
		l.add("i += 1;")
	}
	l.close()
	if list {
		l.add("result")
	} else {
		l.add("a")
	}
	return single(&Task{
		Idiom: idiom, Name: name + "_" + itoa(f) + "_" + itoa(g0) + "_modulo_" + itoa(mod), Params: []Param{{n, scalar(U32)}}, Result: result, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 9))} },
		eval: func(args []Value) (Value, error) {
			x, y := a, b
			var out Value
			for range min(args[0].I, 10_000) {
				out.L = append(out.L, Int(x))
				x, y = y, (f*y+g0*x+add0)%mod
			}
			if list {
				return out, nil
			}
			return Int(x), nil
		},
	})
}

// numberPower raises to a power modulo a number, by squaring or by repetition.
func numberPower(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{U64, I64}))
	base := pick(c.rng, []string{"base", "x", "b", "value"})
	exp, mod, m := pick(c.rng, []string{"exponent", "power", "n", "e"}), c.between(50, 9999), c.drawStage(numMaps, t, false)
	if m.in.signed() && (m.frag == "negated" || strings.HasPrefix(m.frag, "minus") || strings.Contains(m.frag, "_minus_")) {
		return numberPower(c) // remainders of negative numbers are not worth a task
	}
	k := itoa(mod)
	v := vars{"b", base, "e", exp, "m", k, "start", m.expr(base, precMul)}
	tmpl, idiom := "    let mut result = 1;\n    let mut square = $start % $m;\n    let mut rest = $e;\n    while rest > 0 {\n        if rest % 2 == 1 {\n"+
		"            result = result * square % $m;\n        }\n        square = square * square % $m;\n        rest /= 2;\n    }\n    result\n", "while"
	if c.chance(50) {
		tmpl, idiom = "    let factor = $start % $m;\n    let mut result = 1;\n    for _ in 0..$e {\n        result = result * factor % $m;\n    }\n    result\n", "loop"
	}
	return single(&Task{
		Idiom: idiom, Name: "power_of_" + m.frag + "_modulo_" + k, Params: []Param{{base, t}, {exp, scalar(U32)}}, Result: t, Body: v.in(tmpl),
		doc:    "Raises `" + base + "`, " + m.text + ", to the power `" + exp + "` modulo " + k + ".",
		inputs: func(g *rng) []Value { return []Value{Int(g.between(1, 30)), Int(g.between(0, 9))} },
		eval: func(args []Value) (Value, error) {
			y, err := m.on(args[0])
			if err != nil || y.I < 0 {
				return Value{}, ErrUndefined
			}
			r, f := int64(1), y.I%mod
			for range min(args[1].I, 100_000) {
				r = r * f % mod
			}
			return Int(r), nil
		},
	})
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// numberGCD is the greatest common divisor of two mapped numbers, or their least common multiple.
func numberGCD(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{U32, U64}))
	ab := pick(c.rng, [][2]string{{"a", "b"}, {"x", "y"}, {"left", "right"}, {"m", "n"}})
	m, k := c.drawStage(numMaps, t, false), c.drawStage(numMaps, t, false)
	lcm := c.chance(40)
	l := newLines().add("let mut x = ", m.expr(ab[0], precBit), ";").add("let mut y = ", k.expr(ab[1], precBit), ";")
	name, doc := "gcd", "the greatest common divisor"
	if lcm {
		name, doc = "lcm", "the least common multiple"
		l.open("if x == 0 || y == 0").add("return 0;").close().add("let product = x * y;")
	}
	if c.chance(50) {
		l.open("while y != 0").add("(x, y) = (y, x % y);").close()
	} else {
		l.open("while y != 0").add("let rest = x % y;").add("x = y;").add("y = rest;").close()
	}
	if lcm {
		l.add("product / x")
	} else {
		l.add("x")
	}
	return single(&Task{
		Idiom: "while", Name: name + "_" + m.frag + "_and_" + k.frag, Params: []Param{{ab[0], t}, {ab[1], t}}, Result: t, Body: l.String(),
		doc:    "Returns " + doc + " of `" + ab[0] + "` " + m.text + " and `" + ab[1] + "` " + k.text + ".",
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 90)), Int(g.between(0, 90))} },
		eval: func(args []Value) (Value, error) {
			x, err := m.on(args[0])
			if err != nil {
				return x, err
			}
			y, err := k.on(args[1])
			if err != nil || !lcm {
				return Int(gcd(x.I, y.I)), err
			}
			if x.I == 0 || y.I == 0 {
				return Int(0), nil
			}
			product, err := checked(t.Kind, mul(x.I, y.I))
			return Int(product.I / gcd(x.I, y.I)), err
		},
	})
}

// numberSearch finds the smallest number for which a polynomial reaches a goal.
func numberSearch(c *ctx) *group {
	t, goal := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"goal", "target", "limit", "n", "budget"})
	a, b, k := c.between(1, 6), c.between(0, 20), c.between(0, 50)
	f := func(x int64) int64 { return a*x*x + b*x + k }
	poly := "$x * $x"
	if a > 1 {
		poly = itoa(a) + " * $x * $x"
	}
	if b == 1 {
		poly += " + $x"
	} else if b > 1 {
		poly += " + " + itoa(b) + " * $x"
	}
	if k > 0 {
		poly += " + " + itoa(k)
	}
	l, idiom := newLines(), "while"
	if c.chance(50) {
		x := pick(c.rng, []string{"x", "i", "side", "step"})
		l.add("let mut ", x, " = 0;").open("while ", vars{"x", x}.in(poly), " < ", goal).add(x, " += 1;").close().add(x)
	} else {
		idiom = "binary search"
		l.add("let mut low = 0;").add("let mut high = ", goal, ";").open("while low < high").add("let mid = (low + high) / 2;")
		l.open("if ", vars{"x", "mid"}.in(poly), " < ", goal).add("low = mid + 1;").orElse().add("high = mid;").close().close().add("low")
	}
	return single(&Task{
		Idiom: idiom, Name: "smallest_root_" + itoa(a) + "_" + itoa(b) + "_" + itoa(k), Params: []Param{{goal, t}}, Result: t, Body: l.String(),
		doc:    "Returns the smallest x for which `" + vars{"x", "x"}.in(poly) + "` is at least `" + goal + "`.",
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 400))} },
		eval: func(args []Value) (Value, error) {
			x := int64(0)
			for f(x) < args[0].I {
				x++
			}
			most := x
			if idiom == "binary search" {
				most = args[0].I
			}
			if !t.Kind.fits(f(most)) {
				return Value{}, ErrUndefined
			}
			return Int(x), nil
		},
	})
}

// bitSteps are operations on the bits of $x with a constant from lo to hi.
var bitSteps = []struct {
	code, frag, text string
	lo, hi           int64
	f                func(x, k uint32) uint32
}{
	{"$x & #", "and_#", "masked with #", 1, 255, func(x, k uint32) uint32 { return x & k }},
	{"$x | #", "or_#", "with the bits of # set", 1, 127, func(x, k uint32) uint32 { return x | k }},
	{"$x ^ #", "xor_#", "with the bits of # flipped", 1, 127, func(x, k uint32) uint32 { return x ^ k }},
	{"$x >> #", "right_#", "shifted right by #", 1, 6, func(x, k uint32) uint32 { return x >> k }},
	{"$x << #", "left_#", "shifted left by #", 1, 6, func(x, k uint32) uint32 { return x << k }},
	{"$x.rotate_left(#)", "rotate_left_#", "rotated left by #", 1, 12, func(x, k uint32) uint32 { return bits.RotateLeft32(x, int(k)) }},
	{"$x.wrapping_mul(#)", "times_#", "multiplied by # with wrapping", 3, 99, func(x, k uint32) uint32 { return x * k }},
	{"!$x", "not", "with all bits flipped", 0, 0, func(x, _ uint32) uint32 { return ^x }},
}

// bitEnds look at the bits of what comes out, $y.
var bitEnds = []struct {
	code, frag, text string
	f                func(x uint32) int64
}{
	{"$y", "", "", func(x uint32) int64 { return int64(x) }},
	{"$y.count_ones()", "ones_", "Counts the ones in ", func(x uint32) int64 { return int64(bits.OnesCount32(x)) }},
	{"$y.leading_zeros()", "leading_zeros_", "Counts the leading zeros of ", func(x uint32) int64 { return int64(bits.LeadingZeros32(x)) }},
	{"$y.trailing_zeros()", "trailing_zeros_", "Counts the trailing zeros of ", func(x uint32) int64 { return int64(bits.TrailingZeros32(x)) }},
}

// numberBits combines bit operations.
func numberBits(c *ctx) *group {
	x := pick(c.rng, []string{"x", "bits", "flags", "n", "word", "mask"})
	end := pick(c.rng, bitEnds)
	n := 2 + c.below(2)
	v := pick(c.rng, []string{"y", "mixed", "next", "hash"})
	l := newLines()
	var fs []func(uint32) uint32
	var frags, texts []string
	for i := range n {
		s, k := pick(c.rng, bitSteps), int64(0)
		if s.hi > 0 {
			k = c.between(s.lo, s.hi)
		}
		from := v
		if i == 0 {
			from = x
		}
		code := fill(vars{"x", from}.in(s.code), itoa(k), "")
		fs = append(fs, func(x uint32) uint32 { return s.f(x, uint32(k)) })
		frags, texts = append(frags, fill(s.frag, itoa(k), "")), append(texts, fill(s.text, itoa(k), ""))
		if i == n-1 && end.frag == "" {
			l.add(code)
			break
		}
		l.add("let ", v, " = ", code, ";")
	}
	if end.frag != "" {
		l.add(vars{"y", v}.in(end.code))
	}
	doc := end.text + "`" + x + "` " + strings.Join(texts, ", then ") + "."
	if end.text == "" {
		doc = "Returns " + doc
	}
	return single(&Task{
		Idiom: "statements", Name: end.frag + strings.Join(frags, "_"), Params: []Param{{x, scalar(U32)}}, Result: scalar(U32), Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 5000))} },
		eval: func(args []Value) (Value, error) {
			y := uint32(args[0].I)
			for _, f := range fs {
				y = f(y)
			}
			return Int(end.f(y)), nil
		},
	})
}

// numberLattice counts pairs of small numbers that fulfil a condition.
func numberLattice(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{U32, U64, I32, I64})), pick(c.rng, []string{"n", "limit", "size", "max"})
	a, b := c.between(1, 7), c.between(1, 7)
	p := c.drawStage(numPreds, t, false)
	square := c.chance(50)
	expr, text := term(a, "x")+" + "+term(b, "y"), itoa(a)+" x + "+itoa(b)+" y"
	if square {
		expr, text = term(a, "x")+" * x + "+term(b, "y")+" * y", itoa(a)+" x² + "+itoa(b)+" y²"
	}
	from := "0"
	ordered := c.chance(40)
	name, doc := "pairs", "Counts the x and y from 0 to `"+n+"`"
	if ordered {
		from, name, doc = "x", "ordered_pairs", "Counts the x from 0 to `"+n+"` and y from x to `"+n+"`"
	}
	l := newLines().add("let mut count = 0;").open("for x in 0..=", n).open("for y in ", from, "..=", n).add("let z = ", expr, ";").open("if ", put(p.code, "z"))
	l.add("count += 1;").close().close().close().add("count")
	value := func(x, y int64) int64 {
		if square {
			return a*x*x + b*y*y
		}
		return a*x + b*y
	}
	return single(&Task{
		Idiom: "loop", Name: name + "_" + itoa(a) + "_" + itoa(b) + "_" + p.frag, Params: []Param{{n, t}}, Result: scalar(U32), Body: l.String(),
		doc:    doc + " for which " + text + " is " + p.text + ".",
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 9))} },
		eval: func(args []Value) (Value, error) {
			count, n := int64(0), args[0].I
			if n > 1000 {
				return Value{}, ErrUndefined
			}
			for x := int64(0); x <= n; x++ {
				y := int64(0)
				if ordered {
					y = x
				}
				for ; y <= n; y++ {
					if p.holds(Int(value(x, y)), nil) {
						count++
					}
				}
			}
			return Int(count), nil
		},
	})
}
