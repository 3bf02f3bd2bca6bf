package backend

import (
	"time"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// quick is the time of two products of 512 × 512 below which the peak is
// measured on larger ones, where fast kernels do better.
const quick = 20 * time.Millisecond

// Peak measures the floating-point operations per second of float32 matrix
// products on a backend: the best of what 300 ms allow for matrices of
// 512 × 512, or of 1024 × 1024 where those are quick.
func Peak(b compute.Backend) (float64, error) {
	best, took, err := products(b, 512)
	if err == nil && took < quick {
		var larger float64
		larger, _, err = products(b, 1024)
		best = max(best, larger)
	}
	return best, err
}

// products returns the rate and the time of the fastest run of two products
// of n × n, after one that is not timed.
func products(b compute.Backend, n int) (rate float64, best time.Duration, err error) {
	exec, err := NewExec(b, func(x *Node) *Node { return ReduceAllSum(MatMul(MatMul(x, x), x)) })
	if err != nil {
		return 0, 0, err
	}
	defer exec.Finalize()
	x := tensors.FromFlatDataAndDimensions(make([]float32, n*n), n, n)
	for begin, i := time.Now(), 0; i < 2 || time.Since(begin) < 300*time.Millisecond; i++ {
		start := time.Now()
		out, err := exec.Call1(x)
		if err != nil {
			return 0, 0, err
		}
		out.FinalizeAll()
		if took := time.Since(start); i > 0 && (best == 0 || took < best) {
			best = took
		}
	}
	return 2 * 2 * float64(n) * float64(n) * float64(n) / best.Seconds(), best, nil
}
