package rustgen

import "slices"

// group is what one family puts into a program: items and functions that belong together.
type group struct {
	uses   []string
	pieces []piece
	names  []string // items that must be unique in a program
}

// piece is literal text or a task, at an indentation.
type piece struct {
	text   string
	task   *Task
	indent int
}

func (p piece) append(dst []byte) []byte {
	if p.task != nil {
		return p.task.appendText(dst, p.indent)
	}
	return append(dst, p.text...)
}

// text adds literal text.
func (g *group) text(s string) { g.pieces = append(g.pieces, piece{text: s}) }

// add appends a task.
func (g *group) add(t *Task, indent int) {
	t.group = g
	g.pieces = append(g.pieces, piece{task: t, indent: indent})
}

// use declares an import, such as "std::collections::HashMap".
func (g *group) use(path string) {
	if !slices.Contains(g.uses, path) {
		g.uses = append(g.uses, path)
	}
}

// single is a group of one free function.
func single(t *Task, uses ...string) *group {
	g := &group{uses: uses, names: []string{t.Name}}
	g.add(t, 0)
	return g
}

func (g *group) appendUses(dst []byte) []byte { return appendUses(dst, g.uses) }

func appendUses(dst []byte, uses []string) []byte {
	for _, u := range uses {
		dst = append(append(append(dst, "use "...), u...), ";\n"...)
	}
	if len(uses) > 0 {
		dst = append(dst, '\n')
	}
	return dst
}

func (g *group) appendText(dst []byte) []byte {
	for _, p := range g.pieces {
		dst = p.append(dst)
	}
	return dst
}

// impl adds a block with a head such as "impl Order" and items, each a text or a task, with blank lines between them.
func (g *group) impl(head string, items ...any) {
	g.text("\n" + head + " {\n")
	for i, item := range items {
		if i > 0 {
			g.text("\n")
		}
		switch x := item.(type) {
		case *Task:
			g.add(x, 1)
		case string:
			g.text(x)
		}
	}
	g.text("}\n")
}

// free adds a free function behind what is there already.
func (g *group) free(t *Task) {
	if len(g.pieces) > 0 {
		g.text("\n")
	}
	g.add(t, 0)
	g.names = append(g.names, t.Name)
}
