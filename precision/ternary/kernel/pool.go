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
	done    chan struct{}   // the last worker at a job that its caller has left
	scratch []Scratch       // one for each thread, the caller's first
	spins   int
	workers sync.WaitGroup
}

// job is one product. Threads take parts until there are none left. A worker that comes
// too late for a part is not waited for.
type job struct {
	y      []float32
	m      *Matrix
	x      *Activations
	groups int // groups of rows of weights in a part
	parts  int
	next   atomic.Int64
	users  atomic.Int64 // threads at the job; 0 means that it is over
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
	p := &Pool{wake: make([]chan struct{}, threads-1), done: make(chan struct{}, 1), scratch: make([]Scratch, threads)}
	if threads <= runtime.GOMAXPROCS(0) { // otherwise who looks is in the way of who works
		p.spins = idleSpins
	}
	for i := range p.wake {
		wake := make(chan struct{}, 1)
		p.wake[i] = wake
		p.workers.Go(func() {
			for p.receive(wake) {
				p.help(&p.scratch[i+1])
			}
		})
	}
	return p, nil
}

// receive returns false when c is closed.
func (p *Pool) receive(c chan struct{}) bool {
	for range p.spins {
		select {
		case _, ok := <-c:
			return ok
		default:
		}
	}
	_, ok := <-c
	return ok
}

// help works at the job unless it is over.
func (p *Pool) help(s *Scratch) {
	for n := p.job.users.Load(); n > 0; n = p.job.users.Load() {
		if p.job.users.CompareAndSwap(n, n+1) {
			p.job.work(s)
			if p.job.users.Add(-1) == 0 {
				p.done <- struct{}{}
			}
			return
		}
	}
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
	if err := m.check(y, x); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.job.set(y, m, x, p.Threads())
	for _, w := range p.wake[:min(len(p.wake), p.job.parts-1)] {
		select {
		case w <- struct{}{}:
		default: // it has not seen the last job yet and finds this one
		}
	}
	p.job.work(&p.scratch[0])
	if p.job.users.Add(-1) > 0 {
		p.receive(p.done)
	}
	p.job.y, p.job.m, p.job.x = nil, nil, nil
	return nil
}

// set divides a product into four parts for each thread, so that one that is late
// holds up the others little, or fewer where they would be small.
func (j *job) set(y []float32, m *Matrix, x *Activations, threads int) {
	j.y, j.m, j.x = y, m, x
	all := groups(m.rows)
	j.groups = all
	if threads > 1 {
		work := int64(all) * int64(group*step*m.steps) * int64(x.rows)
		parts := max(1, min(work/minPart, int64(all), int64(4*threads)))
		j.groups = (all + int(parts) - 1) / int(parts)
	}
	j.parts = (all + j.groups - 1) / j.groups
	j.next.Store(0)
	j.users.Store(1)
}

func (j *job) work(s *Scratch) {
	for i := int(j.next.Add(1)) - 1; i < j.parts; i = int(j.next.Add(1)) - 1 {
		from := i * j.groups
		multiply(j.y, j.m, j.x, from, min(from+j.groups, groups(j.m.rows)), s)
	}
}
