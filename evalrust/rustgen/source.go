package rustgen

// source is where a pipeline's elements come from.
type source struct {
	name   string // part of the family's name
	params []Param
	elem   Type     // element type
	iter   string   // iterator over owned elements
	over   string   // what a for loop runs over
	pat    string   // the for loop's pattern
	let    string   // statement that makes the element inside a for loop
	v      string   // element variable
	noun   string   // plural of the element
	where  string   // " in `values`"
	byRef  bool     // over is a collection whose elements a for loop borrows
	uses   []string // imports
	skips  bool     // a loop passes over what is not an element, so it cannot count elements
	slice  bool     // params[0] is a slice that recursion can split
	elems  func(args []Value) ([]Value, error)
	inputs func(r *rng, hints []int64) Value
}

// nouns pairs a slice parameter with the variable for one of its elements.
type nouns struct{ many, one string }

var numNouns = []nouns{
	{"values", "value"}, {"values", "x"}, {"values", "v"}, {"numbers", "n"}, {"numbers", "number"}, {"items", "item"}, {"data", "x"},
	{"scores", "score"}, {"prices", "price"}, {"weights", "weight"}, {"ages", "age"}, {"sizes", "size"}, {"points", "p"}, {"steps", "step"},
}

var wordNouns = []nouns{{"words", "word"}, {"words", "w"}, {"names", "name"}, {"lines", "line"}, {"tags", "tag"}, {"keys", "key"}}

var textNames = []string{"text", "s", "input", "line"}

// plural is the noun in prose; "data" and the like read badly as one.
func (n nouns) plural() string {
	if n.many == "data" || n.many == "items" {
		return "values"
	}
	return n.many
}

var intKinds = []Kind{I32, I64, U32, U64, I32, I64}

func (c *ctx) intType() Type { return scalar(pick(c.rng, intKinds)) }

// numSlice is a borrowed slice of numbers.
func (c *ctx) numSlice(t Type) *source {
	n := pick(c.rng, numNouns)
	return &source{
		name: "slice", params: []Param{{n.many, slice(t)}}, elem: t, v: n.one, noun: n.plural(), where: " in `" + n.many + "`",
		iter: n.many + ".iter().copied()", over: n.many, pat: "&" + n.one, slice: true,
		elems:  func(args []Value) ([]Value, error) { return args[0].L, nil },
		inputs: func(r *rng, hints []int64) Value { return numList(r, t.Kind, r.below(7), hints) },
	}
}

func (c *ctx) intSlice() *source   { return c.numSlice(c.intType()) }
func (c *ctx) floatSlice() *source { return c.numSlice(scalar(F64)) }

// intRange is the numbers from 1 or 0 to a parameter.
func (c *ctx) intRange() *source {
	t, n := scalar(pick(c.rng, []Kind{U32, U64, I64, I32})), pick(c.rng, []string{"n", "n", "end", "size"})
	v := pick(c.rng, []string{"i", "k", "x"})
	lo, open := c.between(0, 3), c.chance(30)
	over, where := itoa(lo)+"..="+n, " from "+itoa(lo)+" to `"+n+"`"
	if open {
		over, where = itoa(lo)+".."+n, " from "+itoa(lo)+" below `"+n+"`"
	}
	return &source{
		name: "range", params: []Param{{n, t}}, elem: t, v: v, noun: "numbers", where: where, iter: "(" + over + ")", over: over, pat: v,
		elems: func(args []Value) ([]Value, error) {
			hi := args[0].I
			if open {
				hi--
			}
			if hi > 100_000 {
				return nil, ErrUndefined
			}
			var xs []Value
			for i := lo; i <= hi; i++ {
				xs = append(xs, Int(i))
			}
			return xs, nil
		},
		inputs: func(r *rng, _ []int64) Value { return Int(r.between(0, 12)) },
	}
}

// chars is the characters of a string.
func (c *ctx) chars() *source {
	s, v := pick(c.rng, textNames), pick(c.rng, []string{"c", "c", "ch"})
	return &source{
		name: "chars", params: []Param{{s, scalar(Str)}}, elem: scalar(Char), v: v, noun: "characters", where: " in `" + s + "`",
		iter: s + ".chars()", over: s + ".chars()", pat: v,
		elems: func(args []Value) ([]Value, error) {
			var xs []Value
			for _, c := range args[0].S {
				xs = append(xs, Int(int64(c)))
			}
			return xs, nil
		},
		inputs: func(r *rng, hints []int64) Value { return Text(someText(r, hints)) },
	}
}

// splitWords is the words of a string.
func (c *ctx) splitWords() *source {
	s, n := pick(c.rng, textNames), pick(c.rng, wordNouns[:2])
	return &source{
		name: "words", params: []Param{{s, scalar(Str)}}, elem: scalar(Str), v: n.one, noun: "words", where: " in `" + s + "`",
		iter: s + ".split_whitespace()", over: s + ".split_whitespace()", pat: n.one,
		elems:  func(args []Value) ([]Value, error) { return fields(args[0].S), nil },
		inputs: func(r *rng, _ []int64) Value { return Text(someText(r, nil)) },
	}
}

// strSlice is a slice of strings.
func (c *ctx) strSlice() *source {
	n := pick(c.rng, wordNouns)
	return &source{
		name: "strs", params: []Param{{n.many, slice(scalar(Str))}}, elem: scalar(Str), v: n.one, noun: n.many, where: " in `" + n.many + "`",
		iter: n.many + ".iter().copied()", over: n.many, pat: "&" + n.one, slice: true,
		elems: func(args []Value) ([]Value, error) { return args[0].L, nil },
		inputs: func(r *rng, _ []int64) Value {
			xs := make([]Value, r.below(5))
			for i := range xs {
				xs[i] = Text(pick(r, sampleWords))
			}
			return Value{L: xs}
		},
	}
}

// zipped is the products, sums or differences of two slices' elements.
func (c *ctx) zipped() *source {
	t := scalar(pick(c.rng, []Kind{I32, I64}))
	names := pick(c.rng, [][4]string{{"a", "b", "x", "y"}, {"left", "right", "l", "r"}, {"xs", "ys", "x", "y"}, {"first", "second", "a", "b"}})
	kind := pick(c.rng, []struct {
		code, noun string
		f          func(a, b int64) int64
	}{
		{"$1 * $2", "products", mul}, {"$1 + $2", "sums", add}, {"$1 - $2", "differences", func(a, b int64) int64 { return add(a, -b) }},
		{"$1.max($2)", "larger elements", func(a, b int64) int64 { return max(a, b) }},
		{"$1.min($2)", "smaller elements", func(a, b int64) int64 { return min(a, b) }},
	})
	x, y := names[2], names[3]
	expr := expand(kind.code, x, y)
	return &source{
		name: "zip", params: []Param{{names[0], slice(t)}, {names[1], slice(t)}}, elem: t, v: "d", noun: kind.noun,
		where: " of the pairs from `" + names[0] + "` and `" + names[1] + "`",
		iter:  names[0] + ".iter().zip(" + names[1] + ").map(|(&" + x + ", &" + y + ")| " + expr + ")",
		over:  names[0] + ".iter().zip(" + names[1] + ")", pat: "(&" + x + ", &" + y + ")", let: "let d = " + expr + ";",
		elems: func(args []Value) ([]Value, error) {
			var xs []Value
			for i := range min(len(args[0].L), len(args[1].L)) {
				v := kind.f(args[0].L[i].I, args[1].L[i].I)
				if !t.Kind.fits(v) {
					return nil, ErrUndefined
				}
				xs = append(xs, Int(v))
			}
			return xs, nil
		},
		inputs: func(r *rng, hints []int64) Value { return numList(r, t.Kind, 1+r.below(5), hints) },
	}
}

// neighbours is what lies between each element of a slice and the next.
func (c *ctx) neighbours() *source {
	t := scalar(pick(c.rng, []Kind{I32, I64}))
	n := pick(c.rng, numNouns)
	kind := pick(c.rng, []struct {
		code, noun string
		f          func(a, b int64) int64
	}{
		{"$2 - $1", "differences", func(a, b int64) int64 { return add(b, -a) }}, {"$1 + $2", "sums", add},
		{"$1 * $2", "products", mul}, {"($2 - $1).abs()", "distances", func(a, b int64) int64 { return abs(add(b, -a)) }},
	})
	expr := expand(kind.code, "w[0]", "w[1]")
	return &source{
		name: "windows", params: []Param{{n.many, slice(t)}}, elem: t, v: "d", noun: kind.noun, where: " between neighbours in `" + n.many + "`",
		iter: n.many + ".windows(2).map(|w| " + expr + ")", over: n.many + ".windows(2)", pat: "w", let: "let d = " + expr + ";",
		elems: func(args []Value) ([]Value, error) {
			var xs []Value
			for i := 1; i < len(args[0].L); i++ {
				v := kind.f(args[0].L[i-1].I, args[0].L[i].I)
				if !t.Kind.fits(v) {
					return nil, ErrUndefined
				}
				xs = append(xs, Int(v))
			}
			return xs, nil
		},
		inputs: func(r *rng, hints []int64) Value { return numList(r, t.Kind, r.below(6), hints) },
	}
}
