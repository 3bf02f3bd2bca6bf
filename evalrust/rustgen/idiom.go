package rustgen

import "strings"

// idiomTries bounds the draws of an idiom; a pipeline that no idiom suits, such as a wide one, is drawn anew.
const idiomTries = 64

// task writes the pipeline in one of the idioms that suit it, or is nil.
func (p *pipeline) task(c *ctx) *Task {
	t := &Task{Name: p.name, Params: p.params, Result: p.result, doc: p.doc(), eval: p.eval, inputs: p.inputsFor}
	for range idiomTries {
		t.Idiom = pick(c.rng, idioms)
		switch t.Idiom {
		case "loop":
			t.Body = p.loop(c)
		case "iterator":
			t.Body = p.iterator(c)
		case "recursion":
			t.Body = p.recursion()
		case "while":
			t.Body = p.while()
		case "early return":
			t.Body = p.guarded()
		}
		if t.Body != "" && !tooWide(t.Body) {
			return t
		}
	}
	return nil
}

var idioms = []string{"loop", "loop", "iterator", "iterator", "iterator", "recursion", "recursion", "while", "early return"}

// fillRed completes a template of the reduction for a mapped element.
func (p *pipeline) fillRed(tmpl, m string) string {
	tmpl = strings.Replace(tmpl, `"s"`, `"`+p.sep+`"`, 1)
	if p.red.name == "hash" {
		tmpl = expandHash(tmpl, p)
	}
	if strings.Contains(tmpl, "R = None") {
		tmpl = strings.Replace(tmpl, "R", p.result.text, 1)
	}
	if strings.HasSuffix(tmpl, "= z;") {
		tmpl = strings.TrimSuffix(tmpl, "z;") + p.zero() + ";"
	}
	return put(tmpl, m)
}

// expandHash fills in the constants of a hash: its start a, its factor f and its modulus m.
func expandHash(tmpl string, p *pipeline) string {
	tmpl = strings.Replace(tmpl, "= a;", "= "+itoa(p.a)+";", 1)
	tmpl = strings.Replace(tmpl, "fold(a,", "fold("+itoa(p.a)+",", 1)
	return strings.Replace(tmpl, "* f + $) % m", "* "+itoa(p.f)+" + $) % "+itoa(p.m), 1)
}

func (p *pipeline) zero() string {
	if p.outKind() == F64 {
		return "0.0"
	}
	return "0"
}

func (p *pipeline) overAdapted() string {
	if p.adapt == nil {
		return p.over
	}
	over := p.over
	switch {
	case p.slice, p.byRef && !strings.Contains(over, "("):
		over += ".iter()"
	case strings.Contains(over, ".."):
		over = "(" + over + ")"
	}
	return over + fill(p.adapt.call, itoa(p.adaptN), "")
}

// mapped is the code of the mapped element, with parentheses if the reduction needs an operand.
func (p *pipeline) mapped(v string) string {
	lowest := precBit
	switch {
	case p.red.atom:
		lowest = precAtom
	case p.red.name == "hash":
		lowest = precAdd
	}
	if p.mp == nil && p.elem.Kind == Str && p.red.result(p.elem).Kind == Vec {
		return v + ".to_string()"
	}
	return p.mp.expr(v, lowest)
}

// step writes what the loop does with a kept element. A mapped element that is needed twice gets a variable.
func (p *pipeline) step(l *lines, v string) {
	m := p.mapped(v)
	uses := 0
	for _, u := range p.red.update {
		uses += strings.Count(u, "$")
	}
	if uses > 1 && p.mp != nil {
		l.add("let y = ", m, ";")
		m = "y"
	}
	for _, u := range p.red.update {
		l.add(p.fillRed(u, m))
	}
}

// guardedStep writes the step under the predicate, as an if block or behind a continue.
func (p *pipeline) guardedStep(l *lines, c *ctx) {
	if p.pred == nil {
		p.step(l, p.v)
		return
	}
	code, neg := put(p.pred.code, p.v), put(p.pred.neg, p.v)
	if p.red.neg {
		code, neg = neg, code
	}
	switch {
	case p.leading:
		l.open("if ", neg).add("break;").close()
		p.step(l, p.v)
	case c != nil && c.chance(20):
		l.open("if ", neg).add("continue;").close()
		p.step(l, p.v)
	default:
		l.open("if ", code)
		p.step(l, p.v)
		l.close()
	}
}

func (p *pipeline) loop(c *ctx) string {
	if len(p.overAdapted())+len(".enumerate()") > chainWidth {
		return "" // the head of the loop would be broken over lines
	}
	if p.skips && (p.adapt != nil || p.red.name == "position") {
		return ""
	}
	l := newLines()
	for _, s := range p.red.init {
		l.add(p.fillRed(s, ""))
	}
	p.forHead(l)
	p.guardedStep(l, c)
	return l.close().add(p.red.final).String()
}

func (p *pipeline) forHead(l *lines) {
	if p.red.name == "position" {
		over := p.overAdapted()
		if (p.slice || p.byRef) && p.adapt == nil && !strings.Contains(over, "(") {
			over += ".iter()"
		} else if !strings.HasSuffix(over, ")") {
			over = "(" + over + ")"
		}
		l.open("for (i, ", p.pat, ") in ", over, ".enumerate()")
	} else {
		l.open("for ", p.pat, " in ", p.overAdapted())
	}
	if p.let != "" {
		for line := range strings.SplitSeq(p.let, "\n") {
			l.add(line)
		}
	}
}

// guarded answers the empty case before the loop.
func (p *pipeline) guarded() string {
	if !p.slice || p.red.recBase == "" || p.adapt != nil || len(p.red.init) == 0 {
		return ""
	}
	base := p.red.recBase
	if base == "z" {
		base = p.zero()
	}
	l := newLines()
	l.open("if ", p.source.params[0].Name, ".is_empty()").add("return ", base, ";").close()
	for _, s := range p.red.init {
		l.add(p.fillRed(s, ""))
	}
	p.forHead(l)
	p.guardedStep(l, nil)
	return l.close().add(p.red.final).String()
}

// while indexes a slice.
func (p *pipeline) while() string {
	if !p.slice || p.adapt != nil {
		return ""
	}
	l := newLines()
	for _, s := range p.red.init {
		l.add(p.fillRed(s, ""))
	}
	many := p.source.params[0].Name
	l.add("let mut i = 0;").open("while i < ", many, ".len()").add("let ", p.v, " = ", many, "[i];")
	p.guardedStep(l, nil)
	return l.add("i += 1;").close().add(p.red.final).String()
}

func (p *pipeline) iterator(c *ctx) string {
	if p.red.iter == "" {
		return ""
	}
	if p.red.name == "hash" && len(p.mapped(p.v)) > 16 {
		return "" // a wide closure at the end of a chain would get a block of its own
	}
	if p.red.name == "join" && len(p.mapped(p.v)) > 40 {
		return "" // as would this one
	}
	v, expr := p.v, p.iter
	if p.adapt != nil {
		expr += fill(p.adapt.call, itoa(p.adaptN), "")
	}
	pv := "|&" + v + "| "
	if p.elem.Kind == Str && p.pred != nil && !strings.HasPrefix(p.pred.code, "$ ") {
		pv = "|" + v + "| "
	}
	if c.chance(30) && p.slice && p.adapt == nil && p.elem.Kind != Str && p.mp != nil && p.pred != nil && p.red.fold != nil {
		// Without copied, closures take references apart.
		return newLines().chain("", p.chainEnd(strings.TrimSuffix(expr, ".copied()"), "|&&"+v+"| ", "|&"+v+"| "), "").String()
	}
	return newLines().chain("", p.chainEnd(expr, pv, "|"+v+"| "), "").String()
}

// chainEnd adds predicate, map and reduction to a chain; pv and pm are the parameters of their closures.
func (p *pipeline) chainEnd(expr, pv, pm string) string {
	switch p.red.name {
	case "any", "all", "position":
		return expr + p.red.iter + "(" + pm + put(p.pred.code, p.v) + ")"
	case "find":
		if p.mp == nil {
			return expr + ".find(" + pv + put(p.pred.code, p.v) + ")"
		}
	}
	if p.pred != nil {
		filter := ".filter("
		if p.leading {
			filter = ".take_while("
		}
		expr += filter + pv + put(p.pred.code, p.v) + ")"
	}
	if p.red.name == "count" {
		return expr + p.red.iter
	}
	if p.red.name == "join" || p.red.name == "hash" {
		end := strings.Replace(p.fillRed(p.red.iter, p.mapped(p.v)), "|V|", pm[:len(pm)-1], 1)
		return expr + strings.Replace(end, ", V|", ", "+pm[1:len(pm)-2]+"|", 1)
	}
	if m := p.mapped(p.v); m != p.v {
		expr += ".map(" + pm + m + ")"
	}
	return expr + p.red.iter
}

// recursion splits a slice into its first element and the rest.
func (p *pipeline) recursion() string {
	r := p.red
	if !p.slice || r.rec == "" || p.adapt != nil || p.leading {
		return ""
	}
	base := r.recBase
	if base == "z" {
		base = p.zero()
	}
	args := "rest"
	for _, q := range p.params[1:] {
		args += ", " + q.Name
	}
	call := p.name + "(" + args + ")"
	l := newLines().open("match ", p.source.params[0].Name, ".split_first()").add("None => ", base, ",")
	switch {
	case r.name == "any" || r.name == "all":
		code := put(p.pred.code, p.v)
		if r.name == "all" && strings.Contains(code, "||") {
			code = "(" + code + ")"
		}
		l.add("Some((&", p.v, ", rest)) => ", code, r.rec[1:len(r.rec)-1], call, ",")
	case p.pred == nil:
		l.add("Some((&", p.v, ", rest)) => ", p.recStep(call), ",")
	default:
		rest := "rest"
		if r.name == "find" {
			rest = "_"
		}
		l.add("Some((&", p.v, ", ", rest, ")) if ", put(p.pred.code, p.v), " => ", p.recStep(call), ",")
		l.add("Some((_, rest)) => ", call, ",")
	}
	return l.close().String()
}

// recStep combines the element with the result for the rest.
func (p *pipeline) recStep(call string) string {
	lowest := precBit
	switch p.red.name {
	case "sum":
		lowest = precAdd
	case "product":
		lowest = precMul
	}
	step := p.red.rec
	if strings.HasPrefix(step, "r.") {
		step = call + step[1:]
	} else if strings.HasSuffix(step, " r") {
		step = step[:len(step)-1] + call
	}
	return put(step, p.mp.expr(p.v, lowest))
}
