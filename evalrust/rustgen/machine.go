package rustgen

import (
	"strings"
)

// machineFamilies are small state machines and simulations.
func machineFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(5, 900), make: mk}
	}
	return []family{
		at("machine/step", machineStep),
		at("machine/run", machineRun),
		at("machine/accepts", machineAccepts),
		at("machine/counter", machineCounter),
		at("machine/scan", machineScan),
		at("machine/robot", machineRobot),
		at("machine/phases", machinePhases),
	}
}

// stateEnums are machines: the states and the events that move them on.
var stateEnums = [][4]string{
	{"Door", "Open Closed Locked Jammed", "Action", "Push Pull Turn Wait"}, {"Player", "Stopped Playing Paused Seeking", "Button", "Play Pause Stop Skip"},
	{"Order", "New Paid Shipped Delivered Cancelled", "Change", "Pay Ship Deliver Cancel"}, {"Lamp", "Off Dim Bright Broken", "Press", "Short Long Double Fix"},
	{"Link", "Down Connecting Up Closing", "Signal", "Dial Accept Close Fail"}, {"Lift", "Ground Rising Falling Stopped", "Call", "Up Down Halt Reset"},
	{"Washer", "Idle Filling Washing Spinning", "Tick", "Start Full Timer Stop"}, {"Review", "Draft Submitted Approved Rejected", "Vote", "Submit Approve Reject Edit"},
	{"Battery", "Empty Charging Full Faulty", "Input", "Plug Unplug Drain Test"}, {"Pump", "Off Priming Running Blocked", "Reading", "Start Flow Clog Stop"},
	{"Session", "Guest Active Expired Banned", "Request", "Login Logout Timeout Ban"}, {"Gate", "Raised Lowered Moving Stuck", "Sensor", "Car Clear Button Alarm"},
	{"Heater", "Cold Warming Hot Cooling", "Reading", "Low High Steady Fault"}, {"Job", "Queued Running Done Failed", "Report", "Begin Finish Crash Retry"},
	{"Game", "Menu Level Won Lost", "Turn", "Begin Score Miss Again"}, {"Phone", "Silent Ringing Talking Busy", "Touch", "Ring Answer Hang Ignore"},
}

// someOfWords keeps n of the words, in order.
func (c *ctx) someOfWords(words string, n int) []Variant {
	all := strings.Fields(words)
	n = min(n, len(all))
	var out []Variant
	for i, w := range all {
		if c.below(len(all)-i) < n {
			n--
			out = append(out, Variant{Name: w})
		}
	}
	return out
}

// drawMachine draws two enums: states and events.
func (c *ctx) drawMachine() (states, events *sumType) {
	d := pick(c.rng, stateEnums)
	states = &sumType{def: &TypeDef{Name: d[0], Variants: c.someOfWords(d[1], 3+c.below(2))}, one: strings.ToLower(d[0])}
	events = &sumType{def: &TypeDef{Name: d[2], Variants: c.someOfWords(d[3], 3+c.below(2))}, one: strings.ToLower(d[2])}
	states.typ, events.typ = named(states.def), named(events.def)
	return states, events
}

// transition leads from a state by an event to another; an event of -1 stands for any.
type transition struct{ from, event, to int }

// drawTransitions draws distinct ones, those for any event last.
func (c *ctx) drawTransitions(states, events int) []transition {
	var out []transition
	taken := map[[2]int]bool{}
	for range 4 + c.below(3) {
		t := transition{c.below(states), c.below(events), c.below(states)}
		if taken[[2]int{t.from, t.event}] || t.from == t.to {
			continue
		}
		taken[[2]int{t.from, t.event}] = true
		out = append(out, t)
	}
	if c.chance(40) {
		if t := (transition{c.below(states), -1, c.below(states)}); t.from != t.to {
			all := 0
			for e := range events {
				if taken[[2]int{t.from, e}] {
					all++
				}
			}
			if all < events {
				out = append(out, t)
			}
		}
	}
	return out
}

// next is where an event leads.
func next(ts []transition, state, event int) int {
	for _, t := range ts {
		if t.from == state && (t.event == event || t.event < 0) {
			return t.to
		}
	}
	return state
}

// machineStep moves a state on by one event, or by several.
func machineStep(c *ctx) *group {
	states, events := c.drawMachine()
	ts := c.drawTransitions(len(states.def.Variants), len(events.def.Variants))
	if len(ts) < 2 {
		return machineStep(c)
	}
	event := strings.ToLower(events.def.Name)
	l, says := newLines().open("match (self, ", event, ")"), make([]string, len(ts))
	for i, t := range ts {
		on, say := "_", "anything"
		if t.event >= 0 {
			on = events.def.Name + "::" + events.def.Variants[t.event].Name
			say = strings.ToLower(events.def.Variants[t.event].Name)
		}
		l.add("(", states.path(t.from), ", ", on, ") => ", states.path(t.to), ",")
		says[i] = strings.ToLower(states.def.Variants[t.from].Name) + " becomes " + strings.ToLower(states.def.Variants[t.to].Name) + " on " + say
	}
	l.add("(state, _) => state,").close()
	g := &group{}
	states.declare(g)
	g.text("\n")
	events.declare(g)
	name := pick(c.rng, []string{"on", "after", "next", "handle", "react_to"})
	step := states.method(name, states.typ.as("Self"), l.String(), "Returns the state after one "+event+": "+listed(says)+"; nothing else changes it.",
		func(args []Value) (Value, error) { return Int(int64(next(ts, int(args[0].I), int(args[1].I)))), nil })
	step.Params = []Param{{event, events.typ}}
	step.inputs = func(g *rng) []Value {
		if g.chance(60) {
			t := pick(g, ts)
			return []Value{Int(int64(t.from)), Int(int64(max(t.event, 0)))}
		}
		return []Value{states.value(g), events.value(g)}
	}
	g.impl("impl "+states.def.Name, step)
	if c.chance(60) {
		g.free(c.runMachine(states, events, ts, name))
	}
	return g
}

// runMachine applies a slice of events and counts how often a state is reached, or returns the last state.
func (c *ctx) runMachine(states, events *sumType, ts []transition, step string) *Task {
	many, one := strings.ToLower(events.def.Name)+"s", strings.ToLower(events.def.Name)
	start, goal := pick(c.rng, ts).from, pick(c.rng, ts).to
	stateOf := func(i int) string { return states.def.Name + "::" + states.def.Variants[i].Name }
	v := states.short()
	l := newLines().add("let mut ", v, " = ", stateOf(start), ";")
	count := c.chance(60)
	t := &Task{Idiom: "loop", Name: "run_from_" + strings.ToLower(states.def.Variants[start].Name), Params: []Param{{many, slice(events.typ)}}, Result: states.typ}
	t.doc = "Returns the state that `" + many + "` lead to from " + strings.ToLower(states.def.Variants[start].Name) + "."
	if count {
		goalName := strings.ToLower(states.def.Variants[goal].Name)
		t.Name, t.Result = "count_"+goalName+"_from_"+strings.ToLower(states.def.Variants[start].Name), scalar(Usize)
		t.doc = "Counts how many of `" + many + "` leave the state " + goalName + ", starting from " + strings.ToLower(states.def.Variants[start].Name) + "."
		l.add("let mut count = 0;").open("for &", one, " in ", many).add(v, " = ", v, ".", step, "(", one, ");").open("if ", v, " == ", stateOf(goal)).add("count += 1;").close().close().add("count")
	} else {
		l.open("for &", one, " in ", many).add(v, " = ", v, ".", step, "(", one, ");").close().add(v)
	}
	t.Body = l.String()
	t.inputs = func(g *rng) []Value {
		var list Value
		for range g.below(5) {
			list.L = append(list.L, events.value(g))
		}
		return []Value{list}
	}
	t.eval = func(args []Value) (Value, error) {
		state, n := start, int64(0)
		for _, e := range args[0].L {
			if state = next(ts, state, int(e.I)); state == goal {
				n++
			}
		}
		if count {
			return Int(n), nil
		}
		return Int(int64(state)), nil
	}
	return t
}

// charClass is a pattern for characters in a match.
type charClass struct {
	pattern, text string
	in            func(r rune) bool
}

var charClasses = []charClass{
	{"'0'..='9'", "a digit", func(r rune) bool { return digit(int64(r)) }}, {"'a'..='z'", "a lowercase letter", func(r rune) bool { return lower(int64(r)) }},
	{"'A'..='Z'", "an uppercase letter", func(r rune) bool { return upper(int64(r)) }}, {"' '", "a space", func(r rune) bool { return r == ' ' }},
	{"'.'", "a point", func(r rune) bool { return r == '.' }}, {"'+' | '-'", "a sign", func(r rune) bool { return r == '+' || r == '-' }},
	{"'_'", "an underscore", func(r rune) bool { return r == '_' }}, {"'a' | 'e' | 'i' | 'o' | 'u'", "a vowel", isVowel},
	{"'/'", "a slash", func(r rune) bool { return r == '/' }}, {"'x'", "an x", func(r rune) bool { return r == 'x' }}, {"'#'", "a hash", func(r rune) bool { return r == '#' }},
}

// charMachine is transitions by classes of characters between numbered or named states.
type charMachine struct {
	classes []charClass
	moves   []transition // event is the index of a class
}

// The start leads on.
func (c *ctx) drawCharMachine(states, start int) charMachine {
	for {
		m := charMachine{classes: make([]charClass, 3)}
		for i, j := range c.shuffled(len(charClasses))[:3] {
			m.classes[i] = charClasses[j]
		}
		leads := false
		for _, t := range c.drawTransitions(states, 3) {
			if t.event >= 0 && len(m.moves) < 5 {
				m.moves = append(m.moves, t)
				leads = leads || t.from == start
			}
		}
		if leads && len(m.moves) > 2 && !m.overlaps() {
			return m
		}
	}
}

// overlaps says whether a vowel and a letter are told apart from one state, which would leave an arm unreachable.
func (m charMachine) overlaps() bool {
	for i := range m.moves {
		for _, u := range m.moves[:i] {
			if t := m.moves[i]; t.from == u.from && (covers(m.classes[t.event], m.classes[u.event]) || covers(m.classes[u.event], m.classes[t.event])) {
				return true
			}
		}
	}
	return false
}

// covers says whether a takes everything that b takes.
func covers(a, b charClass) bool { return a.in('x') && b.in('x') || a.in('e') && b.in('e') }

func (m charMachine) next(state int, r rune) (int, bool) {
	for _, t := range m.moves {
		if t.from == state && m.classes[t.event].in(r) {
			return t.to, true
		}
	}
	return state, false
}

// text draws characters that mostly move the machine on.
func (m charMachine) text(g *rng) string {
	var b strings.Builder
	for range g.below(7) {
		b.WriteRune(pick(g, []rune("a1Q .-_x/e#7b")))
	}
	return b.String()
}

// machineRun runs over the characters of a text and returns the last state.
func machineRun(c *ctx) *group {
	states, _ := c.drawMachine()
	n := len(states.def.Variants)
	s, start := c.textName(), c.below(n)
	m := c.drawCharMachine(n, start)
	v := states.short()
	name := func(i int) string { return strings.ToLower(states.def.Variants[i].Name) }
	path := func(i int) string { return states.def.Name + "::" + states.def.Variants[i].Name }
	says := make([]string, len(m.moves))
	l := newLines().add("let mut ", v, " = ", path(start), ";").open("for c in ", s, ".chars()").open(v, " = match (", v, ", c)")
	for i, t := range m.moves {
		l.add("(", path(t.from), ", ", m.classes[t.event].pattern, ") => ", path(t.to), ",")
		says[i] = name(t.from) + " becomes " + name(t.to) + " on " + m.classes[t.event].text
	}
	stop := c.chance(40)
	doc := "Starts as " + name(start) + " and goes through `" + s + "`: " + listed(says) + "; any other character changes nothing."
	if stop {
		l.add("_ => break,").depth--
		doc = strings.Replace(doc, "any other character changes nothing", "any other character ends it", 1)
	} else {
		l.add("(same, _) => same,").depth--
	}
	l.add("};").close().add(v)
	g := &group{}
	states.declare(g)
	g.free(&Task{
		Idiom: "loop", Name: pick(c.rng, []string{"run", "follow", "trace", "drive"}) + "_" + v, Params: []Param{{s, scalar(Str)}}, Result: states.typ, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value { return []Value{Text(m.text(g))} },
		eval: func(args []Value) (Value, error) {
			state := start
			for _, r := range args[0].S {
				to, moved := m.next(state, r)
				if !moved && stop {
					break
				}
				state = to
			}
			return Int(int64(state)), nil
		},
	})
	return g
}

// machineAccepts tells whether a text leads a machine with numbered states to an accepting one.
func machineAccepts(c *ctx) *group {
	n := 3 + c.below(2)
	m, s := c.drawCharMachine(n, 0), c.textName()
	accept := c.shuffled(n)[:1+c.below(2)]
	says := make([]string, len(m.moves))
	l := newLines().add("let mut state = 0;").open("for c in ", s, ".chars()").open("state = match (state, c)")
	for i, t := range m.moves {
		l.add("(", itoa(int64(t.from)), ", ", m.classes[t.event].pattern, ") => ", itoa(int64(t.to)), ",")
		says[i] = itoa(int64(t.from)) + " to " + itoa(int64(t.to)) + " on " + m.classes[t.event].text
	}
	l.add("_ => return false,").depth--
	l.add("};").close()
	test, text := "state == "+itoa(int64(accept[0])), "state "+itoa(int64(accept[0]))
	if len(accept) > 1 {
		test, text = "matches!(state, "+itoa(int64(accept[0]))+" | "+itoa(int64(accept[1]))+")", text+" or "+itoa(int64(accept[1]))
	}
	return single(&Task{
		Idiom: "match", Name: pick(c.rng, []string{"accepts", "matches_form", "is_valid", "is_well_formed"}) + "_" + s, Params: []Param{{s, scalar(Str)}}, Result: scalar(Bool),
		Body: l.add(test).String(), doc: "Returns true if `" + s + "` leads from state 0 to " + text + "; the moves are " + listed(says) + ".",
		inputs: func(g *rng) []Value { return []Value{Text(m.text(g))} },
		eval: func(args []Value) (Value, error) {
			state := 0
			for _, r := range args[0].S {
				to, moved := m.next(state, r)
				if !moved {
					return Truth(false), nil
				}
				state = to
			}
			return Truth(contains(accept, int64(state))), nil
		},
	})
}

// machineCounter is a struct that counts up to a limit and starts over.
func machineCounter(c *ctx) *group {
	drawn := pick(c.rng, [][3]string{{"Dial", "value", "turns"}, {"Odometer", "meters", "rounds"}, {"Clock", "minutes", "hours"}, {"Meter", "units", "overflows"}, {"Wheel", "angle", "turns"},
		{"Tally", "points", "games"}, {"Feeder", "grams", "bowls"}, {"Tank", "liters", "spills"}, {"Shift", "steps", "breaks"}, {"Loom", "threads", "cloths"}, {"Press", "sheets", "books"},
		{"Lathe", "cuts", "parts"}, {"Timer", "ticks", "rings"}, {"Jar", "coins", "rolls"}, {"Drum", "beats", "bars"}, {"Belt", "boxes", "loads"}, {"Pump", "strokes", "barrels"},
		{"Oven", "loaves", "trays"}, {"Quarry", "stones", "carts"}})
	name, a, b := drawn[0], drawn[1], drawn[2]
	t := scalar(pick(c.rng, []Kind{U32, U64, I32, I64}))
	d := &TypeDef{Name: name, New: pick(c.rng, constructors), Fields: []Param{{a, t}, {b, t}}}
	limit, m, p := c.between(5, 99), c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false)
	x := pick(c.rng, []string{"amount", "step", "n", "delta"})
	v := vars{"N", name, "a", a, "b", b, "T", t.text, "x", x, "limit", itoa(limit), "m", m.expr(x, precBit), "p", put(p.code, x)}
	tmpl, idiom := "    if $p {\n        return false;\n    }\n    self.$a += $m;\n    let over = self.$a >= $limit;\n    while self.$a >= $limit {\n        self.$a -= $limit;\n        self.$b += 1;\n    }\n    over\n", "while"
	if c.chance(50) {
		tmpl, idiom = "    if $p {\n        return false;\n    }\n    self.$a += $m;\n    if self.$a < $limit {\n        return false;\n    }\n    self.$b += self.$a / $limit;\n    self.$a %= $limit;\n    true\n", "early return"
	}
	g := &group{names: []string{name}}
	g.text(v.in("/// Counts $a, and $b.\n#[derive(Debug, Clone, PartialEq, Eq)]\npub struct $N {\n    $a: $T,\n    $b: $T,\n}\n"))
	g.impl("impl "+name, d.constructor("Starts with "+a+" and "+b+"."), &Task{
		Idiom: idiom, Name: pick(c.rng, []string{"advance", "add", "feed", "move_on"}) + "_" + m.frag, Receiver: ByMut, Self: d, Params: []Param{{x, t}}, Result: scalar(Bool), Body: v.in(tmpl),
		doc: "Adds `" + x + "`, " + m.text + ", to " + a + ", turns every " + itoa(limit) + " into one of " + b + " and says whether there were any; `" + x + "` is ignored if it is " + p.text + ".",
		inputs: func(g *rng) []Value {
			return []Value{List(Int(g.between(0, limit-1)), Int(g.between(0, 9))), someNumber(g, t.Kind, append(hintsOf(p), limit))}
		},
		eval: func(args []Value) (Value, error) {
			if p.holds(args[1], nil) {
				return List(Truth(false), args[0]), nil
			}
			y, err := m.on(args[1])
			if err != nil {
				return y, err
			}
			sum, err := checked(t.Kind, add(args[0].L[0].I, y.I))
			if err != nil || sum.I < limit {
				return List(Truth(false), List(sum, args[0].L[1])), err
			}
			return List(Truth(true), List(Int(sum.I%limit), Int(args[0].L[1].I+sum.I/limit))), nil
		},
	})
	return g
}

// machineScan goes through a text with a flag that delimiters turn on and off.
func machineScan(c *ctx) *group {
	s, p := c.textName(), c.drawStage(charPreds, scalar(Char), false)
	ends := pick(c.rng, [][2]string{{"(", ")"}, {"[", "]"}, {"<", ">"}, {"{", "}"}, {"|", "|"}, {"*", "*"}, {"_", "_"}, {"/", "/"}, {"#", "."}, {"$", ";"}})
	kind, outside := c.below(3), c.chance(50)
	flag := pick(c.rng, []string{"inside", "open", "quoted", "active"})
	cond := flag + " && " + operand(put(p.code, "c"), true)
	if outside {
		cond = "!" + cond
	}
	l := newLines().add([...]string{"let mut count = 0;", "let mut result = String::new();", "let mut longest = 0;"}[kind])
	if kind == 2 {
		l.add("let mut run = 0;")
	}
	l.add("let mut ", flag, " = false;").open("for c in ", s, ".chars()")
	if ends[0] == ends[1] {
		l.open("if c == '", ends[0], "'").add(flag, " = !", flag, ";").depth--
	} else {
		l.open("if c == '", ends[0], "'").add(flag, " = true;").depth--
		l.open("} else if c == '", ends[1], "'").add(flag, " = false;").depth--
	}
	l.open("} else if ", cond)
	switch kind {
	case 0:
		l.add("count += 1;").close()
	case 1:
		l.add("result.push(c);").close()
	default:
		l.add("run += 1;").add("longest = longest.max(run);").orElse().add("run = 0;").close()
	}
	l.close().add([...]string{"count", "result", "longest"}[kind])
	side := "inside of"
	if outside {
		side = "outside of"
	}
	where := " " + side + " '" + ends[0] + "' and '" + ends[1] + "'"
	doc := [...]string{"Counts the ", "Returns the ", "Returns the length of the longest run of "}[kind] + p.plural("characters") + " of `" + s + "`" + where
	if kind == 2 {
		doc += ", which delimiters do not interrupt"
	}
	return single(&Task{
		Idiom: "loop", Name: [...]string{"count_", "text_of_", "longest_"}[kind] + p.frag + "_" + strings.Fields(side)[0] + "_" + flag, Params: []Param{{s, scalar(Str)}},
		Result: [...]Type{scalar(Usize), scalar(String), scalar(U32)}[kind], Body: l.String(), doc: doc + ".",
		inputs: func(g *rng) []Value {
			text := pick(g, sampleWords)
			for range g.below(3) {
				text += pick(g, ends[:]) + pick(g, sampleWords)
			}
			return []Value{Text(text)}
		},
		eval: func(args []Value) (Value, error) {
			text, longest := scanned(args[0].S, ends, outside, p)
			return [...]Value{Int(int64(len([]rune(text)))), Text(text), Int(longest)}[kind], nil
		},
	})
}

// scanned is the characters between delimiters, or outside of them, that a predicate holds for, and their longest run.
func scanned(s string, ends [2]string, outside bool, p *stage) (text string, longest int64) {
	on, run := false, int64(0)
	for _, r := range s {
		switch ch := string(r); {
		case ch == ends[0] && ch == ends[1]:
			on = !on
		case ch == ends[0]:
			on = true
		case ch == ends[1]:
			on = false
		case on != outside && p.holds(Int(int64(r)), nil):
			text, run = text+ch, run+1
			longest = max(longest, run)
		default:
			run = 0
		}
	}
	return text, longest
}

// machineRobot follows letters on a grid.
func machineRobot(c *ctx) *group {
	s := pick(c.rng, []string{"moves", "path", "commands", "route", "program"})
	letters := pick(c.rng, []string{"nswe", "udlr", "wsad", "kjhl", "^v<>"})
	a, b, k := c.between(1, 9), c.between(1, 9), c.between(5, 40)
	t := scalar(pick(c.rng, []Kind{I32, I64}))
	m, kind := c.drawStage(numMaps, t, false), c.below(3)
	l := newLines().add("let mut x: ", t.text, " = 0;").add("let mut y: ", t.text, " = 0;").open("for c in ", s, ".chars()").open("match c")
	steps := []string{"y += " + itoa(a), "y -= " + itoa(a), "x -= " + itoa(b), "x += " + itoa(b)}
	for i, r := range letters {
		l.add("'", string(r), "' => ", steps[i], ",")
	}
	l.add("_ => {}").close()
	if kind == 1 {
		l.open("if x.abs() + y.abs() > ", itoa(k)).add("break;").close()
	}
	l.close()
	result, name := tuple(t, t), "end_of_"+s
	says := "'" + letters[:1] + "' up by " + itoa(a) + ", '" + letters[1:2] + "' down by " + itoa(a) + ", '" + letters[2:3] + "' left and '" + letters[3:] + "' right by " + itoa(b)
	doc := "Follows `" + s + "` from (0, 0), " + says
	switch kind {
	case 0:
		l.add("(x, y)")
		doc += ", and returns the place."
	case 1:
		l.add("(x, y)")
		name, doc = "end_of_"+s+"_within_"+itoa(k), doc+", until it is farther than "+itoa(k)+" steps away, and returns the place."
	default:
		l.add("let distance = x.abs() + y.abs();").add(m.expr("distance", precBit))
		result, name, doc = t, "distance_of_"+s+"_"+m.frag, doc+", and returns the steps back, "+m.text+"."
	}
	return single(&Task{
		Idiom: "match", Name: name, Params: []Param{{s, scalar(Str)}}, Result: result, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value {
			var text strings.Builder
			for range g.below(8) {
				text.WriteByte(pick(g, []byte(letters)))
			}
			if g.chance(20) {
				text.WriteByte('?')
			}
			return []Value{Text(text.String())}
		},
		eval: func(args []Value) (Value, error) {
			far := int64(saturated)
			if kind == 1 {
				far = k
			}
			x, y := walk(args[0].S, letters, a, b, far)
			if kind == 2 {
				return m.on(Int(abs(x) + abs(y)))
			}
			return List(Int(x), Int(y)), nil
		},
	})
}

// walk follows moves until it is farther away than far: the letters stand for up and down by a, left and right by b.
func walk(moves, letters string, a, b, far int64) (x, y int64) {
	for _, r := range moves {
		switch strings.IndexRune(letters, r) {
		case 0:
			y += a
		case 1:
			y -= a
		case 2:
			x -= b
		case 3:
			x += b
		}
		if abs(x)+abs(y) > far {
			return x, y
		}
	}
	return x, y
}

// machinePhases tells which state a cycle of durations is in.
func machinePhases(c *ctx) *group {
	e := c.unitEnum()
	n := len(e.def.Variants)
	durations := make([]int64, n)
	total := int64(0)
	for i := range durations {
		durations[i] = c.between(2, 40)
		total += durations[i]
	}
	t, x := scalar(pick(c.rng, []Kind{U32, U64})), pick(c.rng, []string{"time", "second", "tick", "minute", "step"})
	m := c.drawStage(numMaps, t, false)
	l := newLines().add("let offset = ", m.expr(x, precMul), " % ", itoa(total), ";")
	says, end, idiom := make([]string, n), int64(0), "match"
	branches := c.chance(50)
	if !branches {
		l.open("match offset")
	}
	for i, d := range durations {
		says[i] = itoa(d) + " of " + strings.ToLower(e.def.Variants[i].Name)
		from := end
		end += d
		switch {
		case branches && i == 0:
			l.open("if offset < ", itoa(end)).add(e.path(i)).depth--
		case branches && i < n-1:
			l.open("} else if offset < ", itoa(end)).add(e.path(i)).depth--
		case branches:
			l.open("} else").add(e.path(i)).close()
		case i == 0:
			l.add("0..", itoa(end), " => ", e.path(i), ",")
		case i < n-1:
			l.add(itoa(from), "..", itoa(end), " => ", e.path(i), ",")
		default:
			l.add("_ => ", e.path(i), ",").close()
		}
	}
	if branches {
		idiom = "branch"
	}
	g := &group{}
	e.declare(g)
	g.impl("impl "+e.def.Name, &Task{
		Idiom: idiom, Name: "at_" + x, Self: e.def, Params: []Param{{x, t}}, Result: e.typ.as("Self"), Body: l.String(),
		doc:    "Returns the " + e.one + " at `" + x + "`, " + m.text + ", in a cycle of " + listed(says) + ".",
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 3*total))} },
		eval: func(args []Value) (Value, error) {
			y, err := m.on(args[0])
			rest := y.I % total
			for i, d := range durations {
				if rest < d {
					return Int(int64(i)), err
				}
				rest -= d
			}
			return Value{}, ErrUndefined
		},
	})
	return g
}
