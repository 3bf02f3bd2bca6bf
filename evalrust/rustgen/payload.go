package rustgen

import "strings"

// payloadEnums are enums with variants that carry numbers: after each variant's name those of its numbers.
var payloadEnums = []struct {
	name, variants string
}{
	{"Shape", "Circle:radius Square:side Rectangle:width,height Point: Triangle:base,height"},
	{"Payment", "Cash:amount Card:amount,fee Voucher:value Free:"},
	{"Event", "Click:x,y Key:code Scroll:lines Close:"},
	{"Message", "Move:x,y Resize:width,height Wait:ticks Quit:"},
	{"Discount", "Flat:amount Percent:rate Tiered:rate,limit Nothing:"},
	{"Cost", "Fixed:price Hourly:rate,hours Metered:units Free:"},
	{"Transfer", "Deposit:amount Withdraw:amount Exchange:amount,rate Close:"},
	{"Motion", "Forward:steps Turn:angle Jump:height,length Stop:"},
	{"Reward", "Coins:count Gems:count,value Bonus:points Nothing:"},
	{"Job", "Copy:size Scan:pages Print:pages,copies Idle:"},
	{"Heat", "Low:minutes Medium:minutes Custom:degrees,minutes Off:"},
	{"Ticket", "Adult:price Child:price,age Group:people,price Staff:"},
	{"Attack", "Strike:damage Spell:power,cost Block:armor Rest:"},
	{"Packet", "Data:size Ack:number Retry:number,delay Hello:"},
	{"Meal", "Soup:bowls Salad:weight Menu:courses,price Nothing:"},
	{"Route", "Direct:distance Via:first,second Tunnel:length Blocked:"},
	{"Change", "Insert:position Delete:position Replace:from,to Keep:"},
	{"Load", "Box:weight Pallet:boxes,weight Bag:weight Empty:"},
	{"Alarm", "Once:minute Daily:hour,minute Snooze:minutes Off:"},
	{"Light", "Dim:level Bright:level Mixed:warm,cold Off:"},
}

// payload is an enum whose variants carry numbers, with their names.
type payload struct {
	*sumType
	num   Type
	names [][]string
}

var payloadKinds = []Kind{I32, I64, U32, U64}

func (c *ctx) payloadEnum() *payload {
	drawn := pick(c.rng, payloadEnums)
	p := &payload{num: scalar(pick(c.rng, payloadKinds)), sumType: &sumType{def: &TypeDef{Name: drawn.name}, one: strings.ToLower(drawn.name)}}
	all := strings.Fields(drawn.variants)
	skip := c.below(len(all) + 2)
	for i, v := range all {
		name, fields, _ := strings.Cut(v, ":")
		if i == skip {
			continue
		}
		var names []string
		if fields != "" {
			names = strings.Split(fields, ",")
		}
		p.names = append(p.names, names)
		w := Variant{Name: name}
		for range names {
			w.Payload = append(w.Payload, p.num)
		}
		p.def.Variants = append(p.def.Variants, w)
	}
	p.typ = named(p.def)
	return p
}

func payloadGroup(mk func(c *ctx, p *payload) *Task) func(c *ctx) *group {
	return func(c *ctx) *group {
		p := c.payloadEnum()
		return enumGroup(func(*ctx) *sumType { return p.sumType }, func(c *ctx, _ *sumType) *Task { return mk(c, p) })(c)
	}
}

// value draws a variant with numbers.
func (p *payload) value(g *rng) Value {
	i := g.below(len(p.def.Variants))
	v := Int(int64(i))
	for range p.names[i] {
		v.L = append(v.L, someNumber(g, p.num.Kind, nil))
	}
	return v
}

// pattern matches variant i; used says which of its numbers get a name.
func (p *payload) pattern(i int, used ...bool) string {
	s := "Self::" + p.def.Variants[i].Name
	if len(p.names[i]) == 0 {
		return s
	}
	names := append([]string(nil), p.names[i]...)
	any := false
	for j := range names {
		if j >= len(used) || !used[j] {
			names[j] = "_"
		} else {
			any = true
		}
	}
	if !any {
		return s + "(..)"
	}
	return s + "(" + strings.Join(names, ", ") + ")"
}

// arm is what one variant of a match gives: a constant, a mapped number, or two numbers combined.
type arm struct {
	k int64
	m *stage
	o *pairing
}

// drawArm draws what variant i gives; its pattern names the numbers that are used.
func (c *ctx) drawArm(p *payload, i int) (a arm, pattern, code, prose string) {
	switch len(p.names[i]) {
	case 0:
		a.k = c.between(0, 60)
		return a, p.pattern(i), itoa(a.k), itoa(a.k)
	case 1:
		a.m = c.drawStage(numMaps, p.num, false)
		return a, p.pattern(i, true), a.m.expr(p.names[i][0], precBit), "`" + p.names[i][0] + "` " + a.m.text
	default:
		o := c.pairOp(p.num.Kind)
		a.o = &o
		return a, p.pattern(i, true, true), expand(o.code, p.names[i][0], p.names[i][1]), expand(o.text, p.names[i][0], p.names[i][1])
	}
}

func (a arm) value(k Kind, v Value) (Value, error) {
	switch {
	case a.m != nil:
		return a.m.on(v.L[0])
	case a.o != nil:
		return checked(k, a.o.f(v.L[0].I, v.L[1].I))
	default:
		return Int(a.k), nil
	}
}

// measure draws an arm for each variant and writes the match.
func (c *ctx) measure(p *payload, l *lines) (arms []arm, prose string) {
	parts := make([]string, len(p.def.Variants))
	for i, v := range p.def.Variants {
		a, pattern, code, say := c.drawArm(p, i)
		arms = append(arms, a)
		l.add(pattern, " => ", code, ",")
		parts[i] = say + " for " + strings.ToLower(v.Name)
	}
	return arms, listed(parts)
}

var measureNames = []string{"measure", "amount", "size", "total", "value", "cost", "score", "weight"}

// payloadMeasure makes a number of any variant.
func payloadMeasure(c *ctx, p *payload) *Task {
	l := newLines().open("match self")
	arms, prose := c.measure(p, l)
	name := pick(c.rng, measureNames)
	t := p.method(name, p.num, l.close().String(), "Returns the "+name+": "+prose+".", func(args []Value) (Value, error) {
		return arms[args[0].I].value(p.num.Kind, args[0])
	})
	t.inputs = func(g *rng) []Value { return []Value{p.value(g)} }
	return t
}

// payloadChange maps the numbers of some variants and keeps the others.
func payloadChange(c *ctx, p *payload) *Task {
	stages, l := make([]*stage, len(p.def.Variants)), newLines().open("match self")
	var parts []string
	rest := 0
	for i, v := range p.def.Variants {
		if len(p.names[i]) == 0 || c.chance(30) {
			rest++
			continue
		}
		m := c.drawStage(numMaps, p.num, false)
		stages[i] = m
		args := append([]string(nil), p.names[i]...)
		args[0] = m.expr(args[0], precBit)
		l.add(p.pattern(i, true, true), " => Self::", v.Name, "(", strings.Join(args, ", "), "),")
		parts = append(parts, "`"+p.names[i][0]+"` of "+strings.ToLower(v.Name)+" "+m.text)
	}
	if len(parts) == 0 || rest == 0 {
		return payloadChange(c, p)
	}
	l.add("other => other,").close()
	name := pick(c.rng, []string{"adjusted", "changed", "updated", "scaled", "corrected"})
	t := p.method(name, p.typ.as("Self"), l.String(), "Returns a copy with "+listed(parts)+".", func(args []Value) (Value, error) {
		m := stages[args[0].I]
		if m == nil {
			return args[0], nil
		}
		y, err := m.on(args[0].L[0])
		out := replaced(args[0], 0, y)
		out.I = args[0].I
		return out, err
	})
	t.inputs = func(g *rng) []Value { return []Value{p.value(g)} }
	return t
}

// payloadExtract gives a number of some variants and None for the others.
func payloadExtract(c *ctx, p *payload) *Task {
	var with []int
	for i := range p.names {
		if len(p.names[i]) > 0 {
			with = append(with, i)
		}
	}
	i := pick(c.rng, with)
	j := c.below(len(p.names[i]))
	used := []bool{j == 0, j == 1}
	x := p.names[i][j]
	m, q := c.drawStage(numMaps, p.num, false), c.drawStage(numPreds, p.num, false)
	variant := strings.ToLower(p.def.Variants[i].Name)
	name := variant + "_" + x + "_" + m.frag
	doc := "Returns `" + x + "` of " + variant + ", " + m.text + ", or `None` for anything else."
	l, guarded := newLines(), c.chance(50)
	idiom := "match"
	if guarded {
		name += "_if_" + q.frag
		doc = "Returns `" + x + "` of " + variant + ", " + m.text + ", if it is " + q.text + ", or `None`."
		l.open("match self").add(p.pattern(i, used...), " if ", put(q.code, x), " => Some(", m.expr(x, precBit), "),").add("_ => None,").close()
	} else {
		idiom = "branch"
		l.open("if let ", p.pattern(i, used...), " = self").add("Some(", m.expr(x, precBit), ")").orElse().add("None").close()
	}
	t := p.method(name, option(p.num), l.String(), doc, func(args []Value) (Value, error) {
		if int(args[0].I) != i || guarded && !q.holds(args[0].L[j], nil) {
			return None(), nil
		}
		y, err := m.on(args[0].L[j])
		return Some(y), err
	})
	t.Idiom = idiom
	t.inputs = func(g *rng) []Value {
		v := p.value(g)
		for tries := 0; tries < 3 && int(v.I) != i; tries++ {
			v = p.value(g)
		}
		return []Value{v}
	}
	return t
}

// payloadTotal adds up what the variants of a slice give.
func payloadTotal(c *ctx, p *payload) *Task {
	many, one := p.short()+"s", p.short()
	l := newLines()
	chain := c.chance(40)
	if chain {
		l.chainHead("", many, ".iter()").open(".map(|", one, "| match *", one)
	} else {
		l.add("let mut total = 0;").open("for ", one, " in ", many).open("total += match *", one)
	}
	inner := newLines()
	inner.depth = l.depth
	arms, prose := c.measure(p, inner)
	l.b.WriteString(strings.ReplaceAll(inner.String(), "Self::", p.def.Name+"::"))
	l.depth--
	idiom := "loop"
	if chain {
		idiom = "iterator"
		l.add("})").add(".sum()")
	} else {
		l.add("};").close().add("total")
	}
	return &Task{
		Idiom: idiom, Name: pick(c.rng, measureNames) + "_of_" + many, Params: []Param{{many, slice(p.typ)}}, Result: p.num, Body: l.String(),
		doc: "Adds up over `" + many + "`: " + prose + ".",
		inputs: func(g *rng) []Value {
			var list Value
			for range g.below(4) {
				list.L = append(list.L, p.value(g))
			}
			return []Value{list}
		},
		eval: func(args []Value) (Value, error) {
			total := int64(0)
			for _, v := range args[0].L {
				y, err := arms[v.I].value(p.num.Kind, v)
				if total = add(total, y.I); err != nil || !p.num.Kind.fits(total) {
					return Value{}, ErrUndefined
				}
			}
			return Int(total), nil
		},
	}
}
