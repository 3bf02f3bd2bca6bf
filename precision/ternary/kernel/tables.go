//go:build goexperiment.simd && amd64

package kernel

import (
	"encoding/binary"
	"simd/archsimd"
	"unsafe"
)

var tableBatches = []batch{{name: "tables", run: avx2Batch}}

// tables is what one thread writes to while it multiplies a batch with tables.
type tables struct {
	tables  *[tableBytes]table
	columns [tableBytes][4]vector // activations of the columns of a byte
	bytes   [tableParts][]uint64  // of a block of each row of weights
	part    []vector              // sums of a block
	sums    [][tableRows]int32    // of all columns
}

// vector has a value for each of the rows of activations that share a table.
type vector [tableRows]int16

// table holds Σ W̃x of four columns, by the number whose digits in base three are W̃+1.
type table [tableSize]vector

const (
	tableSize  = 3 * 3 * 3 * 3 // the sums of four columns
	tableBytes = 8             // of a row of weights, whose tables fit the cache together
	tableRows  = 16            // rows of activations that share tables: the lanes of 256 bits
	tableSteps = tableBytes / quad
	tableParts = 8    // that a block of columns is divided into
	tableMost  = 1024 // rows of weights whose sums stay in the cache
)

// room makes the memory of a thread that needs it for the first time.
func (s *Scratch) room() *tables {
	if s.tables == nil {
		s.tables = newTables()
	}
	return s.tables
}

func newTables() *tables {
	const rows = tableMost
	s := &tables{tables: new([tableBytes]table), part: make([]vector, rows), sums: make([][tableRows]int32, rows)}
	for c := range s.bytes {
		s.bytes[c] = make([]uint64, rows+8) // not a power of two apart
	}
	return s
}

// avx2Batch looks the sums of four columns up in tables, where they are for all rows of
// activations. A table entry is at most 4·127, and a block adds 64 of them: 64·508 < 2¹⁵.
func avx2Batch(y []float32, m *Matrix, x *Activations, from, to, first, n int, scratch *Scratch) {
	s := scratch.room()
	for ; from < to; from += tableMost / group {
		for i := 0; i < n; i += tableRows {
			s.multiply(y, m, x, from, min(to, from+tableMost/group), first+i, min(tableRows, n-i))
		}
	}
	archsimd.ClearAVXUpperBits()
}

// multiply is avx2Batch for as many rows as the memory is for.
func (s *tables) multiply(y []float32, m *Matrix, x *Activations, from, to, first, n int) {
	rows := group * (to - from)
	sums, part := s.sums[:rows], s.part[:rows]
	clear(sums)
	for t := 0; t < m.steps; t += tableParts * tableSteps {
		clear(part)
		for c := range min(tableParts, (m.steps-t)/tableSteps) {
			at := t + c*tableSteps
			s.gather(m, at, c, from, to)
			s.transpose(x, at, first, n)
			for k := range s.columns {
				avx2Table(&s.tables[k], &s.columns[k])
			}
			avx2Lookup(part, s.bytes[c][:rows], s.tables)
		}
		avx2Widen(sums, part)
	}
	var scales [tableRows]float32
	copy(scales[:], x.scales[first:first+n])
	avx2Results(y[first*m.rows:(first+n)*m.rows], m, sums, group*from, &scales, n)
}

// gather makes numbers of base three of the bytes of two tiles of each group of rows,
// and puts those of a row together in part c.
func (s *tables) gather(m *Matrix, at, c, from, to int) {
	low, high := archsimd.LoadUint8x32(&avx2Digits), archsimd.LoadUint8x32(&avx2Nines)
	mask := archsimd.BroadcastUint8x32(15)
	digits := func(t *tile, r int) archsimd.Int32x8 {
		w := archsimd.LoadUint8x32((*[32]uint8)(unsafe.Pointer(&t[r])))
		v := low.PermuteOrZeroGrouped(w.And(mask).AsInt8x32())
		w = w.AsInt32x8().ShiftAllRight(4).AsUint8x32().And(mask)
		return v.Add(high.PermuteOrZeroGrouped(w.AsInt8x32())).AsInt32x8()
	}
	for g := from; g < to; g++ {
		t := m.group(g)[at:]
		for r := 0; r < group; r += 8 {
			a, b := digits(&t[0], r), digits(&t[1], r)
			out := s.bytes[c][group*(g-from)+r:]
			lo, hi := a.InterleaveLoGrouped(b).AsUint64x4(), a.InterleaveHiGrouped(b).AsUint64x4()
			lo.GetLo().Store((*[2]uint64)(out[0:]))
			hi.GetLo().Store((*[2]uint64)(out[2:]))
			lo.GetHi().Store((*[2]uint64)(out[4:]))
			hi.GetHi().Store((*[2]uint64)(out[6:]))
		}
	}
}

// avx2Digits are the values of two codes of two bits in base three, avx2Nines nine
// times those, both twice.
var avx2Digits, avx2Nines = func() (a, b [32]uint8) {
	for i := range a {
		a[i] = uint8(i&3 + 3*(i>>2&3))
		b[i] = 9 * a[i]
	}
	return a, b
}()

// transpose writes the activations that meet the bytes of two tiles. Where there are
// fewer rows than lanes, the last row stands for the others.
func (s *tables) transpose(x *Activations, at, first, n int) {
	for p := range 4 {
		for half := 0; half < tableRows; half += tableRows / 2 {
			row := func(i int) archsimd.Int16x8 {
				c := flat(x.row(first + min(half+i, n-1)))[at*step+p*quad:]
				both := uint64(binary.LittleEndian.Uint32(bytes(c))) | uint64(binary.LittleEndian.Uint32(bytes(c[step:])))<<32
				return archsimd.BroadcastUint64x2(both).AsInt8x16().ExtendLo8ToInt16()
			}
			a0, a1, a2, a3 := avx2Interleave(row(0), row(1), row(2), row(3))
			b0, b1, b2, b3 := avx2Interleave(row(4), row(5), row(6), row(7))
			store := func(k int, v archsimd.Int64x2) {
				v.AsInt16x8().Store((*[tableRows / 2]int16)(s.columns[k][p][half:]))
			}
			store(0, a0.InterleaveLo(b0))
			store(1, a0.InterleaveHi(b0))
			store(2, a1.InterleaveLo(b1))
			store(3, a1.InterleaveHi(b1))
			store(4, a2.InterleaveLo(b2))
			store(5, a2.InterleaveHi(b2))
			store(6, a3.InterleaveLo(b3))
			store(7, a3.InterleaveHi(b3))
		}
	}
}

// bytes returns the bits of four codes.
func bytes(c []int8) []uint8 { return (*[quad]uint8)(unsafe.Pointer(&c[0]))[:] }

// avx2Interleave returns the columns of four rows of eight, two columns in a result.
func avx2Interleave(r0, r1, r2, r3 archsimd.Int16x8) (c01, c23, c45, c67 archsimd.Int64x2) {
	a, b := r0.InterleaveLo(r1).AsInt32x4(), r2.InterleaveLo(r3).AsInt32x4()
	c, d := r0.InterleaveHi(r1).AsInt32x4(), r2.InterleaveHi(r3).AsInt32x4()
	return a.InterleaveLo(b).AsInt64x2(), a.InterleaveHi(b).AsInt64x2(), c.InterleaveLo(d).AsInt64x2(), c.InterleaveHi(d).AsInt64x2()
}

func avx2Table(t *table, c *[4]vector) {
	x0, x1 := archsimd.LoadInt16x16((*[tableRows]int16)(&c[0])), archsimd.LoadInt16x16((*[tableRows]int16)(&c[1]))
	x2, x3 := archsimd.LoadInt16x16((*[tableRows]int16)(&c[2])), archsimd.LoadInt16x16((*[tableRows]int16)(&c[3]))
	var zero archsimd.Int16x16
	s3 := zero.Sub(x3)
	for i3 := 0; i3 < tableSize; i3 += 27 {
		s2 := s3.Sub(x2)
		for i2 := i3; i2 < i3+27; i2 += 9 {
			e := (*[9]vector)(t[i2:])
			s1 := s2.Sub(x1)
			for i1 := 0; i1 < 9; i1 += 3 {
				s1.Sub(x0).Store((*[tableRows]int16)(&e[i1]))
				s1.Store((*[tableRows]int16)(&e[i1+1]))
				s1.Add(x0).Store((*[tableRows]int16)(&e[i1+2]))
				s1 = s1.Add(x1)
			}
			s2 = s2.Add(x2)
		}
		s3 = s3.Add(x3)
	}
}

// avx2Lookup adds the entries for the bytes of each row of weights to its sums.
func avx2Lookup(part []vector, bytes []uint64, t *[tableBytes]table) {
	const (
		entry = 5 // log2 of the bytes of an entry
		mask  = 0xff << entry
	)
	t0, t1, t2, t3 := unsafe.Pointer(&t[0]), unsafe.Pointer(&t[1]), unsafe.Pointer(&t[2]), unsafe.Pointer(&t[3])
	t4, t5, t6, t7 := unsafe.Pointer(&t[4]), unsafe.Pointer(&t[5]), unsafe.Pointer(&t[6]), unsafe.Pointer(&t[7])
	part = part[:len(bytes)]
	for r, v := range bytes {
		sum := archsimd.LoadInt16x16((*[tableRows]int16)(&part[r]))
		sum = sum.Add(archsimd.LoadInt16x16((*[tableRows]int16)(unsafe.Add(t0, v<<entry&mask))))
		sum = sum.Add(archsimd.LoadInt16x16((*[tableRows]int16)(unsafe.Add(t1, v>>(8-entry)&mask))))
		sum = sum.Add(archsimd.LoadInt16x16((*[tableRows]int16)(unsafe.Add(t2, v>>(16-entry)&mask))))
		sum = sum.Add(archsimd.LoadInt16x16((*[tableRows]int16)(unsafe.Add(t3, v>>(24-entry)&mask))))
		sum = sum.Add(archsimd.LoadInt16x16((*[tableRows]int16)(unsafe.Add(t4, v>>(32-entry)&mask))))
		sum = sum.Add(archsimd.LoadInt16x16((*[tableRows]int16)(unsafe.Add(t5, v>>(40-entry)&mask))))
		sum = sum.Add(archsimd.LoadInt16x16((*[tableRows]int16)(unsafe.Add(t6, v>>(48-entry)&mask))))
		sum = sum.Add(archsimd.LoadInt16x16((*[tableRows]int16)(unsafe.Add(t7, v>>(56-entry)&mask))))
		sum.Store((*[tableRows]int16)(&part[r]))
	}
}

// avx2Widen adds the sums of a block.
func avx2Widen(sums [][tableRows]int32, part []vector) {
	for r := range part {
		v, s := archsimd.LoadInt16x16((*[tableRows]int16)(&part[r])), &sums[r]
		low, high := (*[8]int32)(s[:8]), (*[8]int32)(s[8:])
		archsimd.LoadInt32x8(low).Add(v.GetLo().ExtendToInt32()).Store(low)
		archsimd.LoadInt32x8(high).Add(v.GetHi().ExtendToInt32()).Store(high)
	}
}

// avx2Results writes the results of n rows of activations and the rows of weights from
// first on.
func avx2Results(y []float32, m *Matrix, sums [][tableRows]int32, first int, scales *[tableRows]float32, n int) {
	x0, x1 := archsimd.LoadFloat32x8((*[8]float32)(scales[:8])), archsimd.LoadFloat32x8((*[8]float32)(scales[8:]))
	sums = sums[:min(len(sums), m.rows-first)]
	var v [tableRows]float32
	for r := range sums {
		w := archsimd.BroadcastFloat32x8(m.scales[first+r])
		archsimd.LoadInt32x8((*[8]int32)(sums[r][:8])).ConvertToFloat32().Mul(x0).Mul(w).Store((*[8]float32)(v[:8]))
		archsimd.LoadInt32x8((*[8]int32)(sums[r][8:])).ConvertToFloat32().Mul(x1).Mul(w).Store((*[8]float32)(v[8:]))
		for i, at := 0, first+r; i < n; i, at = i+1, at+m.rows {
			y[at] = v[i]
		}
	}
}
