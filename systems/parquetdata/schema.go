package parquetdata

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// preferred are the names of the text column, tried in this order.
var preferred = []string{"content", "text", "code"}

// columns are the columns of a Config in a file; the last two may be nil.
type columns struct{ text, origin, license *parquet.Column }

// leaf is a column that holds values.
type leaf struct {
	name   string // without what the format puts between a list and its elements
	path   string
	column *parquet.Column
	text   bool
	kind   string // of the values
}

// columns finds the configured columns and checks their chunks.
func (f *file) columns(cfg Config) (cols columns, err error) {
	var leaves []leaf
	err = guard(func() error {
		for _, c := range f.parquet.Root().Columns() {
			leaves = appendLeaves(leaves, c, nil, false)
		}
		return nil
	})
	if err != nil {
		return cols, f.fail(f.footer, err, "the footer is damaged")
	}
	name := cfg.Column
	if name == "" {
		at := slices.IndexFunc(preferred, func(p string) bool {
			return slices.ContainsFunc(leaves, func(l leaf) bool { return l.name == p })
		})
		if at < 0 {
			return cols, fmt.Errorf("parquetdata: %s has no column %s: name the one with the text; it has %s",
				f.name, strings.Join(preferred, ", "), list(leaves))
		}
		name = preferred[at]
	}
	for _, want := range []struct {
		name string
		dst  **parquet.Column
	}{{name, &cols.text}, {cfg.Origin, &cols.origin}, {cfg.License, &cols.license}} {
		if want.name == "" {
			continue
		}
		if *want.dst, err = f.column(leaves, want.name); err != nil {
			return cols, err
		}
		for g := range f.meta.RowGroups {
			if err := f.checkChunk(g, *want.dst); err != nil {
				return cols, err
			}
		}
	}
	return cols, nil
}

// column finds the column of text with the given name.
func (f *file) column(leaves []leaf, name string) (*parquet.Column, error) {
	var found []leaf
	for _, l := range leaves {
		if l.name == name || l.path == name {
			found = append(found, l)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("parquetdata: %s has no column %q; it has %s", f.name, name, list(leaves))
	case 1:
	default:
		return nil, fmt.Errorf("parquetdata: %s has %d columns %q: rename one", f.name, len(found), name)
	}
	if !found[0].text {
		texts := slices.DeleteFunc(slices.Clone(leaves), func(l leaf) bool { return !l.text })
		return nil, fmt.Errorf("parquetdata: column %q of %s holds %s, not text; columns of text are %s", name, f.name, found[0].kind, list(texts))
	}
	return found[0].column, nil
}

// appendLeaves collects the leaves at and below c. between says that c stands
// between a list or map and its elements, so that its name does not count.
func appendLeaves(dst []leaf, c *parquet.Column, prefix []string, between bool) []leaf {
	names := slices.Clone(prefix)
	if !between {
		names = append(names, c.Name())
	}
	if c.Leaf() {
		return append(dst, leaf{strings.Join(names, "."), strings.Join(c.Path(), "."), c, isText(c), c.Type().String()})
	}
	children := c.Columns()
	kind := logical(c)
	_, isList := kind.(*format.ListType)
	_, isMap := kind.(*format.MapType)
	inner := len(children) == 1 && (isList || isMap)
	for _, child := range children {
		if inner && isList && !child.Leaf() && len(child.Columns()) == 1 {
			// Three levels: list, repeated group, element.
			dst = appendLeaves(dst, child.Columns()[0], names, true)
			continue
		}
		dst = appendLeaves(dst, child, names, inner)
	}
	return dst
}

func logical(c *parquet.Column) format.LogicalTypeValue {
	if t := c.Type().LogicalType(); t != nil {
		return t.Value
	}
	return nil
}

// isText reports whether a column's values are strings, or bytes that could be.
// The library panics on asking for the kind of a value annotated as a list.
func isText(c *parquet.Column) bool {
	switch logical(c).(type) {
	case nil, *format.StringType, *format.EnumType, *format.JsonType:
		return c.Type().Kind() == parquet.ByteArray
	}
	return false
}

// list joins the names of columns, at most a few dozen of them.
func list(leaves []leaf) string {
	const most = 40
	var names []string
	for _, l := range leaves[:min(most, len(leaves))] {
		names = append(names, l.name)
	}
	s := strings.Join(names, ", ")
	switch {
	case len(leaves) == 0:
		return "none"
	case len(leaves) > most:
		s += fmt.Sprintf(" and %d more", len(leaves)-most)
	}
	return s
}
