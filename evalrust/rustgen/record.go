package rustgen

import "strings"

// theme is a kind of thing that a struct describes.
type theme struct {
	one, many string // variables; the type's name is made of one
	label     string // the field that holds a name
	fields    string // numeric fields, separated by spaces
}

var themes = []theme{
	{"order", "orders", "customer", "id quantity price discount weight"},
	{"account", "accounts", "owner", "balance limit fee interest number"},
	{"player", "players", "name", "score level health coins lives"},
	{"book", "books", "title", "pages year copies price rating"},
	{"employee", "employees", "name", "salary age bonus hours years"},
	{"car", "cars", "model", "speed fuel distance doors price"},
	{"product", "products", "name", "price stock weight rating margin"},
	{"ticket", "tickets", "event", "row seat price priority"},
	{"room", "rooms", "name", "width height depth beds floor"},
	{"planet", "planets", "name", "mass radius moons distance"},
	{"invoice", "invoices", "client", "amount tax paid days"},
	{"city", "cities", "name", "population area altitude schools"},
	{"student", "students", "name", "age grade credits absences"},
	{"sensor", "sensors", "id", "reading low high offset"},
	{"song", "songs", "title", "length plays year likes"},
	{"task", "tasks", "name", "priority effort done estimate"},
	{"box_size", "boxes", "tag", "width height depth weight"},
	{"segment", "segments", "tag", "start end length weight"},
	{"team", "teams", "name", "wins losses draws points"},
	{"flight", "flights", "code", "seats booked delay distance"},
	{"recipe", "recipes", "name", "servings minutes calories steps"},
	{"ship", "ships", "name", "cargo crew speed fuel"},
	{"plant", "plants", "name", "height age leaves water"},
	{"server", "servers", "host", "load memory requests errors"},
	{"packet", "packets", "source", "size hops delay checksum"},
	{"battery", "batteries", "label", "charge capacity cycles voltage"},
	{"house", "houses", "street", "rooms area price age"},
	{"animal", "animals", "species", "legs weight age speed"},
	{"loan", "loans", "borrower", "amount rate months paid"},
	{"parcel", "parcels", "receiver", "weight length width postage"},
	{"shift", "shifts", "worker", "start hours pay breaks"},
	{"match_result", "results", "venue", "home away minutes cards"},
	{"movie", "movies", "title", "minutes year rating budget"},
	{"device", "devices", "name", "power volts port age"},
	{"point", "points", "label", "x y z weight"},
	{"rectangle", "rectangles", "label", "width height left top"},
	{"photo", "photos", "title", "width height size likes"},
	{"farm", "farms", "owner", "cows sheep hens acres"},
	{"job", "jobs", "name", "cost retries timeout priority"},
	{"meeting", "meetings", "topic", "start minutes guests room"},
	{"vote", "votes", "choice", "count weight round share"},
	{"train", "trains", "line", "cars speed delay stops"},
	{"cell", "cells", "tag", "row column value cost"},
	{"candle", "candles", "color", "height width hours price"},
}

// record is a struct with a text field, or none, and numbers that are all of one type.
type record struct {
	theme
	def   *TypeDef
	num   Type
	label int   // index of the text field, or -1
	nums  []int // indices of the others
}

// record draws a struct with least to most numbers; labelled says how often, in percent, it has a name.
func (c *ctx) record(least, most, labelled int) *record {
	r := &record{theme: pick(c.rng, themes), num: c.intType(), label: -1}
	r.def = &TypeDef{Name: camel(r.one), New: "new"}
	if c.chance(labelled) {
		r.label = 0
		r.def.Fields = append(r.def.Fields, Param{r.theme.label, scalar(String)})
	}
	fields := strings.Fields(r.fields)
	want := min(least+c.below(most-least+1), len(fields))
	for i, f := range fields {
		if c.below(len(fields)-i) < want {
			want--
			r.nums = append(r.nums, len(r.def.Fields))
			r.def.Fields = append(r.def.Fields, Param{f, r.num})
		}
	}
	return r
}

// copies says whether the struct is Copy.
func (r *record) copies() bool { return r.label < 0 }

// prose is the struct's noun.
func (r *record) prose() string { return strings.ReplaceAll(r.one, "_", " ") }

// declare adds the struct to a group.
func (r *record) declare(g *group) {
	derive := "Debug, Clone, PartialEq, Eq"
	if r.copies() {
		derive = "Debug, Clone, Copy, PartialEq, Eq"
	}
	names := make([]string, len(r.def.Fields))
	l := &lines{}
	for i, f := range r.def.Fields {
		names[i] = f.Name
	}
	l.add("/// ", upperFirst(article(r.prose())), " with ", listed(names), ".").add("#[derive(", derive, ")]").open("pub struct ", r.def.Name)
	for _, f := range r.def.Fields {
		l.add("pub ", f.Name, ": ", f.Type.text, ",")
	}
	g.text(l.close().String())
	g.names = append(g.names, r.def.Name)
}

// constructor is the text of new.
func (r *record) constructor() string {
	l := newLines()
	l.add("/// Creates ", article(r.prose()), ".")
	params, inits := make([]string, len(r.def.Fields)), make([]string, len(r.def.Fields))
	for i, f := range r.def.Fields {
		params[i], inits[i] = f.Name+": "+f.Type.text, f.Name
		if f.Type.Kind == String {
			params[i], inits[i] = f.Name+": &str", f.Name+": "+f.Name+".to_string()"
		}
	}
	l.fnHead("pub fn new", params, " -> Self").structLit("", "Self", inits, "")
	return l.close().String()
}

// field is the name of a drawn number, and its index.
func (c *ctx) field(r *record) (string, int) {
	i := pick(c.rng, r.nums)
	return r.def.Fields[i].Name, i
}

// twoFields draws two different numbers.
func (c *ctx) twoFields(r *record) (a string, i int, b string, j int) {
	a, i = c.field(r)
	for j = i; j == i; {
		b, j = c.field(r)
	}
	return a, i, b, j
}

// value draws a struct near the constants of the stages.
func (r *record) value(g *rng, hints []int64) Value {
	v := Value{L: make([]Value, len(r.def.Fields))}
	for i, f := range r.def.Fields {
		if f.Type.Kind == String {
			v.L[i] = Text(pick(g, sampleWords[:16]))
		} else {
			v.L[i] = someNumber(g, r.num.Kind, hints)
		}
	}
	return v
}

// values draws up to n structs.
func (r *record) values(g *rng, n int, hints []int64) Value {
	var list Value
	for range g.below(n + 1) {
		list.L = append(list.L, r.value(g, hints))
	}
	return list
}

// hintsOf are the constants near which the stages' answers change.
func hintsOf(stages ...*stage) []int64 {
	var hints []int64
	for _, s := range stages {
		if s == nil || s.consts == noConst {
			continue
		}
		hints = append(hints, s.k.I)
		if s.consts == interval {
			hints = append(hints, s.j.I)
		}
	}
	return hints
}

// recordGroup is a struct with its constructor and one or two tasks of a family: methods go into its impl, functions behind it.
func recordGroup(least, most, labelled int, mk func(c *ctx, r *record) *Task) func(c *ctx) *group {
	return func(c *ctx) *group {
		r, g := c.record(least, most, labelled), &group{}
		r.declare(g)
		tasks := []*Task{mk(c, r)}
		if t := mk(c, r); c.chance(40) && t.Name != tasks[0].Name {
			tasks = append(tasks, t)
		}
		items := []any{r.constructor()}
		for _, t := range tasks {
			if t.Self != nil {
				items = append(items, t)
			}
		}
		g.impl("impl "+r.def.Name, items...)
		for _, t := range tasks {
			if t.Self == nil {
				g.free(t)
			}
		}
		return g
	}
}
