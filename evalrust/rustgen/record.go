package rustgen

import "strings"

// theme is a kind of thing that a struct describes.
type theme struct {
	one, many string // variables; the type's name is made of one
	label     string // the field that holds a name
	fields    string // numeric fields, separated by spaces
}

var themes = []theme{
	{"order", "orders", "customer", "id quantity price discount weight boxes rebate freight"},
	{"account", "accounts", "owner", "balance limit fee interest number deposits overdraft"},
	{"player", "players", "name", "score level health coins lives armor mana wins"},
	{"book", "books", "title", "pages year copies price rating chapters shelf"},
	{"employee", "employees", "name", "salary age bonus hours years leave grade"},
	{"car", "cars", "model", "speed fuel distance doors price mileage gears"},
	{"product", "products", "name", "price stock weight rating margin shelf returns"},
	{"ticket", "tickets", "event", "row seat price priority gate block"},
	{"room", "rooms", "name", "width height depth beds floor windows chairs"},
	{"planet", "planets", "name", "mass radius moons distance rings period"},
	{"invoice", "invoices", "client", "amount tax paid days items rebate"},
	{"city", "cities", "name", "population area altitude schools parks bridges"},
	{"student", "students", "name", "age grade credits absences points rank"},
	{"sensor", "sensors", "id", "reading low high offset gain errors delay"},
	{"song", "songs", "title", "length plays year likes tempo verses"},
	{"task", "tasks", "name", "priority effort done estimate cost retries"},
	{"box_size", "boxes", "tag", "width height depth weight count layers"},
	{"segment", "segments", "tag", "start end length weight gap slope"},
	{"team", "teams", "name", "wins losses draws points goals fouls"},
	{"flight", "flights", "code", "seats booked delay distance gate fuel"},
	{"recipe", "recipes", "name", "servings minutes calories steps eggs sugar"},
	{"ship", "ships", "name", "cargo crew speed fuel decks length"},
	{"plant", "plants", "name", "height age leaves water buds depth"},
	{"server", "servers", "host", "load memory requests errors cores uptime"},
	{"packet", "packets", "source", "size hops delay checksum port retries"},
	{"battery", "batteries", "label", "charge capacity cycles voltage drain cells"},
	{"house", "houses", "street", "rooms area price age floors garages"},
	{"animal", "animals", "species", "legs weight age speed height teeth"},
	{"loan", "loans", "borrower", "amount rate months paid fee arrears"},
	{"parcel", "parcels", "receiver", "weight length width postage height stops"},
	{"shift", "shifts", "worker", "start hours pay breaks bonus late"},
	{"match_result", "results", "venue", "home away minutes cards goals visitors"},
	{"movie", "movies", "title", "minutes year rating budget votes sequels"},
	{"device", "devices", "name", "power volts port age current heat"},
	{"point", "points", "label", "x y z weight time depth"},
	{"rectangle", "rectangles", "label", "width height left top border angle"},
	{"photo", "photos", "title", "width height size likes views shares"},
	{"farm", "farms", "owner", "cows sheep hens acres goats tractors"},
	{"job", "jobs", "name", "cost retries timeout priority memory steps"},
	{"meeting", "meetings", "topic", "start minutes guests room seats breaks"},
	{"vote", "votes", "choice", "count weight round share turnout"},
	{"train", "trains", "line", "cars speed delay stops seats tons"},
	{"cell", "cells", "tag", "row column value cost depth energy"},
	{"candle", "candles", "color", "height width hours price wicks wax"},
	{"garden", "gardens", "owner", "width depth trees beds ponds paths"},
	{"course", "courses", "teacher", "hours credits students tests rooms fee"},
	{"hotel", "hotels", "name", "rooms guests stars price floors pools"},
	{"river", "rivers", "name", "length width depth bridges falls drop"},
	{"contract", "contracts", "client", "value months fee pages penalty options"},
	{"engine", "engines", "model", "power torque valves weight hours heat"},
	{"letter", "letters", "sender", "pages postage weight stamps days copies"},
	{"museum", "museums", "name", "rooms visitors price guides exhibits tours"},
	{"runner", "runners", "name", "laps pace rank distance age pulse"},
	{"bridge", "bridges", "name", "length height load lanes pillars toll"},
	{"shop", "shops", "owner", "sales rent staff shelves refunds visits"},
	{"lake", "lakes", "name", "area depth boats islands level fish"},
	{"camera", "cameras", "model", "pixels zoom weight price shots lenses"},
	{"printer", "printers", "model", "pages ink jams trays speed copies"},
	{"survey", "surveys", "topic", "answers questions days cost visits refusals"},
	{"bakery", "bakeries", "name", "loaves rolls ovens flour orders waste"},
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
	r.def = &TypeDef{Name: camel(r.one), New: pick(c.rng, constructors)}
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

// extras are fields of another type that a struct has besides its numbers; nothing is computed with them.
var extras = []Param{
	{"active", scalar(Bool)}, {"ready", scalar(Bool)}, {"open", scalar(Bool)}, {"checked", scalar(Bool)}, {"hidden", scalar(Bool)}, {"urgent", scalar(Bool)},
	{"mark", scalar(Char)}, {"class", scalar(Char)}, {"symbol", scalar(Char)}, {"zone", scalar(U8)}, {"version", scalar(U8)}, {"kind_id", scalar(U8)},
	{"slot", scalar(Usize)}, {"serial", scalar(Usize)}, {"batch", scalar(Usize)},
}

// withExtras adds up to two fields of another type.
func (c *ctx) withExtras(r *record) *record {
	for range c.below(3) {
		x := pick(c.rng, extras)
		if r.def.Fields[len(r.def.Fields)-1].Name != x.Name {
			r.def.Fields = append(r.def.Fields, x)
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

// constructor is the text of the function that creates the struct.
func (r *record) constructor() string {
	return r.def.constructor("Creates " + article(r.prose()) + ".")
}

// constructors are names for it; most are called new.
var constructors = []string{"new", "new", "new", "new", "with", "create", "from_parts", "of", "build", "starting_with", "make"}

// constructor is a function that takes the fields in order, and strings as borrowed ones.
func (d *TypeDef) constructor(doc string) string {
	l := newLines().add("/// ", doc)
	params, inits := make([]string, len(d.Fields)), make([]string, len(d.Fields))
	for i, f := range d.Fields {
		params[i], inits[i] = f.Name+": "+f.Type.text, f.Name
		if f.Type.Kind == String {
			params[i], inits[i] = f.Name+": &str", f.Name+": "+f.Name+".to_string()"
		}
	}
	return l.fnHead("pub fn "+d.New, params, " -> Self").structLit("", "Self", inits, "").close().String()
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
		switch f.Type.Kind {
		case String:
			v.L[i] = Text(pick(g, sampleWords[:16]))
		case Bool:
			v.L[i] = Int(g.between(0, 1))
		case Char:
			v.L[i] = Int(g.between('a', 'f'))
		case U8, Usize:
			v.L[i] = Int(g.between(0, 9))
		default:
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
	return func(c *ctx) *group { return c.recordTasks(c.withExtras(c.record(least, most, labelled)), mk) }
}

// plainRecordGroup has no fields of another type.
func plainRecordGroup(least, most, labelled int, mk func(c *ctx, r *record) *Task) func(c *ctx) *group {
	return func(c *ctx) *group { return c.recordTasks(c.record(least, most, labelled), mk) }
}

func (c *ctx) recordTasks(r *record, mk func(c *ctx, r *record) *Task) *group {
	g := &group{}
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
