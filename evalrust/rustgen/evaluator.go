package rustgen

import (
	"slices"
	"strings"
)

// evaluatorFamilies compute what a tree or a list of instructions means.
func evaluatorFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(5, 900), make: mk}
	}
	return []family{
		at("eval/expression", evalExpression),
		at("eval/condition", evalCondition),
		at("eval/stack", evalStack),
		at("eval/postfix", evalPostfix),
		at("eval/registers", evalRegisters),
		at("tree/fold", treeFold),
		at("tree/search", treeSearch),
		at("list/fold", listFold),
	}
}

// nodeOp is a variant of an expression with two operands, or with one.
type nodeOp struct {
	name, code string
	f          func(a, b int64) int64
}

var nodeOps = []nodeOp{
	{"Add", "$a + $b", add}, {"Sub", "$a - $b", func(a, b int64) int64 { return add(a, -b) }}, {"Mul", "$a * $b", mul},
	{"Max", "$a.max($b)", func(a, b int64) int64 { return max(a, b) }}, {"Min", "$a.min($b)", func(a, b int64) int64 { return min(a, b) }},
	{"Mix", "$a * $k + $b", nil},
}

// exprTree is a drawn language of expression trees: variant 0 is a number, then the binary operations, then a unary one.
type exprTree struct {
	def *TypeDef
	typ Type
	ops []nodeOp
	ks  []int64
	m   *stage // of the unary variant
	one string
}

// drawExprTree draws a number variant, two or three binary ones and a unary one.
func (c *ctx) drawExprTree() *exprTree {
	e := &exprTree{one: pick(c.rng, []string{"Expr", "Formula", "Term", "Node"}), m: c.drawStage(numMaps, scalar(I64), false)}
	e.def = &TypeDef{Name: e.one}
	e.typ = named(e.def)
	boxed := box(e.typ)
	e.def.Variants = []Variant{{Name: pick(c.rng, []string{"Number", "Value", "Constant"}), Payload: []Type{scalar(I64)}}}
	for _, i := range c.shuffled(len(nodeOps))[:2+c.below(2)] {
		e.ops, e.ks = append(e.ops, nodeOps[i]), append(e.ks, c.between(2, 9))
		e.def.Variants = append(e.def.Variants, Variant{Name: nodeOps[i].name, Payload: []Type{boxed, boxed}})
	}
	e.def.Variants = append(e.def.Variants, Variant{Name: pick(c.rng, []string{"Wrap", "Apply", "Group", "Change"}), Payload: []Type{boxed}})
	return e
}

// declare adds the enum.
func (e *exprTree) declare(g *group) {
	l := (&lines{}).add("/// A tree of numbers and operations.").add("#[derive(Debug, Clone, PartialEq, Eq)]").open("pub enum ", e.one)
	for _, v := range e.def.Variants {
		l.add(v.Name, tuple(v.Payload...).text, ",")
	}
	g.text(l.close().String())
	g.names = append(g.names, e.one)
}

// value draws a tree.
func (e *exprTree) value(g *rng, depth int) Value {
	if depth == 0 || g.chance(25) {
		return Value{L: []Value{Int(g.between(-5, 20))}}
	}
	i := 1 + g.below(len(e.def.Variants)-1)
	v := Value{I: int64(i), L: []Value{e.value(g, depth-1)}}
	if i <= len(e.ops) {
		v.L = append(v.L, e.value(g, depth-1))
	}
	return v
}

// apply is what a binary variant makes of its operands.
func (e *exprTree) apply(i int, x, y int64) (int64, error) {
	f := e.ops[i].f
	if f == nil {
		z := mul(x, e.ks[i])
		if !I64.fits(z) {
			return 0, ErrUndefined
		}
		x, f = z, add
	}
	z, err := checked(I64, f(x, y))
	return z.I, err
}

// eval computes a tree.
func (e *exprTree) eval(v Value) (Value, error) {
	if v.I == 0 {
		return v.L[0], nil
	}
	x, err := e.eval(v.L[0])
	if err != nil || int(v.I) > len(e.ops) {
		if err != nil {
			return x, err
		}
		return e.m.on(x)
	}
	y, err := e.eval(v.L[1])
	if err != nil {
		return y, err
	}
	z, err := e.apply(int(v.I)-1, x.I, y.I)
	return Int(z), err
}

// evalExpression computes a tree of operations, or measures it.
func evalExpression(c *ctx) *group {
	e, g := c.drawExprTree(), &group{}
	e.declare(g)
	name := pick(c.rng, []string{"eval", "evaluate", "value", "compute", "result"})
	l := newLines().open("match self").add("Self::", e.def.Variants[0].Name, "(n) => *n,")
	says := make([]string, len(e.ops))
	for i, o := range e.ops {
		code := vars{"a", "a." + name + "()", "b", "b." + name + "()", "k", itoa(e.ks[i])}.in(o.code)
		l.add("Self::", o.name, "(a, b) => ", code, ",")
		says[i] = strings.ToLower(o.name) + " gives `" + vars{"a", "a", "b", "b", "k", itoa(e.ks[i])}.in(o.code) + "`"
	}
	unary := e.def.Variants[len(e.def.Variants)-1].Name
	if strings.Count(e.m.code, "$") > 1 {
		l.open("Self::", unary, "(a) =>").add("let x = a.", name, "();").add(put(e.m.code, "x")).close()
	} else {
		l.add("Self::", unary, "(a) => ", put(e.m.code, "a."+name+"()"), ",")
	}
	t := &Task{
		Idiom: "match", Name: name, Receiver: ByRef, Self: e.def, Result: scalar(I64), Body: l.close().String(),
		doc:    "Computes the tree: " + listed(says) + "; " + strings.ToLower(unary) + " gives its operand " + e.m.text + ".",
		inputs: func(g *rng) []Value { return []Value{e.value(g, 2)} },
		eval:   func(args []Value) (Value, error) { return e.eval(args[0]) },
	}
	if tooWide(t.Body) {
		return evalExpression(c)
	}
	items := []any{t}
	if c.chance(50) {
		items = append(items, c.measureExpression(e))
	}
	g.impl("impl "+e.one, items...)
	return g
}

// measureExpression counts numbers, or weighs the parts of a tree.
func (c *ctx) measureExpression(e *exprTree) *Task {
	p := c.drawStage(numPreds, scalar(I64), false)
	name := "count_" + p.frag
	l := newLines().open("match self").add("Self::", e.def.Variants[0].Name, "(n) if ", put(p.code, "*n"), " => 1,").add("Self::", e.def.Variants[0].Name, "(_) => 0,")
	if !p.byOperator() {
		l = newLines().open("match *self").add("Self::", e.def.Variants[0].Name, "(n) if ", put(p.code, "n"), " => 1,").add("Self::", e.def.Variants[0].Name, "(_) => 0,")
	}
	ref := ""
	if !p.byOperator() {
		ref = "ref "
	}
	paths := make([]string, len(e.ops))
	for i, o := range e.ops {
		paths[i] = "Self::" + o.name + "(" + ref + "a, " + ref + "b)"
	}
	both := " => a." + name + "() + b." + name + "(),"
	if all := strings.Join(paths, " | ") + both; len(all)+12 <= 90 {
		l.add(all)
	} else {
		for _, path := range paths {
			l.add(path, both)
		}
	}
	l.add("Self::", e.def.Variants[len(e.def.Variants)-1].Name, "("+ref+"a) => a.", name, "(),").close()
	var count func(v Value) int64
	count = func(v Value) (n int64) {
		if v.I == 0 {
			return Truth(p.holds(v.L[0], nil)).I
		}
		for _, x := range v.L {
			n += count(x)
		}
		return n
	}
	return &Task{
		Idiom: "match", Name: name, Receiver: ByRef, Self: e.def, Result: scalar(Usize), Body: l.String(), doc: "Counts the " + p.plural("numbers") + " in the tree.",
		inputs: func(g *rng) []Value { return []Value{e.value(g, 2)} },
		eval:   func(args []Value) (Value, error) { return Int(count(args[0])), nil },
	}
}

// conditions is a drawn language of conditions on a number: above a limit, special, near another, and their combinations.
type conditions struct {
	def  *TypeDef
	num  Type
	p, q *stage // what special means, and what near means for the number and the other combined by o
	o    pairing
}

// draw makes a condition of a depth.
func (k *conditions) draw(g *rng, depth int) Value {
	i := g.below(3)
	if depth > 0 {
		i = g.below(6)
	}
	v := Int(int64(i))
	for _, pt := range k.def.Variants[i].Payload {
		if pt.Kind == Box {
			v.L = append(v.L, k.draw(g, depth-1))
		} else {
			v.L = append(v.L, someNumber(g, k.num.Kind, hintsOf(k.p, k.q)))
		}
	}
	return v
}

// test says whether x fulfils a condition.
func (k *conditions) test(v Value, x int64) (bool, error) {
	switch v.I {
	case 0:
		return x > v.L[0].I, nil
	case 1:
		return k.p.holds(Int(x), nil), nil
	case 2:
		y, err := checked(k.num.Kind, k.o.f(x, v.L[0].I))
		return k.q.holds(y, nil), err
	}
	a, err := k.test(v.L[0], x)
	if err != nil || v.I == 3 {
		return !a, err
	}
	if v.I == 4 && !a || v.I == 5 && a {
		return a, nil // the other side is not looked at
	}
	return k.test(v.L[1], x)
}

// evalCondition tests a number against a tree of conditions.
func evalCondition(c *ctx) *group {
	k := &conditions{def: &TypeDef{Name: pick(c.rng, []string{"Rule", "Condition", "Filter", "Check", "Query"})}, num: scalar(pick(c.rng, []Kind{I32, I64, U32}))}
	k.p, k.q, k.o = c.drawStage(numPreds, k.num, false), c.drawStage(numPreds, k.num, false), c.pairOp(k.num.Kind)
	leaf, boxed := pick(c.rng, []string{"Above", "Over", "Beyond"}), box(named(k.def))
	k.def.Variants = []Variant{{Name: leaf, Payload: []Type{k.num}}, {Name: "Special"}, {Name: "Near", Payload: []Type{k.num}},
		{Name: "Not", Payload: []Type{boxed}}, {Name: "Both", Payload: []Type{boxed, boxed}}, {Name: "Either", Payload: []Type{boxed, boxed}}}
	fn, x := pick(c.rng, []string{"matches", "holds", "accepts", "test"}), pick(c.rng, []string{"x", "n", "value"})
	l := newLines().open("match self").add("Self::", leaf, "(limit) => ", x, " > *limit,").add("Self::Special => ", put(k.p.code, x), ",")
	l.open("Self::Near(other) =>").add("let d = ", expand(k.o.code, x, "*other"), ";").add(put(k.q.code, "d")).close()
	l.add("Self::Not(a) => !a.", fn, "(", x, "),").add("Self::Both(a, b) => a.", fn, "(", x, ") && b.", fn, "(", x, "),").add("Self::Either(a, b) => a.", fn, "(", x, ") || b.", fn, "(", x, "),")
	g := &group{}
	(&exprTree{def: k.def, one: k.def.Name}).declareLoose(g)
	g.impl("impl "+k.def.Name, &Task{
		Idiom: "match", Name: fn, Receiver: ByRef, Self: k.def, Params: []Param{{x, k.num}}, Result: scalar(Bool), Body: l.close().String(),
		doc: "Returns true if `" + x + "` fulfils the condition; special is " + k.p.text + ", and near holds if " + expand(k.o.text, x, "other") + " is " + k.q.text + ".",
		inputs: func(g *rng) []Value {
			return []Value{k.draw(g, 2), someNumber(g, k.num.Kind, hintsOf(k.p, k.q))}
		},
		eval: func(args []Value) (Value, error) {
			ok, err := k.test(args[0], args[1].I)
			return Truth(ok), err
		},
	})
	return g
}

// declareLoose adds an enum in which some variants have no payload.
func (e *exprTree) declareLoose(g *group) {
	l := (&lines{}).add("/// "+upperFirst(article(strings.ToLower(e.one)))+" about a number.").add("#[derive(Debug, Clone, PartialEq, Eq)]").open("pub enum ", e.one)
	for _, v := range e.def.Variants {
		payload := ""
		if len(v.Payload) > 0 {
			payload = tuple(v.Payload...).text
		}
		l.add(v.Name, payload, ",")
	}
	g.text(l.close().String())
	g.names = append(g.names, e.one)
}

// stackOp is an instruction of a stack machine with the statements that run it; it takes some numbers and leaves others.
type stackOp struct {
	name  string
	takes int
	code  string // result of a and b, or of a alone
	f     func(a, b int64) int64
}

var stackOps = []stackOp{
	{"Add", 2, "a + b", add}, {"Sub", 2, "a - b", func(a, b int64) int64 { return add(a, -b) }}, {"Mul", 2, "a * b", mul},
	{"Max", 2, "a.max(b)", func(a, b int64) int64 { return max(a, b) }}, {"Min", 2, "a.min(b)", func(a, b int64) int64 { return min(a, b) }},
	{"Neg", 1, "-a", func(a, _ int64) int64 { return -a }}, {"Abs", 1, "a.abs()", func(a, _ int64) int64 { return abs(a) }},
	{"Square", 1, "a * a", func(a, _ int64) int64 { return mul(a, a) }},
}

// stackMachine is a drawn instruction set: variant 0 pushes, the others compute; the last maps with a stage.
type stackMachine struct {
	def *TypeDef
	ops []stackOp
	m   *stage
}

func (c *ctx) drawStackMachine() *stackMachine {
	s := &stackMachine{def: &TypeDef{Name: pick(c.rng, []string{"Op", "Instruction", "Step", "Code"})}, m: c.drawStage(numMaps, scalar(I64), false)}
	s.def.Variants = []Variant{{Name: "Push", Payload: []Type{scalar(I64)}}}
	for _, i := range c.shuffled(len(stackOps))[:2+c.below(2)] {
		s.ops = append(s.ops, stackOps[i])
		s.def.Variants = append(s.def.Variants, Variant{Name: stackOps[i].name})
	}
	s.def.Variants = append(s.def.Variants, Variant{Name: pick(c.rng, []string{"Change", "Adjust", "Convert", "Tune"})})
	return s
}

// run executes instructions, given by their variants; ok is false if the stack is too small.
func (s *stackMachine) run(ops []Value) (stack []int64, ok bool, err error) {
	for _, v := range ops {
		if v.I == 0 {
			stack = append(stack, v.L[0].I)
			continue
		}
		takes := 1
		if int(v.I) <= len(s.ops) {
			takes = s.ops[v.I-1].takes
		}
		n := len(stack) - takes
		if n < 0 {
			return nil, false, nil
		}
		var y Value
		if int(v.I) <= len(s.ops) {
			y, err = checked(I64, s.ops[v.I-1].f(stack[n], stack[len(stack)-1]))
		} else {
			y, err = s.m.on(Int(stack[n]))
		}
		if err != nil {
			return nil, false, err
		}
		stack = append(stack[:n], y.I)
	}
	return stack, true, nil
}

// arms writes the arms of the match that runs an instruction, each pattern made by name.
func (s *stackMachine) arms(l *lines, pattern func(i int) string) {
	for i, o := range s.ops {
		l.open(pattern(i+1), " =>")
		if o.takes == 2 {
			l.add("let b = stack.pop()?;")
		}
		l.add("let a = stack.pop()?;").add("stack.push(", o.code, ");").close()
	}
	l.open(pattern(len(s.ops)+1), " =>").add("let a = stack.pop()?;").add("stack.push(", s.m.expr("a", precBit), ");").close()
}

// says describes the instructions in prose.
func (s *stackMachine) says(name func(i int) string) string {
	parts := make([]string, 0, len(s.ops)+1)
	for i, o := range s.ops {
		parts = append(parts, name(i+1)+" leaves `"+o.code+"`")
	}
	return listed(append(parts, name(len(s.ops)+1)+" leaves a "+s.m.text))
}

// program draws instructions that mostly run.
func (s *stackMachine) program(g *rng) []Value {
	var ops []Value
	depth := 0
	for range 1 + g.below(5) {
		i := g.below(len(s.def.Variants))
		if depth < 2 && g.chance(85) {
			i = 0
		}
		v := Int(int64(i))
		if i == 0 {
			v.L = []Value{Int(g.between(-9, 20))}
			depth++
		} else if i <= len(s.ops) && s.ops[i-1].takes == 2 {
			depth--
		}
		ops = append(ops, v)
	}
	return ops
}

// evalStack runs a program of instructions.
func evalStack(c *ctx) *group {
	s, g := c.drawStackMachine(), &group{}
	l := (&lines{}).add("/// An instruction of a stack machine.").add("#[derive(Debug, Clone, Copy, PartialEq, Eq)]").open("pub enum ", s.def.Name)
	for _, v := range s.def.Variants {
		payload := ""
		if len(v.Payload) > 0 {
			payload = "(i64)"
		}
		l.add(v.Name, payload, ",")
	}
	g.text(l.close().String())
	g.names = append(g.names, s.def.Name)
	one := strings.ToLower(s.def.Name[:1]) + s.def.Name[1:]
	path := func(i int) string { return s.def.Name + "::" + s.def.Variants[i].Name }
	l = newLines().add("let mut stack = Vec::new();").open("for ", one, " in program").open("match ", one).add(path(0), "(n) => stack.push(*n),")
	s.arms(l, path)
	l.close().close()
	whole := c.chance(40)
	result, end, doc := option(scalar(I64)), "stack.pop()", "returns the top of the stack"
	if whole {
		result, end, doc = option(vec(scalar(I64))), "Some(stack)", "returns the stack"
	}
	g.free(&Task{
		Idiom: "match", Name: pick(c.rng, []string{"run", "execute", "interpret", "evaluate"}), Params: []Param{{"program", slice(named(s.def))}}, Result: result, Body: l.add(end).String(),
		doc:    "Runs a program on a stack and " + doc + ": " + s.says(func(i int) string { return strings.ToLower(s.def.Variants[i].Name) }) + ". `None` if a number is missing.",
		inputs: func(g *rng) []Value { return []Value{{L: s.program(g)}} },
		eval: func(args []Value) (Value, error) {
			stack, ok, err := s.run(args[0].L)
			if err != nil || !ok {
				return None(), err
			}
			if !whole {
				if len(stack) == 0 {
					return None(), nil
				}
				return Some(Int(stack[len(stack)-1])), nil
			}
			var out Value
			for _, x := range stack {
				out.L = append(out.L, Int(x))
			}
			return Some(out), nil
		},
	})
	return g
}

// evalPostfix computes words such as "3 4 +".
func evalPostfix(c *ctx) *group {
	s, text := c.drawStackMachine(), c.textName()
	signs := make([]string, len(s.ops)+2)
	order := c.shuffled(len(symbolNames))
	for i := 1; i < len(signs); i++ {
		signs[i] = symbolNames[order[i]][0]
		if signs[i] == "-" {
			signs[i] = "~"
		}
	}
	sep := pick(c.rng, []string{" ", ",", ";", "_"})
	over := text + ".split('" + sep + "')"
	if sep == " " {
		over = text + ".split_whitespace()"
	}
	l := newLines().add("let mut stack: Vec<i64> = Vec::new();").open("for word in ", over).open("match word")
	s.arms(l, func(i int) string { return `"` + signs[i] + `"` })
	l.add("number => stack.push(number.parse().ok()?),").close().close().open("if stack.len() > 1").add("return None;").close().add("stack.pop()")
	return single(&Task{
		Idiom: "match", Name: pick(c.rng, []string{"postfix", "evaluate_postfix", "calculate", "reverse_polish"}), Params: []Param{{text, scalar(Str)}}, Result: option(scalar(I64)), Body: l.String(),
		doc: "Computes numbers and signs between '" + sep + "': " + s.says(func(i int) string { return "\"" + signs[i] + "\"" }) + ". `None` unless exactly one number is left.",
		inputs: func(g *rng) []Value {
			words := make([]string, 0, 5)
			for _, v := range s.program(g) {
				if v.I == 0 {
					words = append(words, itoa(v.L[0].I))
				} else {
					words = append(words, signs[v.I])
				}
			}
			return []Value{Text(strings.Join(words, sep))}
		},
		eval: func(args []Value) (Value, error) {
			ops, ok := postfixOps(args[0].S, sep, signs)
			if !ok {
				return None(), nil
			}
			stack, ok, err := s.run(ops)
			if err != nil || !ok || len(stack) != 1 {
				return None(), err
			}
			return Some(Int(stack[0])), nil
		},
	})
}

// postfixOps reads the words of a postfix expression; signs[i] stands for variant i.
func postfixOps(text, sep string, signs []string) (ops []Value, ok bool) {
	words := strings.Split(text, sep)
	if sep == " " {
		words = strings.Fields(text)
	}
	for _, w := range words {
		if i := slices.Index(signs[1:], w); i >= 0 {
			ops = append(ops, Int(int64(i+1)))
			continue
		}
		x, ok := parseInt(w, I64)
		if !ok {
			return nil, false
		}
		ops = append(ops, Value{L: []Value{Int(x)}})
	}
	return ops, true
}
