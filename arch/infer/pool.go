package infer

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// minTask is the least work worth handing to another goroutine, in units of
// about a nanosecond.
const minTask = 4_000

// idleSpins is how often a thread that has nothing to do looks before it sleeps, about
// 30 µs: waking it takes as long as a small product.
const idleSpins = 1 << 13

// pool is a fixed set of worker goroutines. A nil pool runs everything on the
// caller.
type pool struct {
	threads int
	jobs    chan *job
	spins   int
	workers sync.WaitGroup
}

// job is one parallel loop.
type job struct {
	tasks      int64
	f          func(task int)
	next, left atomic.Int64
	finished   chan struct{}
}

// newPool starts threads-1 workers: the caller of run is the last one.
func newPool(threads int) *pool {
	p := &pool{threads: threads, jobs: make(chan *job, threads)}
	if threads <= runtime.GOMAXPROCS(0) { // otherwise who looks is in the way of who works
		p.spins = idleSpins
	}
	for range threads - 1 {
		p.workers.Go(func() {
			for j := p.next(); j != nil; j = p.next() {
				j.work()
			}
		})
	}
	return p
}

// next is the next job, nil when the pool is closed.
func (p *pool) next() *job {
	for range p.spins {
		select {
		case j := <-p.jobs:
			return j
		default:
		}
	}
	return <-p.jobs
}

// close ends the workers and waits for them. No run may be in progress.
func (p *pool) close() {
	close(p.jobs)
	p.workers.Wait()
}

// each calls f for 0 … tasks-1, on several goroutines when there are any. It
// may be called concurrently: workers join whichever loop asks first.
func (p *pool) each(tasks int, f func(task int)) {
	if p == nil || p.threads == 1 || tasks < 2 {
		for i := range tasks {
			f(i)
		}
		return
	}
	j := &job{tasks: int64(tasks), f: f, finished: make(chan struct{})}
	j.left.Store(j.tasks)
offer:
	for range min(tasks, p.threads) - 1 {
		select {
		case p.jobs <- j:
		default: // every worker has something waiting already
			break offer
		}
	}
	j.work()
	for i := 0; i < p.spins && j.left.Load() > 0; i++ {
		// another thread is at the last task
	}
	if j.left.Load() > 0 {
		<-j.finished
	}
}

// work takes tasks until there are none left.
func (j *job) work() {
	for i := j.next.Add(1) - 1; i < j.tasks; i = j.next.Add(1) - 1 {
		j.f(int(i))
		if j.left.Add(-1) == 0 {
			close(j.finished)
		}
	}
}

// parts is how many parts work is divided into that takes the given nanoseconds.
func (p *pool) parts(cost int) int {
	if p == nil {
		return 1
	}
	return max(1, min(cost/minTask, 4*p.threads))
}

// ranges divides [0, n) into parts that begin at multiples of align and cost at
// least minTask each, when one element costs the given nanoseconds.
func (p *pool) ranges(n, align, cost int, f func(from, to int)) {
	parts := p.parts(n * cost)
	size := ((n+parts-1)/parts + align - 1) / align * align
	p.each((n+size-1)/size, func(task int) {
		f(task*size, min((task+1)*size, n))
	})
}
