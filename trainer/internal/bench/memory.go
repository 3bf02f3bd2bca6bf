package bench

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/compute"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/optim"

	"github.com/nanochat-go/nanochat/trainer/internal/backend"
	"github.com/nanochat-go/nanochat/trainer/internal/run"
)

// MemoryOptions describe the training whose memory is measured.
type MemoryOptions struct {
	Model     lm.Config
	Optimizer *optim.Optimizer
	Batch     int
	// Accumulate is the number of batches for each update.
	Accumulate int
	// Steps is the number of updates that are measured, after two that are not.
	Steps int
}

// MemoryResult is the resident size of this process, in bytes, at points of a
// training.
type MemoryResult struct {
	Start int64 `json:"start"` // before the model exists
	// First is the largest size up to the end of the first two updates: the host's
	// initial values and the compiler are in it.
	First int64 `json:"first"`
	Peak  int64 `json:"peak"`  // the largest size during the measured updates
	After int64 `json:"after"` // at the end
	State int64 `json:"state"` // bytes of the optimizer's live variables
}

// Memory trains on random tokens and reports how much memory the process took.
// It wants a process of its own: what one has used before counts.
func Memory(ctx context.Context, b compute.Backend, o MemoryOptions) (MemoryResult, error) {
	var r MemoryResult
	if o.Steps < 1 || o.Batch < 1 || o.Accumulate < 1 {
		return r, fmt.Errorf("%d steps of %d times %d rows, want at least 1 of each", o.Steps, o.Accumulate, o.Batch)
	}
	if err := resetPeak(); err != nil {
		return r, err
	}
	var err error
	if r.Start, _, err = resident(); err != nil {
		return r, err
	}
	m, err := lm.New(o.Model, lm.WithShards(backend.Shards(b, o.Batch*o.Model.Context)))
	if err != nil {
		return r, err
	}
	s, err := run.NewStepper(b, m, o.Optimizer, 1)
	if err != nil {
		return r, err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	steps := func(n int) error {
		for range n {
			if err := ctx.Err(); err != nil {
				return err
			}
			var batches []run.Rows
			for range o.Accumulate {
				batches = append(batches, randomRows(rng, TrainOptions{Model: o.Model, Batch: o.Batch}))
			}
			if _, err := s.Train(batches); err != nil {
				return err
			}
		}
		return nil
	}
	// The first update compiles and releases what only it needs.
	if err := steps(2); err != nil {
		return r, err
	}
	if _, r.First, err = resident(); err != nil {
		return r, err
	}
	if err := resetPeak(); err != nil {
		return r, err
	}
	if err := steps(o.Steps); err != nil {
		return r, err
	}
	r.After, r.Peak, err = resident()
	r.State = optim.StateBytes(s.Store)
	return r, err
}
