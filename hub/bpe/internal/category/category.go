package category

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// Category is a General_Category.
type Category uint8

// The categories, with the abbreviations of the Unicode standard. Surrogates,
// which no UTF-8 text holds, count as Cn.
const (
	Cn Category = iota
	Lu
	Ll
	Lt
	Lm
	Lo
	Mn
	Mc
	Me
	Nd
	Nl
	No
	Pc
	Pd
	Ps
	Pe
	Pi
	Pf
	Po
	Sm
	Sc
	Sk
	So
	Zs
	Zl
	Zp
	Cc
	Cf
	Co
	count
)

// Set is a set of categories, bit 1<<c for category c.
type Set uint32

// names are the abbreviations in the order of the constants.
const names = "CnLuLlLtLmLoMnMcMeNdNlNoPcPdPsPePiPfPoSmScSkSoZsZlZpCcCfCo"

// Named returns the set that a property name stands for: a category such as Lu
// or a group of them such as L. ok says whether there is one.
func Named(name string) (set Set, ok bool) {
	for c := range count {
		full := names[2*c : 2*c+2]
		if name == full || name == full[:1] {
			set |= 1 << c
		}
	}
	return set, set != 0
}

// Has says whether c is in the set.
func (s Set) Has(c Category) bool { return s>>c&1 != 0 }

const bmp = 1 << 16

var (
	basic  [bmp]Category // of the code points below bmp
	starts []rune        // of the runs from bmp on
	later  []Category    // their categories
)

func init() {
	data, _ := base64.StdEncoding.DecodeString(runs) // a constant; the tests see every run of it
	for at := 0; len(data) > 0; {
		c, n := Category(data[0]&31), int(data[0]>>5)
		data = data[1:]
		if n == 0 {
			long, size := binary.Uvarint(data)
			n, data = int(long), data[size:]
		}
		for i := at; i < min(at+n, bmp); i++ {
			basic[i] = c
		}
		if at+n > bmp {
			starts, later = append(starts, rune(max(at, bmp))), append(later, c)
		}
		at += n
	}
}

// Of returns the category of r; Cn for what is no code point.
func Of(r rune) Category {
	if uint32(r) < bmp {
		return basic[r]
	}
	if r < 0 || r > 0x10ffff {
		return Cn
	}
	i, exact := slices.BinarySearch(starts, r)
	if !exact {
		i--
	}
	return later[i]
}

// Space says whether r is white space (the property White_Space): what \s
// stands for.
func Space(r rune) bool {
	if r < 0x80 {
		return r == ' ' || '\t' <= r && r <= '\r'
	}
	c := Of(r)
	return c == Zs || c == Zl || c == Zp || r == 0x85
}
