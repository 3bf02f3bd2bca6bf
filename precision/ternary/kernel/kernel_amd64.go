package kernel

import (
	"math"
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/nanochat-go/nanochat/precision/ternary"
)

var (
	vnni = path{name: "vnni", quantize: avx2Quantize, single: vnniRow, batches: []batch{{name: "vnni", run: vnniBatches}}}
	avx2 = path{name: "avx2", quantize: avx2Quantize, single: avx2Row, batches: tableBatches}
)

// processorPaths returns the paths that the processor can run.
func processorPaths() (p []*path) {
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX2 {
		p = append(p, &vnni)
	}
	if cpu.X86.HasAVX2 {
		p = append(p, &avx2)
	}
	return p
}

// signature is the family, model and stepping of the processor.
//
//go:noescape
func signature() uint32

//go:noescape
func vnniSingle(y *float32, tiles *tile, scales *float32, x *int8, steps, groups int, sum int32, scale float32, mask uint32)

//go:noescape
func vnniBatch(y *float32, rows int, tiles *tile, scales *float32, x *int8, stride, steps, n int, sums *int32, xscales *float32, mask uint32)

//go:noescape
func avx2Single(y *[group]float32, tiles *tile, scales *float32, x *int8, steps, groups int, sum int32, scale float32)

//go:noescape
func avx2AbsMax(x *float32, n int) (bits uint32)

//go:noescape
func avx2Codes(q *int8, x *float32, n int, inv float32) (sum int32)

func vnniRow(y []float32, m *Matrix, x *Activations, i, from, to int) {
	codes, sum, scale := &x.row(i)[0][0], x.sums[i], x.scales[i]
	at := func(g, groups int, mask uint32) {
		vnniSingle(&y[group*g], &m.tiles[g*m.steps], &m.scales[group*g], codes, m.steps, groups, sum, scale, mask)
	}
	if whole := min(to, m.rows/group); from < whole {
		at(from, whole-from, math.MaxUint32)
		from = whole
	}
	if from < to {
		at(from, 1, m.mask(from))
	}
}

// mask has a bit for each row of group g.
func (m *Matrix) mask(g int) uint32 { return uint32(1<<min(group, m.rows-group*g) - 1) }

// vnniRows is how many rows of activations share the planes of a tile in registers.
const vnniRows = 8

func vnniBatches(y []float32, m *Matrix, x *Activations, from, to, first, n int, _ *Scratch) {
	for g := from; g < to; g++ {
		mask, scales := m.mask(g), &m.scales[group*g]
		for i := first; i < first+n; i += vnniRows {
			vnniBatch(&y[i*m.rows+group*g], m.rows, &m.tiles[g*m.steps], scales, &x.row(i)[0][0], x.lines*line, m.steps,
				min(vnniRows, first+n-i), &x.sums[i], &x.scales[i], mask)
		}
	}
}

func avx2Row(y []float32, m *Matrix, x *Activations, i, from, to int) {
	codes, sum, scale := &x.row(i)[0][0], x.sums[i], x.scales[i]
	if whole := min(to, m.rows/group); from < whole {
		avx2Single((*[group]float32)(y[group*from:]), &m.tiles[from*m.steps], &m.scales[group*from], codes, m.steps, whole-from, sum, scale)
		from = whole
	}
	if from < to {
		var last [group]float32
		avx2Single(&last, &m.tiles[from*m.steps], &m.scales[group*from], codes, m.steps, 1, sum, scale)
		copy(y[group*from:], last[:])
	}
}

// avx2Quantize does what ternary.QuantizeActivations does: the largest magnitude as
// bits, which order as the values do, and the products rounded in float32, where
// whole numbers of this size are exact.
func avx2Quantize(q []int8, x []float32) (scale float32, sum int32) {
	whole, bits := len(x)&^31, uint32(0)
	if whole > 0 {
		bits = avx2AbsMax(unsafe.SliceData(x), whole)
	}
	for _, v := range x[whole:] {
		bits = max(bits, math.Float32bits(v)&math.MaxInt32)
	}
	if bits >= 0x7f800000 { // infinity or NaN: rare, and not worth a second rule
		return quantize(q, x)
	}
	a := max(math.Float32frombits(bits), ternary.MinScale)
	inv := 127 / a
	if whole > 0 {
		sum = avx2Codes(unsafe.SliceData(q), unsafe.SliceData(x), whole, inv)
	}
	for i, v := range x[whole:] {
		c := int8(math.RoundToEven(float64(v * inv))) // at most 127: |v| ≤ a
		q[whole+i] = c
		sum += int32(c)
	}
	return a / 127, sum
}
