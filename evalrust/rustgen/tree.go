package rustgen

import (
	"strings"
)

// registersBody runs a program on $n registers.
const registersBody = `    let mut r = [0i64; $n];
    let mut skip = false;
    for step in program {
        if skip {
            skip = false;
            continue;
        }
        match *step {
            $N::Set(a, x) => r[a % $n] = x,
            $N::Mix(a, b) => {
                let (a, b) = (a % $n, b % $n);
                r[a] = $mix;
            }
            $N::Map(a) => {
                let a = a % $n;
                r[a] = $map;
            }
            $N::Skip(a) => {
                let a = a % $n;
                skip = $test;
            }
        }
    }
    r
`

// evalRegisters runs instructions on an array of registers.
func evalRegisters(c *ctx) *group {
	n := int(c.between(2, 4))
	name := pick(c.rng, []string{"Instr", "Order", "Action", "Move"})
	t := scalar(I64)
	m, o, p := c.drawStage(numMaps, t, false), c.pairOp(I64), c.drawStage(numPreds, t, false)
	d := &TypeDef{Name: name, Variants: []Variant{{Name: "Set", Payload: []Type{scalar(Usize), t}}, {Name: "Mix", Payload: []Type{scalar(Usize), scalar(Usize)}},
		{Name: "Map", Payload: []Type{scalar(Usize)}}, {Name: "Skip", Payload: []Type{scalar(Usize)}}}}
	v := vars{"N", name, "n", itoa(int64(n)), "mix", expand(o.code, "r[a]", "r[b]"), "map", m.expr("r[a]", precBit), "test", put(p.code, "r[a]")}
	g := &group{}
	(&exprTree{def: d, one: name}).declareLoose(g)
	g.pieces[0].text = strings.Replace(g.pieces[0].text, " about a number.", " on registers.", 1)
	arr := Type{Kind: Slice, Args: []Type{t}, text: "[i64; " + itoa(int64(n)) + "]"}
	fn := pick(c.rng, []string{"run", "execute", "simulate", "interpret"})
	g.free(&Task{
		Idiom: "match", Name: fn, Params: []Param{{"program", slice(named(d))}}, Result: vec(t), result: arr.text, Body: v.in(registersBody), call: fn + "($0).to_vec()",
		doc: "Runs a program on " + v.in("$n") + " registers, at first 0: set stores, mix makes of two " + strings.ReplaceAll(expand(o.text, "a", "b"), "`", "") + ", map makes one " + m.text +
			", and skip leaves out the next if one is " + p.text + ". Indices go around.",
		inputs: func(g *rng) []Value {
			var ops Value
			for range 1 + g.below(4) {
				a, b := Int(g.between(0, int64(n))), Int(g.between(0, int64(n)-1))
				switch i := g.below(6); i {
				case 1:
					ops.L = append(ops.L, Value{I: 1, L: []Value{a, b}})
				case 2, 3:
					ops.L = append(ops.L, Value{I: int64(i), L: []Value{a}})
				default:
					ops.L = append(ops.L, Value{L: []Value{a, someNumber(g, I64, hintsOf(p))}})
				}
			}
			return []Value{ops}
		},
		eval: func(args []Value) (Value, error) { return runRegisters(args[0].L, n, m, p, o) },
	})
	return g
}

// runRegisters is the machine in Go.
func runRegisters(program []Value, n int, m, p *stage, o pairing) (Value, error) {
	r := make([]Value, n)
	skip := false
	for _, op := range program {
		if skip {
			skip = false
			continue
		}
		a := int(op.L[0].I) % n
		var err error
		switch op.I {
		case 0:
			r[a] = op.L[1]
		case 1:
			r[a], err = checked(I64, o.f(r[a].I, r[int(op.L[1].I)%n].I))
		case 2:
			r[a], err = m.on(r[a])
		default:
			skip = p.holds(r[a], nil)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return Value{L: r}, nil
}

// binaryTree is a tree of numbers: a node has a left and a right tree, or there is none.
type binaryTree struct {
	def  *TypeDef
	num  Type
	one  string
	leaf string
}

func (c *ctx) drawTree() *binaryTree {
	b := &binaryTree{num: scalar(pick(c.rng, []Kind{I32, I64, U32})), one: pick(c.rng, []string{"Tree", "Branch", "Node"}), leaf: pick(c.rng, []string{"Empty", "Leaf", "Nil"})}
	b.def = &TypeDef{Name: b.one}
	t := box(named(b.def))
	b.def.Variants = []Variant{{Name: b.leaf}, {Name: pick(c.rng, []string{"Fork", "Split", "Inner"}), Payload: []Type{t, b.num, t}}}
	return b
}

func (b *binaryTree) fork() string { return b.def.Variants[1].Name }

func (b *binaryTree) declare(g *group) {
	g.text(vars{"N", b.one, "leaf", b.leaf, "fork", b.fork(), "T", b.num.text}.in("/// A binary tree of numbers.\n#[derive(Debug, Clone, PartialEq, Eq)]\npub enum $N {\n    $leaf,\n    $fork(Box<$N>, $T, Box<$N>),\n}\n"))
	g.names = append(g.names, b.one)
}

// value draws a tree; sorted ones keep what lies between lo and hi.
func (b *binaryTree) value(g *rng, depth int, lo, hi int64, sorted bool) Value {
	if depth == 0 || hi-lo < 2 || g.chance(15) {
		return Value{}
	}
	x := g.between(lo+1, hi-1)
	if !sorted {
		return Value{I: 1, L: []Value{b.value(g, depth-1, lo, hi, false), Int(x), b.value(g, depth-1, lo, hi, false)}}
	}
	return Value{I: 1, L: []Value{b.value(g, depth-1, lo, x, true), Int(x), b.value(g, depth-1, x, hi, true)}}
}

// inOrder lists the numbers from left to right.
func inOrder(v Value) []Value {
	if v.I == 0 {
		return nil
	}
	return append(append(inOrder(v.L[0]), v.L[1]), inOrder(v.L[2])...)
}

// foldBodies add up, count and list the numbers of a tree.
var foldBodies = [...]string{`    match self {
        Self::$leaf => $k,
        Self::$fork(left, x, right) => {
            let x = *x;
            let smaller = left.$name();
            let below = smaller + right.$name();
            if $p {
                below + $one
            } else {
                below
            }
        }
    }
`, `    match self {
        Self::$leaf => 0,
        Self::$fork(left, x, right) => {
            let x = *x;
            let here = usize::from($p);
            let smaller = left.$name();
            smaller + here + right.$name()
        }
    }
`, `    match self {
        Self::$leaf => Vec::new(),
        Self::$fork(left, x, right) => {
            let x = *x;
            let mut numbers = left.$name();
            if $p {
                numbers.push($m);
            }
            numbers.extend(right.$name());
            numbers
        }
    }
`}

// treeFold adds up, counts or lists the numbers of a tree.
func treeFold(c *ctx) *group {
	b, g := c.drawTree(), &group{}
	b.declare(g)
	p, m := c.drawStage(numPreds, b.num, false), c.drawStage(numMaps, b.num, false)
	kind := c.below(3)
	name := [...]string{"sum_", "count_", "to_vec_"}[kind] + p.frag
	if kind != 1 {
		name += "_" + m.frag
	}
	v := vars{"leaf", b.leaf, "fork", b.fork(), "name", name, "p", put(p.code, "x"), "m", m.expr("x", precBit), "k", itoa(c.between(0, 9))}
	v = append(v, "one", m.expr("x", precAdd))
	empty, _ := parseInt(v.get("k"), I64)
	doc := [...]string{"Adds up the " + p.plural("numbers") + ", each " + m.text + ", and " + v.get("k") + " for each empty tree.", "Counts the " + p.plural("numbers") + ".",
		"Lists the " + p.plural("numbers") + " from left to right, each " + m.text + "."}[kind]
	g.impl("impl "+b.one, &Task{
		Idiom: "recursion", Name: name, Receiver: ByRef, Self: b.def, Result: [...]Type{b.num, scalar(Usize), vec(b.num)}[kind], Body: v.in(foldBodies[kind]), doc: doc,
		inputs: func(g *rng) []Value { return []Value{b.value(g, 2, -1, 40, false)} },
		eval: func(args []Value) (Value, error) {
			xs := inOrder(args[0])
			if kind == 1 {
				kept, _ := keptValues(xs, p, nil)
				return Int(int64(len(kept))), nil
			}
			if kind == 0 {
				return sumTree(args[0], b.num.Kind, p, m, empty)
			}
			kept, err := keptValues(xs, p, m)
			return Value{L: kept}, err
		},
	})
	return g
}

// sumTree adds up in the order of the generated code.
func sumTree(v Value, k Kind, p, m *stage, empty int64) (Value, error) {
	if v.I == 0 {
		return Int(empty), nil
	}
	left, err := sumTree(v.L[0], k, p, m, empty)
	if err != nil {
		return left, err
	}
	right, err := sumTree(v.L[2], k, p, m, empty)
	if err != nil {
		return right, err
	}
	parts := []Value{left, right}
	if p.holds(v.L[1], nil) {
		y, err := m.on(v.L[1])
		if err != nil {
			return y, err
		}
		parts = append(parts, y)
	}
	return sumValues(k, parts)
}

// searchBodies count the steps to a number, find the smallest above it, and put it in.
var searchBodies = [...]string{`    let $x = $m;
    let mut steps = $k;
    let mut tree = self;
    while let Self::$fork(left, number, right) = tree {
        if $x == *number {
            return Some(steps);
        }
        steps += 1;
        tree = if $x < *number { left } else { right };
    }
    None
`, `    let $x = $m;
    let mut best = None;
    let mut tree = self;
    while let Self::$fork(left, number, right) = tree {
        if *number > $x {
            best = Some(*number);
            tree = left;
        } else {
            tree = right;
        }
    }
    best
`, `    let $x = $m;
    self.put($x);
`}

// putMethod puts a number into a sorted tree.
const putMethod = `    fn put(&mut self, $x: $T) {
        match self {
            Self::$leaf => {
                let empty = Box::new(Self::$leaf);
                *self = Self::$fork(empty.clone(), $x, empty);
            }
            Self::$fork(left, number, _) if $x < *number => left.put($x),
            Self::$fork(_, _, right) => right.put($x),
        }
    }
`

// treeSearch walks down a sorted tree.
func treeSearch(c *ctx) *group {
	b, g := c.drawTree(), &group{}
	b.declare(g)
	m, k := c.drawStage(numMaps, b.num, false), c.between(1, 60)
	x := pick(c.rng, []string{"wanted", "target", "key", "value"})
	kind := c.below(3)
	name := [...]string{"steps_to_", "find_above_", "insert_"}[kind] + x
	v := vars{"N", b.one, "leaf", b.leaf, "fork", b.fork(), "x", x, "m", m.expr(x, precBit), "k", itoa(k), "name", name, "T", b.num.text}
	t := &Task{
		Idiom: "while let", Name: name + "_" + m.frag, Receiver: ByRef, Self: b.def, Params: []Param{{x, b.num}}, Result: [...]Type{option(b.num), option(b.num), scalar(Unit)}[kind], Body: v.in(searchBodies[kind]),
		doc: [...]string{"Counts from " + itoa(k) + " the steps down a sorted tree to `" + x + "` " + m.text + ", or returns `None`.",
			"Returns the smallest number in a sorted tree above `" + x + "` " + m.text + ", or `None`.", "Puts `" + x + "`, " + m.text + ", into a sorted tree, behind equal ones."}[kind],
		inputs: func(g *rng) []Value {
			return []Value{b.value(g, 2, -1, 40, true), someNumber(g, b.num.Kind, nil)}
		},
		eval: func(args []Value) (Value, error) {
			y, err := m.on(args[1])
			if err != nil {
				return y, err
			}
			return searchTree(args[0], y.I, kind, k), nil
		},
	}
	items := []any{t}
	if kind == 2 {
		t.Receiver, t.Idiom = ByMut, "recursion"
		items = append(items, v.in(putMethod))
	}
	g.impl("impl "+b.one, items...)
	return g
}

// searchTree is what treeSearch's methods compute.
func searchTree(v Value, x int64, kind int, k int64) Value {
	if kind == 2 {
		if v.I == 0 {
			return Value{I: 1, L: []Value{{}, Int(x), {}}}
		}
		i := 2
		if x < v.L[1].I {
			i = 0
		}
		out := replaced(v, i, searchTree(v.L[i], x, kind, k))
		out.I = 1
		return out
	}
	best := None()
	for steps := k; v.I == 1; steps++ {
		number, i := v.L[1].I, 2
		switch {
		case kind == 0 && x == number:
			return Some(Int(steps))
		case kind == 1 && number > x:
			best, i = Some(Int(number)), 0
		case kind == 0 && x < number:
			i = 0
		}
		v = v.L[i]
	}
	return best
}

// listFold works on a linked list of boxes.
func listFold(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{I32, I64, U32}))
	name, cons, end := pick(c.rng, []string{"List", "Chain", "Stack"}), pick(c.rng, []string{"Cons", "Item", "Link"}), pick(c.rng, []string{"Nil", "End", "Empty"})
	d := &TypeDef{Name: name}
	d.Variants = []Variant{{Name: end}, {Name: cons, Payload: []Type{t, box(named(d))}}}
	p, m, kind := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.below(4)
	fn := [...]string{"sum_", "last_", "mapped_", "filtered_"}[kind] + p.frag + "_" + m.frag
	v := vars{"N", name, "cons", cons, "end", end, "T", t.text, "p", put(p.code, "x"), "m", m.expr("x", precBit), "add", m.expr("x", precAdd), "fn", fn}
	tmpl := [...]string{"    match self {\n        Self::$end => 0,\n        Self::$cons(x, rest) => {\n            let x = *x;\n            if $p {\n                $add + rest.$fn()\n            } else {\n                rest.$fn()\n            }\n        }\n    }\n",
		"    let mut last = None;\n    let mut list = self;\n    while let Self::$cons(x, rest) = list {\n        let x = *x;\n        if $p {\n            last = Some($m);\n        }\n        list = rest;\n    }\n    last\n",
		"    match self {\n        Self::$end => Self::$end,\n        Self::$cons(x, rest) => {\n            let x = *x;\n            let y = if $p { $m } else { x };\n            Self::$cons(y, Box::new(rest.$fn()))\n        }\n    }\n",
		"    match self {\n        Self::$end => Self::$end,\n        Self::$cons(x, rest) => {\n            let x = *x;\n            let rest = rest.$fn();\n            if $p {\n                Self::$cons($m, Box::new(rest))\n            } else {\n                rest\n            }\n        }\n    }\n"}[kind]
	if kind == 2 && len("if "+put(p.code, "x")+" { "+m.expr("x", precBit)+" } else { x }") > 50 {
		return listFold(c)
	}
	self := named(d).as("Self")
	g := &group{names: []string{name}}
	g.text(v.in("/// A list in which each item holds the rest.\n#[derive(Debug, Clone, PartialEq, Eq)]\npub enum $N {\n    $end,\n    $cons($T, Box<$N>),\n}\n"))
	g.impl("impl "+name, &Task{
		Idiom: [...]string{"recursion", "while let", "recursion", "recursion"}[kind], Name: fn, Receiver: ByRef, Self: d, Result: [...]Type{t, option(t), self, self}[kind], Body: v.in(tmpl),
		doc: [...]string{"Adds up the " + p.plural("numbers") + ", each " + m.text + ".", "Returns the last of the " + p.plural("numbers") + ", " + m.text + ", or `None`.",
			"Returns a copy in which the " + p.plural("numbers") + " are " + m.text + ".", "Returns the list of the " + p.plural("numbers") + ", each " + m.text + "."}[kind],
		inputs: func(g *rng) []Value {
			var xs []Value
			for range g.below(4) {
				xs = append(xs, someNumber(g, t.Kind, hintsOf(p)))
			}
			return []Value{linked(xs)}
		},
		eval: func(args []Value) (Value, error) {
			xs := unlinked(args[0])
			kept, err := keptValues(xs, p, m)
			switch {
			case err != nil || kind == 3:
				return linked(kept), err
			case kind == 0:
				return sumValues(t.Kind, kept)
			case kind == 1 && len(kept) > 0:
				return Some(kept[len(kept)-1]), nil
			case kind == 1:
				return None(), nil
			}
			for i, x := range xs {
				if p.holds(x, nil) {
					xs[i], _ = m.on(x)
				}
			}
			return linked(xs), nil
		},
	})
	return g
}

// linked is a list of boxes, and unlinked its items.
func linked(xs []Value) Value {
	if len(xs) == 0 {
		return Value{}
	}
	return Value{I: 1, L: []Value{xs[0], linked(xs[1:])}}
}

func unlinked(v Value) []Value {
	var xs []Value
	for ; v.I == 1; v = v.L[1] {
		xs = append(xs, v.L[0])
	}
	return xs
}
