package rustgen

// nums makes a test from one on integers and one on floats.
func nums(i func(x, k, j int64) bool, f func(x, k, j float64) bool) func(x, k, j Value) bool {
	return func(x, k, j Value) bool {
		if f != nil && (x.F != 0 || k.F != 0 || j.F != 0) {
			return f(x.F, k.F, j.F)
		}
		return i(x.I, k.I, j.I)
	}
}

// numPreds are the predicates on numbers. A float's integer field is 0 and so is an integer's float field, so a comparison
// in which all floats are 0 has the same answer on the integer fields.
var numPreds = []op{
	{frag: "even", text: "even", pre: true, code: "$ % 2 == 0", neg: "$ % 2 != 0", on: onInt,
		test: func(x, _, _ Value) bool { return x.I%2 == 0 }},
	{frag: "odd", text: "odd", pre: true, code: "$ % 2 != 0", neg: "$ % 2 == 0", on: onInt,
		test: func(x, _, _ Value) bool { return x.I%2 != 0 }},
	{frag: "divisible_by_#", text: "divisible by #", code: "$ % # == 0", neg: "$ % # != 0", on: onInt, consts: modulus,
		test: func(x, k, _ Value) bool { return x.I%k.I == 0 }},
	{frag: "not_divisible_by_#", text: "not divisible by #", code: "$ % # != 0", neg: "$ % # == 0", on: onInt, consts: modulus,
		test: func(x, k, _ Value) bool { return x.I%k.I != 0 }},
	{frag: "mod_#_is_@", text: "equal to @ modulo #", code: "$ % # == @", neg: "$ % # != @", on: onUnsigned, consts: remainder,
		test: func(x, k, j Value) bool { return x.I%k.I == j.I }},
	{frag: "above_#", text: "above #", code: "$ > #", neg: "$ <= #", on: onNum, consts: bound, arg: "limit",
		test: nums(func(x, k, _ int64) bool { return x > k }, func(x, k, _ float64) bool { return x > k })},
	{frag: "below_#", text: "below #", code: "$ < #", neg: "$ >= #", on: onNum, consts: bound, arg: "limit",
		test: nums(func(x, k, _ int64) bool { return x < k }, func(x, k, _ float64) bool { return x < k })},
	{frag: "at_least_#", text: "at least #", plur: "$ of at least #", code: "$ >= #", neg: "$ < #", on: onNum, consts: bound, arg: "min",
		test: nums(func(x, k, _ int64) bool { return x >= k }, func(x, k, _ float64) bool { return x >= k })},
	{frag: "at_most_#", text: "at most #", plur: "$ of at most #", code: "$ <= #", neg: "$ > #", on: onNum, consts: bound, arg: "max",
		test: nums(func(x, k, _ int64) bool { return x <= k }, func(x, k, _ float64) bool { return x <= k })},
	{frag: "between_#_and_@", text: "between # and @", code: "(#..=@).contains(&$)", neg: "!(#..=@).contains(&$)", on: onNum,
		consts: interval,
		test:   nums(func(x, k, j int64) bool { return x >= k && x <= j }, func(x, k, j float64) bool { return x >= k && x <= j })},
	{frag: "from_#_to_@", text: "from # to @", code: "$ >= # && $ <= @", neg: "$ < # || $ > @", on: onNum, consts: interval,
		test: nums(func(x, k, j int64) bool { return x >= k && x <= j }, func(x, k, j float64) bool { return x >= k && x <= j })},
	{frag: "outside_#_to_@", text: "outside of # to @", code: "$ < # || $ > @", neg: "$ >= # && $ <= @", on: onNum, consts: interval,
		test: nums(func(x, k, j int64) bool { return x < k || x > j }, func(x, k, j float64) bool { return x < k || x > j })},
	{frag: "positive", text: "positive", pre: true, code: "$ > 0", neg: "$ <= 0", on: onSigned,
		test: func(x, _, _ Value) bool { return x.I > 0 }},
	{frag: "negative", text: "negative", pre: true, code: "$ < 0", neg: "$ >= 0", on: onSigned,
		test: func(x, _, _ Value) bool { return x.I < 0 }},
	{frag: "nonzero", text: "nonzero", pre: true, code: "$ != 0", neg: "$ == 0", on: onInt,
		test: func(x, _, _ Value) bool { return x.I != 0 }},
	{frag: "positive", text: "positive", pre: true, code: "$ > 0.0", neg: "$ <= 0.0", on: onFloat,
		test: func(x, _, _ Value) bool { return x.F > 0 }},
	{frag: "negative", text: "negative", pre: true, code: "$ < 0.0", neg: "$ >= 0.0", on: onFloat,
		test: func(x, _, _ Value) bool { return x.F < 0 }},
	{frag: "other_than_#", text: "other than #", code: "$ != #", neg: "$ == #", on: onInt, consts: bound, arg: "skipped",
		test: func(x, k, _ Value) bool { return x.I != k.I }},
	{frag: "ending_in_#", text: "ending in #", code: "$ % 10 == #", neg: "$ % 10 != #", on: onUnsigned, consts: short,
		test: func(x, k, _ Value) bool { return x.I%10 == k.I }},
	{frag: "farther_than_#", text: "farther than # from zero", code: "$.abs() > #", neg: "$.abs() <= #", on: onSigned | onFloat,
		consts: bound,
		test:   nums(func(x, k, _ int64) bool { return abs(x) > k }, func(x, k, _ float64) bool { return max(x, -x) > k })},
}

const saturated = 1 << 60

// mul and add are exact below 2^60 in magnitude and saturate there, outside of what any kind holds.
func mul(a, b int64) int64 {
	if a != 0 && (abs(a) > saturated/max(abs(b), 1)) {
		if (a < 0) == (b < 0) {
			return saturated
		}
		return -saturated
	}
	return a * b
}

func add(a, b int64) int64 { return min(max(a+b, -saturated), saturated) }

func abs(x int64) int64 { return max(x, -x) }

// ints and floats make a map's apply from functions on one kind.
func ints(f func(x, k, j int64) int64) func(Kind, Value, Value, Value) (Value, bool) {
	return func(_ Kind, x, k, j Value) (Value, bool) { return Int(f(x.I, k.I, j.I)), true }
}

func either(i func(x, k, j int64) int64, f func(x, k, j float64) float64) func(Kind, Value, Value, Value) (Value, bool) {
	return func(t Kind, x, k, j Value) (Value, bool) {
		if t == F64 {
			return Float(f(x.F, k.F, j.F)), true
		}
		return Int(i(x.I, k.I, j.I)), true
	}
}

// numMaps are the maps on numbers. Conversions such as float64(x*k) keep the compiler from fusing a product into a sum, which
// would round differently from Rust on some machines.
var numMaps = []op{
	{frag: "doubled", text: "doubled", code: "$ * 2", prec: precMul, on: onInt, apply: ints(func(x, _, _ int64) int64 { return mul(x, 2) })},
	{frag: "doubled", text: "doubled", code: "$ * 2.0", prec: precMul, on: onFloat,
		apply: either(nil, func(x, _, _ float64) float64 { return x * 2 })},
	{frag: "times_#", text: "multiplied by #", code: "$ * #", prec: precMul, on: onNum, consts: factor, arg: "factor",
		apply: either(func(x, k, _ int64) int64 { return mul(x, k) }, func(x, k, _ float64) float64 { return x * k })},
	{frag: "plus_#", text: "increased by #", code: "$ + #", prec: precAdd, on: onNum, consts: offset, arg: "offset",
		apply: either(func(x, k, _ int64) int64 { return add(x, k) }, func(x, k, _ float64) float64 { return x + k })},
	{frag: "minus_#", text: "reduced by #", code: "$ - #", prec: precAdd, on: onSigned | onFloat, consts: offset, arg: "offset",
		apply: either(func(x, k, _ int64) int64 { return add(x, -k) }, func(x, k, _ float64) float64 { return x - k })},
	{frag: "minus_#", text: "reduced by # down to zero", code: "$.saturating_sub(#)", prec: precAtom, on: onUnsigned, consts: offset,
		apply: ints(func(x, k, _ int64) int64 { return max(x-k, 0) })},
	{frag: "squared", text: "squared", code: "$ * $", prec: precMul, on: onNum,
		apply: either(func(x, _, _ int64) int64 { return mul(x, x) }, func(x, _, _ float64) float64 { return x * x })},
	{frag: "cubed", text: "cubed", code: "$.pow(3)", prec: precAtom, on: onInt,
		apply: func(t Kind, x, _, _ Value) (Value, bool) {
			sq := mul(x.I, x.I)
			return Int(mul(sq, x.I)), t.fits(sq)
		}},
	{frag: "negated", text: "negated", code: "-$", prec: precMul, on: onSigned | onFloat,
		apply: either(func(x, _, _ int64) int64 { return -x }, func(x, _, _ float64) float64 { return 0 - x })},
	{frag: "absolute", text: "taken as an absolute value", code: "$.abs()", prec: precAtom, on: onSigned | onFloat,
		apply: either(func(x, _, _ int64) int64 { return abs(x) }, func(x, _, _ float64) float64 { return max(x, 0-x) })},
	{frag: "halved", text: "halved", code: "$ / 2", prec: precMul, on: onInt, apply: ints(func(x, _, _ int64) int64 { return x / 2 })},
	{frag: "halved", text: "halved", code: "$ / 2.0", prec: precMul, on: onFloat,
		apply: either(nil, func(x, _, _ float64) float64 { return x / 2 })},
	{frag: "divided_by_#", text: "divided by #", code: "$ / #", prec: precMul, on: onInt, consts: factor,
		apply: ints(func(x, k, _ int64) int64 { return x / k })},
	{frag: "modulo_#", text: "modulo #", code: "$ % #", prec: precMul, on: onInt, consts: modulus,
		apply: ints(func(x, k, _ int64) int64 { return x % k })},
	{frag: "capped_at_#", text: "capped at #", code: "$.min(#)", prec: precAtom, on: onNum, consts: bound, arg: "cap",
		apply: either(func(x, k, _ int64) int64 { return min(x, k) }, func(x, k, _ float64) float64 { return min(x, k) })},
	{frag: "raised_to_#", text: "raised to at least #", code: "$.max(#)", prec: precAtom, on: onNum, consts: bound, arg: "floor",
		apply: either(func(x, k, _ int64) int64 { return max(x, k) }, func(x, k, _ float64) float64 { return max(x, k) })},
	{frag: "clamped_#_@", text: "clamped between # and @", code: "$.clamp(#, @)", prec: precAtom, on: onNum, consts: interval,
		apply: either(func(x, k, j int64) int64 { return min(max(x, k), j) }, func(x, k, j float64) float64 { return min(max(x, k), j) })},
	{frag: "distance_to_#", text: "taken as the distance to #", code: "($ - #).abs()", prec: precAtom, on: onSigned | onFloat, consts: bound,
		arg: "target", apply: either(func(x, k, _ int64) int64 { return abs(add(x, -k)) }, func(x, k, _ float64) float64 { return max(x-k, k-x) })},
	{frag: "distance_to_#", text: "taken as the distance to #", code: "$.abs_diff(#)", prec: precAtom, on: onUnsigned, consts: bound,
		arg: "target", apply: ints(func(x, k, _ int64) int64 { return abs(x - k) })},
	{frag: "times_#_plus_@", text: "multiplied by # and increased by @", code: "$ * # + @", prec: precAdd, on: onNum, consts: affine,
		apply: func(t Kind, x, k, j Value) (Value, bool) {
			if t == F64 {
				return Float(float64(x.F*k.F) + j.F), true
			}
			y := mul(x.I, k.I)
			return Int(add(y, j.I)), t.fits(y)
		}},
	{frag: "times_#_minus_@", text: "multiplied by # and reduced by @", code: "$ * # - @", prec: precAdd, on: onSigned | onFloat, consts: affine,
		apply: func(t Kind, x, k, j Value) (Value, bool) {
			if t == F64 {
				return Float(float64(x.F*k.F) - j.F), true
			}
			y := mul(x.I, k.I)
			return Int(add(y, -j.I)), t.fits(y)
		}},
	{frag: "bits_#", text: "masked with #", code: "$ & #", prec: precBit, on: onUnsigned, consts: mask,
		apply: ints(func(x, k, _ int64) int64 { return x & k })},
}
