package rustgen

import (
	"slices"
	"strings"
)

// pipeline is source → predicate → map → reduction, the heart of the grammar.
type pipeline struct {
	*source
	red     *reduction
	pred    *stage
	mp      *stage
	leading bool     // the predicate ends the pipeline where it first fails
	adapt   *adaptor // nil, or which elements are looked at
	adaptN  int64
	params  []Param
	result  Type
	name    string
	sep     string
	a, f, m int64 // constants of a hash
}

// adaptor restricts or reorders a source.
type adaptor struct {
	call, frag, say string
	apply           func(xs []Value, n int) []Value
}

var adaptors = []adaptor{
	{".take(#)", "first_#", " among the first #", func(xs []Value, n int) []Value { return xs[:min(n, len(xs))] }},
	{".skip(#)", "after_first_#", " after the first #", func(xs []Value, n int) []Value { return xs[min(n, len(xs)):] }},
	{".rev()", "from_back", " from back to front", func(xs []Value, _ int) []Value {
		ys := slices.Clone(xs)
		slices.Reverse(ys)
		return ys
	}},
	{".step_by(#)", "every_#", " at every step of #", func(xs []Value, n int) []Value {
		var ys []Value
		for i := 0; i < len(xs); i += n {
			ys = append(ys, xs[i])
		}
		return ys
	}},
}

func (p *pipeline) overflows(x int64) bool {
	k := p.outKind()
	return k.integer() && !k.fits(x)
}

func (p *pipeline) outKind() Kind { return p.outType().Kind }

func (p *pipeline) outType() Type {
	if p.mp != nil {
		return p.mp.outType
	}
	return p.elem
}

// pipelineSources are the sources and what they are drawn with.
var pipelineSources = []struct {
	name   string
	draw   func(c *ctx) *source
	preds  []op
	maps   []op
	level  int
	weight int // of the source at levels 2 and above
}{
	{"int_slice", (*ctx).intSlice, numPreds, numMaps, 1, 40},
	{"float_slice", (*ctx).floatSlice, numPreds, numMaps, 2, 14},
	{"range", (*ctx).intRange, numPreds, numMaps, 2, 12},
	{"chars", (*ctx).chars, charPreds, charMaps, 2, 12},
	{"words", (*ctx).splitWords, wordPreds, wordMaps, 2, 8},
	{"str_slice", (*ctx).strSlice, wordPreds, wordMaps, 2, 10},
	{"zip", (*ctx).zipped, numPreds, numMaps, 3, 12},
	{"windows", (*ctx).neighbours, numPreds, numMaps, 3, 12},
	{"pairs", (*ctx).pairs, numPreds, numMaps, 3, 12},
	{"rows", (*ctx).rows, numPreds, numMaps, 3, 10},
	{"options", (*ctx).present, numPreds, numMaps, 3, 10},
	{"map_values", (*ctx).mapValues, numPreds, numMaps, 4, 16},
	{"parsed", (*ctx).parsedNumbers, numPreds, numMaps, 4, 16},
}

// pipelineFamilies are one family for each source and reduction that go together.
func pipelineFamilies() []family {
	var fs []family
	for i := range pipelineSources {
		s := &pipelineSources[i]
		for j := range reductions {
			r := &reductions[j]
			if !compatible(s.name, s.maps, r) {
				continue
			}
			f := family{name: "pipeline/" + s.name + "/" + r.name}
			level := max(s.level, r.level)
			for l := level; l <= MaxLevel; l++ {
				f.weights[l] = max(1, s.weight*[...]int{0, 4, 10, 4, 2, 1}[l])
			}
			f.make = func(c *ctx) *group {
				var p *pipeline
				var t *Task
				for t == nil {
					p = c.newPipeline(s.draw(c), s.preds, s.maps, r)
					t = p.task(c)
				}
				return single(t, p.uses...)
			}
			fs = append(fs, f)
		}
	}
	return fs
}

// orderless are the reductions that do not depend on the order of elements.
var orderless = []string{"sum", "product", "count", "max", "min", "any", "all"}

// compatible says whether a source's elements, or what its maps make of them, suit a reduction.
func compatible(source string, maps []op, r *reduction) bool {
	var own domain
	switch source {
	case "float_slice":
		own = onFloat
	case "chars":
		own = onChar
	case "words", "str_slice":
		own = onWord
	default:
		own = onSigned
	}
	if source == "range" && (r.name == "any" || r.name == "all" || r.name == "find" || r.name == "position" || r.name == "min") {
		return false // the answer hardly depends on the bound
	}
	if source == "map_values" && !slices.Contains(orderless, r.name) {
		return false
	}
	if r.on&own != 0 {
		return true
	}
	if r.noMap {
		return false
	}
	for i := range maps {
		if o := maps[i].out; maps[i].on&own != 0 && o != Unit && domainOf(o)&r.on != 0 {
			return true
		}
	}
	return false
}

// newPipeline draws predicate, map and adaptor for a source and a reduction.
func (c *ctx) newPipeline(s *source, preds, maps []op, r *reduction) *pipeline {
	p := &pipeline{source: s, red: r, params: s.params, sep: pick(c.rng, []string{", ", "-", " ", "; ", "+", "/"})}
	p.a, p.f, p.m = c.between(0, 17), c.between(3, 31), c.between(97, 1009)
	simple := c.level == 1
	if r.pred || c.chance(70) {
		p.pred = c.drawStage(preds, s.elem, !simple)
		p.leading = r.iter != "" && r.fold != nil && r.name != "find" && c.chance(8) && !simple && s.name != "map_values"
	}
	needMap := r.on&domainOf(s.elem.Kind) == 0 || s.elem.Kind == Str && !r.noMap
	if needMap || !r.noMap && (p.pred == nil || c.chance(50)) && !(simple && p.pred != nil) {
		for p.mp = nil; p.mp == nil; {
			m := c.drawStage(maps, s.elem, !simple && (p.pred == nil || p.pred.param == nil))
			if domainOf(m.outType.Kind)&r.on != 0 {
				p.mp = m
			}
		}
	}
	if !simple && s.name != "map_values" && c.chance(8) {
		p.adapt, p.adaptN = &adaptors[c.below(len(adaptors))], c.between(2, 6)
	}
	for _, st := range []*stage{p.pred, p.mp} {
		if st != nil && st.param != nil {
			st.kArg = len(p.params)
			p.params = append(slices.Clip(p.params), *st.param)
		}
	}
	p.result = r.result(p.outType())
	p.name = p.functionName(c)
	return p
}

func (p *pipeline) functionName(c *ctx) string {
	parts := []string{p.red.frag}
	if p.leading {
		parts = append(parts, "leading")
	}
	if p.pred != nil {
		parts = append(parts, p.pred.frag)
	}
	if p.red.name == "collect" && p.pred == nil {
		parts = []string{"each"}
	}
	if c.chance(30) || len(parts) == 1 && p.mp == nil {
		parts = append(parts, p.params[0].Name)
	}
	if p.mp != nil {
		parts = append(parts, p.mp.frag)
	}
	if p.adapt != nil {
		parts = append(parts, fill(p.adapt.frag, itoa(p.adaptN), ""))
	}
	return strings.Join(parts, "_")
}

func (p *pipeline) doc() string {
	where := p.where
	if p.adapt != nil {
		where = fill(p.adapt.say, itoa(p.adaptN), "") + p.where
	}
	n := p.pred.plural(p.noun)
	if p.leading {
		n = "leading " + n
	}
	n += where
	if p.mp != nil {
		n += ", each " + p.mp.text
	}
	say := strings.NewReplacer("None", "None", "N", n, `"s"`, "`\""+p.sep+"\"`", "modulo m", "modulo "+itoa(p.m),
		"factor f", "factor "+itoa(p.f))
	return say.Replace(p.red.say)
}

// eval computes the pipeline's answer.
func (p *pipeline) eval(args []Value) (Value, error) {
	xs, err := p.elems(args)
	if err != nil {
		return Value{}, err
	}
	if p.adapt != nil {
		xs = p.adapt.apply(xs, int(p.adaptN))
	}
	switch p.red.name {
	case "any":
		return Truth(slices.ContainsFunc(xs, func(x Value) bool { return p.pred.holds(x, args) })), nil
	case "all":
		return Truth(!slices.ContainsFunc(xs, func(x Value) bool { return !p.pred.holds(x, args) })), nil
	case "position":
		if i := slices.IndexFunc(xs, func(x Value) bool { return p.pred.holds(x, args) }); i >= 0 {
			return Some(Int(int64(i))), nil
		}
		return None(), nil
	}
	kept := make([]Value, 0, len(xs))
	for _, x := range xs {
		if !p.pred.holds(x, args) {
			if p.leading {
				break
			}
			continue
		}
		y, err := p.mp.value(x, args)
		if err != nil {
			return Value{}, err
		}
		kept = append(kept, y)
	}
	return p.red.fold(kept, p)
}

// inputsFor draws arguments near the constants of the stages.
func (p *pipeline) inputsFor(r *rng) []Value {
	var hints []int64
	for _, st := range []*stage{p.pred, p.mp} {
		if st == nil || st.consts == noConst {
			continue
		}
		switch {
		case st.in == F64:
			hints = append(hints, int64(st.k.F), int64(st.j.F))
		case st.k.S == "":
			hints = append(hints, st.k.I)
			if st.consts == interval || st.consts == letters {
				hints = append(hints, st.j.I)
			}
		}
	}
	args := []Value{p.source.inputs(r, hints)}
	for i := 1; i < len(p.source.params); i++ {
		args = append(args, p.source.inputs(r, hints))
	}
	for _, st := range []*stage{p.pred, p.mp} {
		if st != nil && st.param != nil {
			args = append(args, st.argument(r))
		}
	}
	return args
}

// argument draws a value for the parameter that stands for k.
func (s *stage) argument(r *rng) Value {
	c := ctx{rng: r}
	switch s.consts {
	case bound:
		if s.param.Type.Kind == F64 {
			return Float(float64(r.between(-4, 30)) / 2)
		}
		return Int(r.between(0, 15))
	default:
		k, _ := c.drawConstants(s.consts, s.param.Type.Kind)
		return k
	}
}
