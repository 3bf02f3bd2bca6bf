package infer

import (
	"sync"
	"sync/atomic"
)

// minTask is the least work worth handing to another goroutine, in units of
// about a nanosecond.
const minTask = 20_000

// pool is a fixed set of worker goroutines. A nil pool runs everything on the
// caller.
type pool struct {
	threads int
	jobs    chan *job
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
	for range threads - 1 {
		p.workers.Go(func() {
			for j := range p.jobs {
				j.work()
			}
		})
	}
	return p
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
	<-j.finished
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

// ranges divides [0, n) into parts that begin at multiples of align and cost at
// least minTask each, when one element costs the given nanoseconds.
func (p *pool) ranges(n, align, cost int, f func(from, to int)) {
	parts := 1
	if p != nil {
		parts = max(1, min(n*cost/minTask, 4*p.threads))
	}
	size := ((n+parts-1)/parts + align - 1) / align * align
	p.each((n+size-1)/size, func(task int) {
		f(task*size, min((task+1)*size, n))
	})
}
