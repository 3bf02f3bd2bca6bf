package rustgen

// gridNames are the parameters for a table of numbers.
var gridNames = []string{"grid", "table", "matrix", "board", "field", "image"}

// gridInput draws up to three rows of one length.
func gridInput(t Type, stages ...*stage) func(g *rng) []Value {
	hints := hintsOf(stages...)
	return func(g *rng) []Value {
		var rows Value
		width := 1 + g.below(3)
		for range 1 + g.below(3) {
			rows.L = append(rows.L, numList(g, t.Kind, width, hints))
		}
		return []Value{rows}
	}
}

// gridCount counts or adds up the cells on which a predicate holds.
func gridCount(c *ctx) *group {
	t, grid := c.intType(), pick(c.rng, gridNames)
	p, m, count := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.chance(40)
	name, doc, result := "sum_cells_"+p.frag+"_"+m.frag, "Adds up the "+p.plural("cells")+" of `"+grid+"`, each "+m.text+".", t
	step, acc := "total += "+m.expr("cell", precBit)+";", "total"
	if count {
		name, doc, result = "count_cells_"+p.frag, "Counts the "+p.plural("cells")+" of `"+grid+"`.", scalar(Usize)
		step, acc = "count += 1;", "count"
	}
	l, idiom := newLines(), "loop"
	switch c.below(3) {
	case 0:
		l.add("let mut ", acc, " = 0;").open("for row in ", grid).open("for &cell in row").open("if ", put(p.code, "cell")).add(step).close().close().close().add(acc)
	case 1:
		idiom = "index"
		at := grid + "[y][x]"
		if count {
			l.add("let mut count = 0;")
		} else {
			l.add("let mut total = 0;")
		}
		l.open("for y in 0..", grid, ".len()").open("for x in 0..", grid, "[y].len()").add("let cell = ", at, ";").open("if ", put(p.code, "cell")).add(step)
		l.close().close().close().add(acc)
	default:
		idiom = "iterator"
		expr := grid + ".iter().flatten().filter(|&&cell| " + put(p.code, "cell") + ")"
		if count {
			expr += ".count()"
		} else {
			expr += ".map(|&cell| " + m.expr("cell", precBit) + ").sum()"
		}
		l.chain("", expr, "")
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: []Param{{grid, slice(vec(t))}}, Result: result, Body: l.String(), doc: doc, inputs: gridInput(t, p),
		eval: func(args []Value) (Value, error) {
			var cells []Value
			for _, row := range args[0].L {
				cells = append(cells, row.L...)
			}
			if count {
				kept, _ := keptValues(cells, p, nil)
				return Int(int64(len(kept))), nil
			}
			kept, err := keptValues(cells, p, m)
			if err != nil {
				return Value{}, err
			}
			return sumValues(t.Kind, kept)
		},
	})
}

// gridBuild makes a table from a formula of row and column.
func gridBuild(c *ctx) *group {
	t := scalar(pick(c.rng, []Kind{U32, U64, I32, I64, Usize}))
	sides := pick(c.rng, [][2]string{{"rows", "columns"}, {"height", "width"}, {"h", "w"}, {"n", "m"}})
	rows, cols := sides[0], sides[1]
	a, b, k := c.between(1, 12), c.between(1, 12), c.between(0, 30)
	o := pick(c.rng, pairOps[:4])
	y, x := "y", "x"
	if a > 1 {
		y = "y * " + itoa(a)
	}
	if b > 1 {
		x = "x * " + itoa(b)
	}
	if o.frag == "larger" || o.frag == "smaller" {
		if a > 1 {
			y = "(" + y + ")"
		}
	} else if o.frag == "product" && b > 1 {
		x = "(" + x + ")"
	}
	expr := expand(o.code, y, x)
	if k > 0 {
		expr += " + " + itoa(k)
	}
	l, idiom := newLines(), "loop"
	if c.chance(50) {
		l.add("let mut result = Vec::new();").open("for y in 0..", rows).add("let mut row = Vec::new();").open("for x in 0..", cols)
		l.add("row.push(", expr, ");").close().add("result.push(row);").close().add("result")
	} else {
		idiom = "iterator"
		l.add("(0.."+rows+")").depth++
		l.add(".map(|y| (0..", cols, ").map(|x| ", expr, ").collect())").add(".collect()")
	}
	f := func(y, x int64) int64 { return add(o.f(mul(y, a), mul(x, b)), k) }
	return single(&Task{
		Idiom: idiom, Name: "grid_" + o.frag + "_" + itoa(a) + "_" + itoa(b) + "_" + itoa(k), Params: []Param{{rows, t}, {cols, t}}, Result: vec(vec(t)), Body: l.String(),
		doc:    "Builds `" + rows + "` rows of `" + cols + "` cells: " + expand(o.text, "y * "+itoa(a), "x * "+itoa(b)) + ", plus " + itoa(k) + ", in row y and column x.",
		inputs: func(g *rng) []Value { return []Value{Int(g.between(0, 3)), Int(g.between(0, 3))} },
		eval: func(args []Value) (Value, error) {
			var out Value
			for y := range args[0].I {
				var row Value
				for x := range args[1].I {
					row.L = append(row.L, Int(f(y, x)))
				}
				out.L = append(out.L, row)
			}
			return out, nil
		},
	})
}

// gridLine looks at a column or a diagonal.
func gridLine(c *ctx) *group {
	t, grid := c.intType(), pick(c.rng, gridNames)
	p, m := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false)
	diagonal, offset := c.chance(50), c.between(0, 3)
	at, params := "row.get(column)", []Param{{grid, slice(vec(t))}, {"column", scalar(Usize)}}
	name, doc := "column_sum_"+p.frag+"_"+m.frag, "Adds up the "+p.plural("cells")+" of `"+grid+"` in `column`, each "+m.text+"."
	l := newLines().add("let mut total = 0;")
	if diagonal {
		at, params = "row.get(y)", params[:1]
		name, doc = "diagonal_sum_"+p.frag+"_"+m.frag, "Adds up the "+p.plural("cells")+" on the diagonal of `"+grid+"`, each "+m.text+"."
		if offset > 0 {
			at = "row.get(y + " + itoa(offset) + ")"
			name = "diagonal_" + itoa(offset) + "_sum_" + p.frag + "_" + m.frag
			doc = "Adds up the " + p.plural("cells") + " on the diagonal of `" + grid + "` that starts in column " + itoa(offset) + ", each " + m.text + "."
		}
		l.open("for (y, row) in ", grid, ".iter().enumerate()")
	} else {
		l.open("for row in ", grid)
	}
	if c.chance(50) {
		l.open("if let Some(&cell) = ", at).open("if ", put(p.code, "cell")).add("total += ", m.expr("cell", precBit), ";").close().close()
	} else {
		l.open("match ", at).add("Some(&cell) if ", put(p.code, "cell"), " => total += ", m.expr("cell", precBit), ",").add("_ => {}").close()
	}
	l.close().add("total")
	return single(&Task{
		Idiom: "loop", Name: name, Params: params, Result: t, Body: l.String(), doc: doc,
		inputs: func(g *rng) []Value {
			args := gridInput(t, p)(g)
			if !diagonal {
				args = append(args, Int(g.between(0, 2)))
			}
			return args
		},
		eval: func(args []Value) (Value, error) {
			var cells []Value
			for y, row := range args[0].L {
				x := int64(y) + offset
				if !diagonal {
					x = args[1].I
				}
				if x < int64(len(row.L)) {
					cells = append(cells, row.L[x])
				}
			}
			kept, err := keptValues(cells, p, m)
			if err != nil {
				return Value{}, err
			}
			return sumValues(t.Kind, kept)
		},
	})
}

// gridMap maps every cell, or turns the table over its diagonal as well.
func gridMap(c *ctx) *group {
	t, grid := c.intType(), pick(c.rng, gridNames)
	p, m, turn := c.drawStage(numPreds, t, false), c.drawStage(numMaps, t, false), c.chance(40)
	l := newLines()
	name, doc, idiom := "cells_"+m.frag+"_if_"+p.frag, "Returns a copy of `"+grid+"` in which the "+p.plural("cells")+" are "+m.text+".", "loop"
	value := "if " + put(p.code, "cell") + " { " + m.expr("cell", precBit) + " } else { cell }"
	if len(value) > 50 {
		return gridMap(c)
	}
	if turn {
		name, doc = "transposed_"+name, "Returns `"+grid+"` turned over its diagonal, with the "+p.plural("cells")+" "+m.text+"."
		l.add("let width = ", grid, ".first().map_or(0, |row| row.len());").add("let mut result = vec![Vec::new(); width];").open("for row in ", grid)
		l.open("for (x, &cell) in row.iter().enumerate()").add("let value = ", value, ";").add("result[x].push(value);").close().close().add("result")
	} else {
		l.add("let mut result = Vec::new();").open("for row in ", grid).add("let mut copy = Vec::new();").open("for &cell in row")
		l.add("let value = ", value, ";").add("copy.push(value);").close().add("result.push(copy);").close().add("result")
	}
	return single(&Task{
		Idiom: idiom, Name: name, Params: []Param{{grid, slice(vec(t))}}, Result: vec(vec(t)), Body: l.String(), doc: doc, inputs: gridInput(t, p),
		eval: func(args []Value) (Value, error) {
			rows := args[0].L
			out := Value{L: make([]Value, len(rows))}
			if turn {
				out.L = make([]Value, len(rows[0].L))
			}
			for y, row := range rows {
				for x, cell := range row.L {
					if p.holds(cell, nil) {
						var err error
						if cell, err = m.on(cell); err != nil {
							return cell, err
						}
					}
					i := y
					if turn {
						i = x
					}
					out.L[i].L = append(out.L[i].L, cell)
				}
			}
			return out, nil
		},
	})
}
