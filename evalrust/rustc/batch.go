package rustc

import (
	"context"
	"runtime"
	"sync"
)

// CheckAll asks a judge about every source, with at most workers at a time (0
// takes the number of processors), and returns the verdicts in their order.
// Equal sources are judged once. The first error ends the work; the verdicts
// made so far are returned with it.
func CheckAll(ctx context.Context, j Judge, sources []string, workers int) ([]Verdict, error) {
	if workers <= 0 {
		workers = runtime.NumCPU()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	verdicts := make([]Verdict, len(sources))
	first := map[string]int{}
	var distinct []int
	for i, s := range sources {
		if _, ok := first[s]; !ok {
			first[s] = i
			distinct = append(distinct, i)
		}
	}
	jobs := make(chan int)
	var wait sync.WaitGroup
	for range min(workers, len(distinct)) {
		wait.Go(func() {
			for i := range jobs {
				v, err := j.Check(ctx, sources[i])
				if err != nil {
					cancel(err)
					continue
				}
				verdicts[i] = v
			}
		})
	}
feed:
	for _, i := range distinct {
		select {
		case jobs <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(jobs)
	wait.Wait()
	for i, s := range sources {
		verdicts[i] = verdicts[first[s]]
	}
	return verdicts, context.Cause(ctx)
}
