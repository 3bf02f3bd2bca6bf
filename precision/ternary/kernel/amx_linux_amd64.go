package kernel

import (
	"sync"
	"syscall"

	"golang.org/x/sys/cpu"
)

// amxRows is how many rows of activations a tile of AMX has.
const amxRows = 16

// amxRoom is the memory of a thread, as amxBatch finds it.
type amxRoom struct {
	_      [amxRows][group]int32 // sums
	config [64]uint8             // of the tiles
	panel  []byte                // the codes of a group of rows, a byte each
}

func init() {
	if cpu.X86.HasAMXTile && cpu.X86.HasAMXInt8 && cpu.X86.HasAVX512VNNI {
		vnni.batches = append(vnni.batches, batch{name: "amx", run: amxBatches, allowed: amxAllowed})
	}
}

// amxAllowed asks Linux for the use of tiles, which a process is not granted unasked:
// they make what a signal saves larger, for which some stacks are too small.
var amxAllowed = sync.OnceValue(func() bool {
	const requestPermission, tileData = 0x1023, 18
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
})

//go:noescape
func amxUnpack(panel *byte, tiles *tile, steps int)

//go:noescape
func amxBatch(y *float32, rows int, panel *byte, scales *float32, x *int8, stride, lines, n int, sums *int32, xscales *float32, mask uint32, room *amxRoom)

func amxBatches(y []float32, m *Matrix, x *Activations, from, to, first, n int, s *Scratch) {
	r := s.amxRoom(min(n, amxRows), group*line*x.lines)
	for g := from; g < to; g++ {
		amxUnpack(&r.panel[0], &m.tiles[g*m.steps], m.steps)
		amxBatch(&y[first*m.rows+group*g], m.rows, &r.panel[0], &m.scales[group*g], &x.row(first)[0][0], x.lines*line, x.lines, n,
			&x.sums[first], &x.scales[first], m.mask(g), r)
	}
}

// amxRoom returns the memory with tiles of so many rows of activations.
func (s *Scratch) amxRoom(rows, panel int) *amxRoom {
	if s.amx == nil {
		s.amx = &amxRoom{}
	}
	r := s.amx
	if len(r.panel) < panel {
		r.panel = aligned[byte](panel)
	}
	const sums0, sums1, activations, weights0, weights1 = 0, 1, 2, 3, 4
	r.config = [64]uint8{0: 1} // the palette
	for tile := range weights1 + 1 {
		r.config[16+2*tile] = line // bytes of a row
		r.config[48+tile] = uint8(rows)
	}
	r.config[48+weights0], r.config[48+weights1] = line/quad, line/quad
	return r
}
