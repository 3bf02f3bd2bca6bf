package rustgen

import (
	"cmp"
	"slices"
	"strings"
)

const (
	useHashMap = "std::collections::HashMap"
	useHashSet = "std::collections::HashSet"
)

// hashMapFamilies are functions that build or read hash maps and sets.
func hashMapFamilies() []family {
	at := func(name string, mk func(c *ctx) *group) family {
		return family{name: name, weights: from(4, 900), make: mk}
	}
	return []family{
		at("map/count", mapCount),
		at("map/group", mapGroup),
		at("map/total", mapTotal),
		at("map/lookup", mapLookup),
		at("map/sum_keys", mapSumKeys),
		at("map/best", mapBest),
		at("map/keys", mapKeys),
		at("map/merge", mapMerge),
		at("map/update", mapUpdate),
		at("map/pair", mapPair),
		at("map/memo", mapMemo),
		at("set/repeat", setRepeat),
		at("set/distinct", setDistinct),
	}
}

// entries builds a map's value: keys and values in the order of the keys.
type entries struct {
	keys, values []Value
	text         bool // keys are strings
}

// at finds the entry of a key, or makes one with a zero value.
func (e *entries) at(key Value) *Value {
	i, found := slices.BinarySearchFunc(e.keys, key, func(a, b Value) int {
		if e.text {
			return strings.Compare(a.S, b.S)
		}
		return cmp.Compare(a.I, b.I)
	})
	if !found {
		e.keys, e.values = slices.Insert(e.keys, i, key), slices.Insert(e.values, i, Value{})
	}
	return &e.values[i]
}

func (e *entries) value() Value {
	var v Value
	for i := range e.keys {
		v.L = append(v.L, e.keys[i], e.values[i])
	}
	return v
}

// entriesOf reads a map's value.
func entriesOf(v Value, text bool) *entries {
	e := &entries{text: text}
	for i := 0; i < len(v.L); i += 2 {
		*e.at(v.L[i]) = v.L[i+1]
	}
	return e
}

// keyed is a source of elements that get a key.
type keyed struct {
	params []Param
	over   string // what a loop runs over
	pat    string
	v      string
	noun   string // " of the words in `text`"
	key    string // code of the key
	says   string // "their lengths"
	frag   string
	keyT   Type
	p      *stage // on the element
	elems  func(args []Value) []Value
	keyOf  func(x Value) Value
	inputs func(g *rng) []Value
}

// drawKeyed draws words, characters or numbers with a key for each.
func (c *ctx) drawKeyed() *keyed {
	switch c.below(3) {
	case 0:
		return c.keyedWords()
	case 1:
		return c.keyedChars()
	default:
		return c.keyedNumbers()
	}
}

func (c *ctx) keyedWords() *keyed {
	s := c.textName()
	k := &keyed{
		params: []Param{{s, scalar(Str)}}, over: s + ".split_whitespace()", pat: "word", v: "word", noun: "words", p: c.drawStage(wordPreds, scalar(Str), false),
		elems:  func(args []Value) []Value { return fields(args[0].S) },
		inputs: func(g *rng) []Value { return []Value{Text(someText(g, nil))} },
	}
	switch c.below(4) {
	case 0:
		k.key, k.says, k.frag, k.keyT, k.keyOf = "word", "the word", "words", scalar(Str), func(x Value) Value { return x }
	case 1:
		k.key, k.says, k.frag, k.keyT, k.keyOf = "word.len()", "the length", "lengths", scalar(Usize), func(x Value) Value { return Int(int64(len(x.S))) }
	case 2:
		m := c.between(2, 9)
		k.key, k.says, k.frag = "word.len() % "+itoa(m), "the length modulo "+itoa(m), "lengths_modulo_"+itoa(m)
		k.keyT, k.keyOf = scalar(Usize), func(x Value) Value { return Int(int64(len(x.S)) % m) }
	default:
		k.key, k.says, k.frag, k.keyT, k.keyOf = "word.to_lowercase()", "the word in lowercase", "lowercase_words", scalar(String), func(x Value) Value {
			return Text(strings.ToLower(x.S))
		}
	}
	return k
}

func (c *ctx) keyedChars() *keyed {
	s, p := c.textName(), c.drawStage(charPreds, scalar(Char), false)
	k := &keyed{
		params: []Param{{s, scalar(Str)}}, over: s + ".chars()", pat: "c", v: "c", noun: "characters", p: p, keyT: scalar(Char), key: "c", says: "the character",
		frag: "chars", keyOf: func(x Value) Value { return x },
		elems: func(args []Value) []Value {
			var xs []Value
			for _, r := range args[0].S {
				xs = append(xs, Int(int64(r)))
			}
			return xs
		},
		inputs: func(g *rng) []Value {
			return []Value{Text(pick(g, sampleWords) + pick(g, []string{"", " ", "a"}) + pick(g, sampleWords))}
		},
	}
	if c.chance(40) {
		k.key, k.says, k.frag, k.keyOf = "c.to_ascii_uppercase()", "the character in uppercase", "upper_chars", func(x Value) Value { return Int(upperRune(x.I)) }
	}
	return k
}

func (c *ctx) keyedNumbers() *keyed {
	t, n := c.intType(), pick(c.rng, numNouns)
	m := c.drawStage(numMaps, t, false)
	p := c.drawStage(numPreds, t, false)
	return &keyed{
		params: []Param{{n.many, slice(t)}}, over: n.many, pat: "&" + n.one, v: n.one, noun: n.plural(), p: p, key: m.expr(n.one, precBit), says: "the number " + m.text,
		frag: m.frag, keyT: t,
		elems: func(args []Value) []Value { return args[0].L },
		keyOf: func(x Value) Value {
			y, err := m.on(x)
			if err != nil {
				return Value{I: undefinedKey}
			}
			return y
		},
		inputs: func(g *rng) []Value { return []Value{numList(g, t.Kind, g.below(6), hintsOf(p))} },
	}
}

// undefinedKey marks a key that does not fit its type.
const undefinedKey = 1 << 62

// each calls f for every element that the predicate holds for, with its key.
func (k *keyed) each(args []Value, f func(key, x Value)) error {
	for _, x := range k.elems(args) {
		if !k.p.holds(x, nil) {
			continue
		}
		key := k.keyOf(x)
		if key.I == undefinedKey {
			return ErrUndefined
		}
		f(key, x)
	}
	return nil
}

// open begins the loop and its condition.
func (k *keyed) open(l *lines) *lines {
	return l.open("for ", k.pat, " in ", k.over).open("if ", put(k.p.code, k.v))
}

// mapCount counts elements by a key.
func mapCount(c *ctx) *group {
	k, step := c.drawKeyed(), c.between(1, 9)
	t := scalar(pick(c.rng, []Kind{Usize, U32, I32, U64}))
	l := newLines()
	m := pick(c.rng, []string{"counts", "result", "seen", "tally"})
	k.open(l.add("let mut ", m, " = HashMap::new();"))
	idiom := "entry"
	if c.chance(70) {
		l.add("*", m, ".entry(", k.key, ").or_insert(0) += ", itoa(step), ";")
	} else {
		idiom = "branch"
		l.add("let key = ", k.key, ";").open("if let Some(count) = ", m, ".get_mut(&key)").add("*count += ", itoa(step), ";").orElse()
		l.add(m, ".insert(key, ", itoa(step), ");").close()
	}
	l.close().close().add(m)
	doc := "Counts the " + k.p.plural(k.noun) + " in `" + k.params[0].Name + "` by " + k.says
	if step > 1 {
		doc += ", " + itoa(step) + " for each"
	}
	name := "count_" + k.frag + "_" + k.p.frag
	if step > 1 {
		name += "_by_" + itoa(step)
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: k.params, Result: hashMap(k.keyT, t), Body: l.String(), doc: doc + ".", inputs: k.inputs,
		eval: func(args []Value) (Value, error) {
			e := &entries{text: k.keyT.Kind == Str || k.keyT.Kind == String}
			err := k.each(args, func(key, _ Value) { e.at(key).I += step })
			return e.value(), err
		},
	}, useHashMap)
}

// mapGroup collects numbers by a key made of each.
func mapGroup(c *ctx) *group {
	t, n := scalar(pick(c.rng, []Kind{U32, U64, I32, I64})), pick(c.rng, numNouns)
	key, p, m := c.drawStage(numMaps, t, false), c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	byTest := c.chance(40)
	keyT, code, says := t, key.expr(n.one, precBit), "the number "+key.text
	if byTest {
		keyT, code, says = scalar(Bool), put(p.code, n.one), "whether the number is "+p.text
	}
	l := newLines()
	if keyT.Kind == Bool {
		l.add("let mut groups: HashMap<bool, Vec<", t.text, ">> = HashMap::new();")
	} else {
		l.add("let mut groups: HashMap<", t.text, ", Vec<", t.text, ">> = HashMap::new();")
	}
	l.open("for &", n.one, " in ", n.many).add("let key = ", code, ";")
	l.chain("", "groups.entry(key).or_default().push("+m.expr(n.one, precBit)+")", ";").close().add("groups")
	name := "group_by_" + key.frag + "_" + m.frag
	if byTest {
		name = "group_by_" + p.frag + "_" + m.frag
	}
	return single(&Task{
		Idiom: "entry", Name: name, Params: []Param{{n.many, slice(t)}}, Result: hashMap(keyT, vec(t)), Body: l.String(),
		doc: "Groups the " + n.plural() + " in `" + n.many + "`, each " + m.text + ", by " + says + ".", inputs: sliceInput(t, 5, p),
		eval: func(args []Value) (Value, error) {
			e := &entries{}
			for _, x := range args[0].L {
				k, err := key.on(x)
				if byTest {
					k, err = Truth(p.holds(x, nil)), nil
				}
				if err != nil {
					return k, err
				}
				y, err := m.on(x)
				if err != nil {
					return y, err
				}
				group := e.at(k)
				group.L = append(group.L, y)
			}
			return e.value(), nil
		},
	}, useHashMap)
}

// entryNames are a slice of pairs and what is in each pair.
var entryNames = [][3]string{
	{"sales", "product", "amount"}, {"orders", "name", "count"}, {"entries", "key", "value"}, {"scores", "player", "points"}, {"visits", "page", "hits"},
	{"payments", "account", "sum"}, {"readings", "sensor", "level"}, {"votes", "option", "weight"}, {"trips", "city", "distance"}, {"stock", "item", "units"},
}

var shortKeys = []string{"a", "b", "ab", "x", "y", "tea", "oil", "nut", "fig", "ink"}

// someEntries is pairs of short keys and numbers; keys may repeat.
func someEntries(g *rng, k Kind, n int, hints []int64) Value {
	var list Value
	for range g.below(n + 1) {
		list.L = append(list.L, List(Text(pick(g, shortKeys[:5])), someNumber(g, k, hints)))
	}
	return list
}

// shortMap is a map from up to n short keys.
func shortMap(g *rng, k Kind, n int, hints []int64) Value {
	e := &entries{text: true}
	for range g.below(n + 1) {
		*e.at(Text(pick(g, shortKeys))) = someNumber(g, k, hints)
	}
	return e.value()
}

// mapTotal adds up by a given key.
func mapTotal(c *ctx) *group {
	t, n := c.intType(), pick(c.rng, entryNames)
	p, m, start := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.between(0, 20)
	all, key, x := n[0], n[1], n[2]
	l := newLines().add("let mut totals = HashMap::new();").open("for &(", key, ", ", x, ") in ", all)
	idiom := "loop"
	if c.chance(50) {
		l.open("if ", put(p.code, x))
	} else {
		idiom = "continue"
		l.open("if ", put(p.neg, x)).add("continue;").close()
	}
	l.add("*totals.entry(", key, ").or_insert(", itoa(start), ") += ", m.expr(x, precBit), ";")
	if idiom == "loop" {
		l.close()
	}
	return single(&Task{
		Idiom: idiom, Name: "total_" + x + "_" + p.frag + "_" + m.frag, Params: []Param{{all, slice(tuple(scalar(Str), t)).as("&[(&'a str, " + t.text + ")]")}}, Generics: "<'a>",
		Result: hashMap(scalar(Str), t).as("HashMap<&'a str, " + t.text + ">"), Body: l.close().add("totals").String(),
		doc:    "Adds up, for each " + key + ", what is " + p.text + " in `" + all + "`, each " + m.text + ", starting from " + itoa(start) + ".",
		inputs: func(g *rng) []Value { return []Value{someEntries(g, t.Kind, 4, hintsOf(p))} },
		eval: func(args []Value) (Value, error) {
			e := &entries{text: true}
			for _, pair := range args[0].L {
				if !p.holds(pair.L[1], nil) {
					continue
				}
				y, err := m.on(pair.L[1])
				if err != nil {
					return y, err
				}
				known := len(e.keys)
				at := e.at(pair.L[0])
				if len(e.keys) > known {
					at.I = start
				}
				if at.I = add(at.I, y.I); !t.Kind.fits(at.I) {
					return Value{}, ErrUndefined
				}
			}
			return e.value(), nil
		},
	}, useHashMap)
}
