package kernel

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// ErrClosed is returned by products of a pool after Close.
var ErrClosed = errors.New("kernel: the pool is closed")

// Pool multiplies on a fixed number of threads, of which the caller is one. Products
// start no goroutine and allocate nothing. It is safe for concurrent use; one product
// runs at a time.
type Pool struct {
	mu      sync.Mutex
	closed  bool
	job     job
	wake    []chan struct{} // one for each worker
	scratch []scratch       // one for each thread, the caller's first
	busy    sync.WaitGroup  // workers at the job
	left    atomic.Int32    // how many they are
	spins   int
	workers sync.WaitGroup
}

// job is one product. Threads take parts of groups of rows until there are none left.
type job struct {
	y           []float32
	m           *Matrix
	x           *Activations
	part, parts int // groups in a part, and how many parts there are
	next        atomic.Int64
}

// idleSpins is how often a thread that has nothing to do looks before it sleeps, about
// 30 µs. Waking a sleeping thread takes as long as a small product.
const idleSpins = 1 << 13

// minPart is the least work of a part, in products of a code and an activation: less
// is not worth waking a worker for. It is an estimate.
const minPart = 1 << 17

// NewPool starts threads-1 workers. Close ends them.
func NewPool(threads int) (*Pool, error) {
	if threads < 1 || threads > 1024 {
		return nil, fmt.Errorf("kernel: a pool of %d threads, want 1 to 1024", threads)
	}
	p := &Pool{wake: make([]chan struct{}, threads-1), scratch: make([]scratch, threads)}
	if threads <= runtime.GOMAXPROCS(0) { // otherwise who looks is in the way of who works
		p.spins = idleSpins
	}
	for i := range p.scratch {
		p.scratch[i].planes = aligned[plane](4 * maxSegment)
	}
	for i := range p.wake {
		wake := make(chan struct{}, 1)
		p.wake[i] = wake
		p.workers.Go(func() {
			for p.wait(wake) {
				p.job.work(&p.scratch[i+1])
				p.left.Add(-1)
				p.busy.Done()
			}
		})
	}
	return p, nil
}

// wait returns true when there is a job, and false after Close.
func (p *Pool) wait(wake chan struct{}) bool {
	for range p.spins {
		select {
		case _, ok := <-wake:
			return ok
		default:
		}
	}
	_, ok := <-wake
	return ok
}

// Threads is the number of threads, the caller's included.
func (p *Pool) Threads() int { return len(p.scratch) }

// Close ends the workers and waits for them. Closing twice does nothing.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	for _, w := range p.wake {
		close(w)
	}
	p.workers.Wait()
}

// Multiply writes x·mᵀ to y [rows of x, rows of m]: each value is the exact sum of
// codes, converted to float32, times the scale of its activations, times the scale of
// its weights.
func (p *Pool) Multiply(y []float32, m *Matrix, x *Activations) error {
	switch {
	case m.cols != x.cols:
		return fmt.Errorf("kernel: activations of %d values for a weight of %d columns", x.cols, m.cols)
	case len(y) != x.rows*m.rows:
		return fmt.Errorf("kernel: room for %d results, want %d rows of %d", len(y), x.rows, m.rows)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.job.set(y, m, x, p.Threads())
	helpers := min(len(p.wake), p.job.parts-1)
	p.busy.Add(helpers)
	p.left.Store(int32(helpers))
	for i := range helpers {
		p.wake[i] <- struct{}{}
	}
	p.job.work(&p.scratch[0])
	for i := 0; i < p.spins && p.left.Load() > 0; i++ {
	}
	p.busy.Wait()
	p.job.y, p.job.m, p.job.x = nil, nil, nil
	return nil
}

// set divides a product into four parts for each thread, so that one that is late
// holds up the others little, or fewer where they would be small.
func (j *job) set(y []float32, m *Matrix, x *Activations, threads int) {
	j.y, j.m, j.x = y, m, x
	all := groups(m.rows)
	work := int64(all) * int64(group*block*m.blocks) * int64(x.rows)
	parts := int64(1)
	if threads > 1 {
		parts = max(1, min(work/minPart, int64(all), int64(4*threads)))
	}
	j.part = (all + int(parts) - 1) / int(parts)
	j.parts = (all + j.part - 1) / j.part
	j.next.Store(0)
}

func (j *job) work(s *scratch) {
	for i := int(j.next.Add(1)) - 1; i < j.parts; i = int(j.next.Add(1)) - 1 {
		from, to := i*j.part, min((i+1)*j.part, groups(j.m.rows))
		multiply(j.y, j.m, j.x, from, to, s)
	}
}
