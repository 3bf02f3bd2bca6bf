package pack

import (
	"cmp"
	"math/bits"
	"slices"
)

// Piece is part of a document in a row: it scores the N targets that follow
// token From.
type Piece struct {
	Doc     int // number of the document
	From, N int
}

// cost is the number of positions that a piece takes.
func (p Piece) cost(bos bool) int {
	if bos && p.From > 0 {
		return p.N + 1
	}
	return p.N
}

// planner packs the pieces of one block.
type planner struct {
	length int
	bos    bool
	rows   [][]Piece
	space  []int   // left in each row
	open   [][]int // rows by space left, newest last
	some   []uint64
}

// plan packs documents first, first+1, … of the given lengths in tokens into
// rows of the given length, steps 1 to 3 of the package comment.
func plan(length int, bos bool, first int, lengths []int) [][]Piece {
	var pieces []Piece
	for i, n := range lengths {
		pieces = cut(pieces, first+i, n-1, length, bos)
	}
	slices.SortFunc(pieces, func(a, b Piece) int {
		return cmp.Or(cmp.Compare(b.cost(bos), a.cost(bos)), cmp.Compare(a.Doc, b.Doc), cmp.Compare(a.From, b.From))
	})
	p := &planner{length: length, bos: bos, open: make([][]int, length+1), some: make([]uint64, length/64+1)}
	for _, piece := range pieces {
		p.place(piece)
	}
	p.dissolve()
	slices.SortStableFunc(p.rows, func(a, b []Piece) int {
		return cmp.Or(cmp.Compare(a[0].Doc, b[0].Doc), cmp.Compare(a[0].From, b[0].From))
	})
	return p.rows
}

// cut appends the pieces of a document with the given number of targets: full
// rows and a rest.
func cut(dst []Piece, doc, targets, length int, bos bool) []Piece {
	for from := 0; from < targets; {
		n := length
		if bos && from > 0 {
			n--
		}
		n = min(n, targets-from)
		dst = append(dst, Piece{doc, from, n})
		from += n
	}
	return dst
}

// place puts a piece where it fits best.
func (p *planner) place(piece Piece) {
	need := piece.cost(p.bos)
	row, left := len(p.rows), p.length
	if at := p.smallest(need); at >= 0 {
		last := len(p.open[at]) - 1
		row, left = p.open[at][last], at
		if p.open[at] = p.open[at][:last]; last == 0 {
			p.some[at/64] &^= 1 << (at % 64)
		}
	} else {
		p.rows, p.space = append(p.rows, nil), append(p.space, 0)
	}
	p.rows[row] = append(p.rows[row], piece)
	left -= need
	if p.space[row] = left; left > 0 {
		p.open[left] = append(p.open[left], row)
		p.some[left/64] |= 1 << (left % 64)
	}
}

// smallest is the least space of at least need that a row has, or -1.
func (p *planner) smallest(need int) int {
	word := need / 64
	set := p.some[word] &^ (1<<(need%64) - 1)
	for set == 0 {
		if word++; word == len(p.some) {
			return -1
		}
		set = p.some[word]
	}
	return word*64 + bits.TrailingZeros64(set)
}

// minHole is the least space worth a cut.
func minHole(length int) int { return max(2, length/16) }

// dissolve empties rows into the spaces of others, step 3.
func (p *planner) dissolve() {
	order := make([]int, len(p.rows)) // emptiest first
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(p.space[b], p.space[a]), cmp.Compare(b, a)) })
	least, room := minHole(p.length), 0
	for _, r := range order {
		if p.space[r] >= least {
			room += p.space[r] - 1 // a cut costs a position
		}
	}
	hole := 0 // rows before it in order are full, dissolved or given up
	for victim := 0; victim < len(order); victim++ {
		v := order[victim]
		if p.space[v] >= least {
			room -= p.space[v] - 1
		}
		if victim < hole {
			continue // already filled up by an earlier one
		}
		need := 0
		for _, piece := range p.rows[v] {
			need += piece.N + least + 1
		}
		if need > room {
			break
		}
		hole = max(hole, victim+1)
		for _, piece := range p.rows[v] {
			for piece.N > 0 {
				for p.space[order[hole]] < least {
					hole++
				}
				piece, room = p.fill(order[hole], piece, room)
			}
		}
		p.rows[v] = nil
	}
	p.rows = slices.DeleteFunc(p.rows, func(row []Piece) bool { return row == nil })
}

// fill puts as much of a piece into a row as its space takes and returns the
// rest. room follows the space, by the same count as in dissolve.
func (p *planner) fill(row int, piece Piece, room int) (rest Piece, left int) {
	least := minHole(p.length)
	over := piece.cost(p.bos) - piece.N
	n := min(piece.N, p.space[row]-over)
	p.rows[row] = append(p.rows[row], Piece{piece.Doc, piece.From, n})
	room -= p.space[row] - 1
	if p.space[row] -= n + over; p.space[row] >= least {
		room += p.space[row] - 1
	}
	return Piece{piece.Doc, piece.From + n, piece.N - n}, room
}
