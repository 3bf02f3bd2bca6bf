package rustgen

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// ErrUndefined is returned by Eval for arguments on which the Rust function would panic or overflow.
var ErrUndefined = errors.New("rustgen: the function is not defined for these arguments")

// Value is a Rust value. The field that holds it depends on the type beside which it is used: I for integers, Bool (0 or 1),
// Char and an enum's variant index; F for F64; S for strings; L for the elements of a sequence, the members of a tuple, the fields
// of a struct, a variant's payload, and the alternating keys and values of a Map in key order. An Option is I=0, or I=1 with L[0];
// a Result is I=1 with L[0] for Ok and I=0 with L[0] for Err. A Box, Ref or RefMut is what it points to, a Dyn is L[0] of the I-th
// type, and a Func has its code in S.
type Value struct {
	I int64
	F float64
	S string
	L []Value
}

// Int, Float, Text, Truth, List, Some, None, Ok and Err build values.
func Int(x int64) Value { return Value{I: x} }

// Float is an f64.
func Float(x float64) Value { return Value{F: x} }

// Text is a &str or String.
func Text(s string) Value { return Value{S: s} }

// Truth is a bool.
func Truth(b bool) Value {
	if b {
		return Value{I: 1}
	}
	return Value{}
}

// List is a sequence, a tuple or a struct's fields.
func List(xs ...Value) Value { return Value{L: xs} }

// Some is a present Option.
func Some(x Value) Value { return Value{I: 1, L: []Value{x}} }

// None is an absent Option.
func None() Value { return Value{} }

// Ok is a successful Result.
func Ok(x Value) Value { return Value{I: 1, L: []Value{x}} }

// Err is a failed Result.
func Err(x Value) Value { return Value{L: []Value{x}} }

// Equal compares two values of one type.
func (v Value) Equal(w Value) bool {
	return v.I == w.I && v.F == w.F && v.S == w.S && slices.EqualFunc(v.L, w.L, Value.Equal)
}

// literal appends v as a Rust expression of type t. Nested strings of owned type need a conversion; a String or
// Vec<String> at the top of an assertion is compared with &str, which the standard library allows.
func literal(dst []byte, t Type, v Value, nested bool) []byte {
	switch t.Kind {
	case Unit:
		return append(dst, "()"...)
	case Bool:
		return strconv.AppendBool(dst, v.I != 0)
	case F64:
		return appendFloat(dst, v.F)
	case Char:
		return appendChar(dst, rune(v.I))
	case Str:
		return appendString(dst, v.S)
	case String:
		dst = appendString(dst, v.S)
		if nested {
			dst = append(dst, ".to_string()"...)
		}
		return dst
	case Slice:
		return appendList(append(dst, "&["...), t.Args[0], v.L, true, "]")
	case Vec:
		if len(v.L) == 0 {
			return append(append(append(dst, "Vec::<"...), t.Args[0].text...), ">::new()"...)
		}
		return appendList(append(dst, "vec!["...), t.Args[0], v.L, nested, "]")
	case Option:
		if v.I == 0 {
			return append(dst, "None"...)
		}
		return append(literal(append(dst, "Some("...), t.Args[0], v.L[0], true), ')')
	case Result:
		if v.I == 0 {
			return append(literal(append(dst, "Err("...), t.Args[1], v.L[0], true), ')')
		}
		return append(literal(append(dst, "Ok("...), t.Args[0], v.L[0], true), ')')
	case Tuple:
		return appendMembers(append(dst, '('), t.Args, v.L, ")")
	case Map:
		return appendMap(dst, t, v)
	case Named:
		return appendNamed(dst, t.Def, v)
	case Ref:
		return literal(append(dst, '&'), t.Args[0], v, true)
	case RefMut:
		return literal(append(dst, "&mut "...), t.Args[0], v, true)
	case Box:
		return append(literal(append(dst, "Box::new("...), t.Args[0], v, true), ')')
	case Dyn:
		return literal(append(dst, '&'), t.Args[v.I], v.L[0], true)
	case Func:
		return append(dst, v.S...)
	default:
		return strconv.AppendInt(dst, v.I, 10)
	}
}

func appendList(dst []byte, t Type, xs []Value, nested bool, end string) []byte {
	for i, x := range xs {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = literal(dst, t, x, nested)
	}
	return append(dst, end...)
}

func appendMembers(dst []byte, ts []Type, xs []Value, end string) []byte {
	for i, t := range ts {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = literal(dst, t, xs[i], true)
	}
	return append(dst, end...)
}

func appendMap(dst []byte, t Type, v Value) []byte {
	if len(v.L) == 0 {
		return append(dst, "HashMap::new()"...)
	}
	dst = append(dst, "HashMap::from(["...)
	for i := 0; i < len(v.L); i += 2 {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendMembers(append(dst, '('), t.Args, v.L[i:i+2], ")")
	}
	return append(dst, "])"...)
}

func appendNamed(dst []byte, d *TypeDef, v Value) []byte {
	dst = append(dst, d.Name...)
	if d.Variants != nil {
		w := d.Variants[v.I]
		dst = append(append(dst, "::"...), w.Name...)
		if len(w.Payload) == 0 {
			return dst
		}
		return appendMembers(append(dst, '('), w.Payload, v.L, ")")
	}
	if d.New != "" || d.Tuple {
		return appendCtor(dst, d, v)
	}
	dst = append(dst, " { "...)
	for i, f := range d.Fields {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(dst, f.Name...), ": "...)
		dst = literal(dst, f.Type, v.L[i], true)
	}
	return append(dst, " }"...)
}

// appendCtor writes what follows a struct's name in a call of its constructor, which borrows strings, or in a tuple struct.
func appendCtor(dst []byte, d *TypeDef, v Value) []byte {
	if d.New != "" {
		dst = append(append(dst, "::"...), d.New...)
	}
	dst = append(dst, '(')
	for i, f := range d.Fields {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = literal(dst, f.Type, v.L[i], f.Type.Kind != String || d.New == "")
	}
	return append(dst, ')')
}

// appendFloat writes the shortest decimal that reads back as x, always with a point.
func appendFloat(dst []byte, x float64) []byte {
	n := len(dst)
	dst = strconv.AppendFloat(dst, x, 'f', -1, 64)
	if !slices.Contains(dst[n:], '.') {
		dst = append(dst, ".0"...)
	}
	return dst
}

func appendChar(dst []byte, c rune) []byte {
	switch c {
	case '\'':
		return append(dst, `'\''`...)
	case '\\':
		return append(dst, `'\\'`...)
	case '\n':
		return append(dst, `'\n'`...)
	}
	return append(append(append(dst, '\''), string(c)...), '\'')
}

var stringEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`)

func appendString(dst []byte, s string) []byte {
	return append(append(append(dst, '"'), stringEscapes.Replace(s)...), '"')
}

func floatText(x float64) string { return string(appendFloat(nil, x)) }
