package command

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/arch/looplm"
	"github.com/nanochat-go/nanochat/arch/mtp"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/run"
)

// objective is what a configuration trains for, nil for the next token's loss.
// Its values are the weight of the exits' entropy and those of the heads.
func objective(c config.Config) *run.Objective {
	loop, heads := c.Model.Loop, c.Model.MTP
	if !loop.Enabled && !heads.Enabled {
		return nil
	}
	return &run.Objective{
		Values: func(share float64) []float32 {
			values := []float32{float32(loop.Beta + share*(loop.BetaEnd-loop.Beta))}
			if heads.Enabled {
				values = append(values, mtp.Curriculum(heads.Curriculum).Weights(heads.Weights, share)...)
			}
			return values
		},
		Build: func(values *Node) []lm.Objective {
			var of []lm.Objective
			weights := func() *Node { return SliceAxis(values, 0, AxisRange(1)) }
			switch {
			case heads.Enabled && heads.Kind == config.SharedLogits:
				return []lm.Objective{mtp.Shared{Weights: weights()}}
			case loop.Enabled && loop.Gate == "ouro":
				of = append(of, looplm.Objective{Beta: Reshape(SliceAxis(values, 0, AxisElem(0)))})
			case loop.Enabled && loop.Gate == "uniform":
				of = append(of, looplm.Uniform{})
			default:
				of = append(of, lm.NextToken{})
			}
			if heads.Enabled {
				of = append(of, mtp.Objective{Weights: weights()})
			}
			return of
		},
	}
}
