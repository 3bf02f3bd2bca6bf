package rustgen

// Kind says which Rust type a Type or Value has.
type Kind uint8

// The kinds of types that occur in signatures. Slice and Str are borrowed (&[T], &str); what is not a Ref, a RefMut or a Dyn is
// owned.
const (
	Unit Kind = iota
	Bool
	I32
	I64
	U8
	U32
	U64
	Usize
	F64
	Char
	Str
	String
	Slice
	Vec
	Option
	Result
	Tuple
	Map
	Named
	Ref
	RefMut
	Box
	Func
	Dyn
)

var kindNames = [...]string{
	Unit: "()", Bool: "bool", I32: "i32", I64: "i64", U8: "u8", U32: "u32", U64: "u64", Usize: "usize",
	F64: "f64", Char: "char", Str: "&str", String: "String",
}

// Type is a Rust type. Args holds the element of Slice, Vec, Option, Ref, RefMut and Box, the two sides of Result, key and value of
// Map, the members of Tuple, and for Dyn (a borrowed trait object) the types that may stand behind it. Def describes a Named type.
type Type struct {
	Kind Kind
	Args []Type
	Def  *TypeDef
	text string
}

// TypeDef is a struct or an enum that a program declares. A struct has Fields; an enum has Variants.
type TypeDef struct {
	Name     string
	Fields   []Param
	Variants []Variant
	// New is the associated function that takes the fields in order; where it is empty, a value is written as a literal.
	New string
	// Tuple says that a struct's fields have no names.
	Tuple bool
	// Params is the generic parameter list, such as "<'a>", as it stands behind the name in a signature.
	Params string
}

// Variant is one alternative of an enum, with its unnamed payload.
type Variant struct {
	Name    string
	Payload []Type
}

// Param is a named and typed parameter or field.
type Param struct {
	Name string
	Type Type
}

func scalar(k Kind) Type { return Type{Kind: k, text: kindNames[k]} }

func slice(t Type) Type  { return Type{Kind: Slice, Args: []Type{t}, text: "&[" + t.text + "]"} }
func vec(t Type) Type    { return Type{Kind: Vec, Args: []Type{t}, text: "Vec<" + t.text + ">"} }
func option(t Type) Type { return Type{Kind: Option, Args: []Type{t}, text: "Option<" + t.text + ">"} }

func result(t, e Type) Type {
	return Type{Kind: Result, Args: []Type{t, e}, text: "Result<" + t.text + ", " + e.text + ">"}
}

func tuple(ts ...Type) Type {
	s := "("
	for i, t := range ts {
		if i > 0 {
			s += ", "
		}
		s += t.text
	}
	return Type{Kind: Tuple, Args: ts, text: s + ")"}
}

func hashMap(k, v Type) Type {
	return Type{Kind: Map, Args: []Type{k, v}, text: "HashMap<" + k.text + ", " + v.text + ">"}
}

func named(d *TypeDef) Type { return Type{Kind: Named, Def: d, text: d.Name + d.Params} }
func ref(t Type) Type       { return Type{Kind: Ref, Args: []Type{t}, text: "&" + t.text} }
func refMut(t Type) Type    { return Type{Kind: RefMut, Args: []Type{t}, text: "&mut " + t.text} }
func box(t Type) Type       { return Type{Kind: Box, Args: []Type{t}, text: "Box<" + t.text + ">"} }

// as is t under another name, such as a type parameter or a borrowed form.
func (t Type) as(text string) Type {
	t.text = text
	return t
}

// String is the type as Rust writes it.
func (t Type) String() string { return t.text }

// signed and integer classify scalar kinds.
func (k Kind) signed() bool  { return k == I32 || k == I64 }
func (k Kind) integer() bool { return k >= I32 && k <= Usize }

// fits says whether x can be held by an integer kind. 64-bit kinds are kept below 2^53 so that a product of two values that
// fit never wraps unseen in checked Go arithmetic.
func (k Kind) fits(x int64) bool {
	const wide = 1 << 53
	switch k {
	case I32:
		return x >= -1<<31 && x < 1<<31
	case U32:
		return x >= 0 && x < 1<<32
	case U8:
		return x >= 0 && x < 256
	case I64:
		return x > -wide && x < wide
	default:
		return x >= 0 && x < wide
	}
}
