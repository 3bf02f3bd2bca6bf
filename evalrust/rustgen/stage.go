package rustgen

import (
	"strconv"
	"strings"
)

// precedence of an expression's outermost operator, as far as the renderer needs it.
type precedence uint8

const (
	precBit precedence = iota
	precAdd
	precMul
	precAtom
)

// constant says how the constants k (written # in a template) and j (written @) of an operation are drawn.
type constant uint8

const (
	noConst   constant = iota
	bound              // k: 1 to 99, something to compare with
	factor             // k: 2 to 12
	offset             // k: 1 to 50
	modulus            // k: 3 to 15
	remainder          // k: a modulus, j below it
	interval           // k < j
	affine             // k: a factor, j: an offset
	short              // k: 1 to 8, a length
	letter             // k: a lower-case letter
	letters            // k < j, lower-case letters
	syllable           // k: a short string
	mask               // k: 1 to 63, for bit operations
	shift              // k: 1 to 4
)

// op defines an operation on one element: a predicate or a map. In templates $ is the element, # and @ its constants.
type op struct {
	frag   string // part of a function name
	text   string // predicate: "above #", as in "values above #" and "is above #"; map: "multiplied by #"
	pre    bool   // predicate: stands before the noun ("even values")
	plur   string // predicate: the noun phrase, where text does not give it ("digits" for "a digit")
	code   string
	neg    string // predicate: the opposite
	prec   precedence
	on     domain
	consts constant
	arg    string // name of the parameter that may stand for #; empty if it may not
	out    Kind   // map: result type; Unit means as the element
	test   func(x, k, j Value) bool
	apply  func(t Kind, x, k, j Value) (Value, bool)
}

// domain is a set of element types.
type domain uint8

const (
	onSigned domain = 1 << iota
	onUnsigned
	onFloat
	onChar
	onWord
	onInt = onSigned | onUnsigned
	onNum = onInt | onFloat
)

func domainOf(k Kind) domain {
	switch {
	case k.signed():
		return onSigned
	case k.integer():
		return onUnsigned
	case k == F64:
		return onFloat
	case k == Char:
		return onChar
	default:
		return onWord
	}
}

// stage is an op with its constants drawn.
type stage struct {
	*op
	in         Kind
	k, j       Value
	kText      string // as code
	jText      string
	param      *Param // stands for k
	kArg       int    // index of that parameter among the arguments
	outType    Type
	frag, text string
	say        string // k in prose
	code, neg  string
}

// drawStage draws an op for elements of type t from a list, with constants; byParam allows a parameter in place of k.
func (c *ctx) drawStage(ops []op, t Type, byParam bool) *stage {
	d := domainOf(t.Kind)
	for {
		o := &ops[c.below(len(ops))]
		if o.on&d != 0 {
			return c.newStage(o, t, byParam && o.arg != "" && c.chance(15))
		}
	}
}

func (c *ctx) newStage(o *op, t Type, byParam bool) *stage {
	s := &stage{op: o, in: t.Kind, outType: t}
	if o.out != Unit {
		s.outType = scalar(o.out)
	}
	kt := t
	switch o.consts {
	case letter, letters:
		kt = scalar(Char)
	case syllable:
		kt = scalar(Str)
	case short:
		kt = scalar(Usize)
	}
	s.k, s.j = c.drawConstants(o.consts, kt.Kind)
	s.kText, s.jText = string(literal(nil, kt, s.k, true)), string(literal(nil, kt, s.j, true))
	kFrag, kSay := fragment(s.kText), s.kText
	if byParam {
		s.param = &Param{o.arg, kt}
		s.kText, kFrag, kSay = o.arg, o.arg, "`"+o.arg+"`"
	}
	s.say = kSay
	s.frag = fill(o.frag, kFrag, fragment(s.jText))
	s.text = fill(o.text, kSay, s.jText)
	s.code = fill(o.code, s.kText, s.jText)
	s.neg = fill(o.neg, s.kText, s.jText)
	if o.neg == "" {
		s.neg = "!" + s.code
	}
	return s
}

// drawConstants draws k and j for values of a kind; floats get multiples of one half, so that sums and products stay exact.
func (c *ctx) drawConstants(kind constant, t Kind) (k, j Value) {
	num := func(lo, hi int64) Value {
		if t == F64 {
			return Float(float64(c.between(2*lo, 2*hi)) / 2)
		}
		return Int(c.between(lo, hi))
	}
	switch kind {
	case bound:
		return num(1, 99), j
	case factor:
		return num(2, 12), j
	case offset:
		return num(1, 50), j
	case modulus:
		return num(3, 15), j
	case remainder:
		k = num(3, 12)
		return k, Int(c.between(1, k.I-1))
	case interval:
		k = num(1, 40)
		step := num(2, 40)
		return k, Value{I: k.I + step.I, F: k.F + step.F}
	case affine:
		return num(2, 9), num(1, 30)
	case short:
		return Int(c.between(1, 8)), j
	case letter:
		return Int(c.between('a', 'z')), j
	case letters:
		lo := c.between('a', 't')
		return Int(lo), Int(c.between(lo+1, 'z'))
	case syllable:
		return Text(pick(c.rng, syllables)), j
	case mask:
		return Int(c.between(1, 63)), j
	case shift:
		return Int(c.between(1, 4)), j
	}
	return k, j
}

var syllables = []string{"an", "ar", "at", "co", "de", "ed", "en", "er", "es", "in", "is", "le", "ne", "on", "or", "ra", "re", "ri", "se", "st", "ta", "te", "th", "ti", "to"}

// fill puts constants into a template.
func fill(tmpl, k, j string) string {
	if strings.IndexByte(tmpl, '#') >= 0 {
		tmpl = strings.ReplaceAll(tmpl, "#", k)
	}
	if strings.IndexByte(tmpl, '@') >= 0 {
		tmpl = strings.ReplaceAll(tmpl, "@", j)
	}
	return tmpl
}

// put replaces $ by the element's expression.
func put(tmpl, v string) string {
	if strings.IndexByte(tmpl, '$') < 0 {
		return tmpl
	}
	return strings.ReplaceAll(tmpl, "$", v)
}

// fragment makes a literal part of a name.
func fragment(lit string) string {
	for i := range len(lit) {
		if c := lit[i]; c == '.' {
			return strings.ReplaceAll(strings.TrimSuffix(lit, ".0"), ".", "_")
		}
	}
	return strings.Trim(lit, `'"`)
}

func (s *stage) constants(args []Value) (k, j Value) {
	if s.param != nil {
		return args[s.kArg], s.j
	}
	return s.k, s.j
}

// holds applies a predicate; a nil stage always holds.
func (s *stage) holds(x Value, args []Value) bool {
	if s == nil {
		return true
	}
	k, j := s.constants(args)
	return s.test(x, k, j)
}

// value applies a map; a nil stage is the identity.
func (s *stage) value(x Value, args []Value) (Value, error) {
	if s == nil {
		return x, nil
	}
	k, j := s.constants(args)
	y, ok := s.apply(s.in, x, k, j)
	if !ok || s.outType.Kind.integer() && !s.outType.Kind.fits(y.I) {
		return y, ErrUndefined
	}
	return y, nil
}

// expr is the stage's code for element v, in parentheses if its operator binds less than min.
func (s *stage) expr(v string, min precedence) string {
	if s == nil {
		return v
	}
	e := put(s.code, v)
	if s.prec < min {
		return "(" + e + ")"
	}
	return e
}

// plural is the noun phrase of the elements on which the predicate holds.
func (s *stage) plural(noun string) string {
	switch {
	case s == nil:
		return noun
	case s.plur != "":
		return put(fill(s.plur, s.say, s.jText), noun)
	case s.pre:
		return s.text + " " + noun
	default:
		return noun + " " + s.text
	}
}

func itoa(x int64) string { return strconv.FormatInt(x, 10) }
