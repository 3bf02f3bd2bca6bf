package mtp

import (
	"fmt"
	"math"
	"slices"
)

// Curriculum says which heads count when, see the package comment.
type Curriculum string

// The curricula.
const (
	ConstantCurriculum Curriculum = "constant"
	ForwardCurriculum  Curriculum = "forward"
	ReverseCurriculum  Curriculum = "reverse"
	DecayCurriculum    Curriculum = "decay"
)

// Curricula are all of them.
var Curricula = []Curriculum{ConstantCurriculum, ForwardCurriculum, ReverseCurriculum, DecayCurriculum}

// Validate says whether the curriculum is known.
func (c Curriculum) Validate() error {
	if !slices.Contains(Curricula, c) {
		return fmt.Errorf("mtp: curriculum %q, want one of %q", c, Curricula)
	}
	return nil
}

// Weights are those of the heads when a share of the run, in [0, 1], is over.
func (c Curriculum) Weights(all []float64, share float64) []float32 {
	most := float64(len(all) + 1) // predictions, the next token's included
	passed := math.Floor(share * most)
	active := len(all)
	switch c {
	case ForwardCurriculum:
		active = int(math.Min(most, passed+1)) - 1
	case ReverseCurriculum, DecayCurriculum:
		active = int(math.Max(1, most-passed)) - 1
	}
	out := make([]float32, len(all))
	for k := range active {
		out[k] = float32(all[k])
	}
	if c == DecayCurriculum && active > 0 {
		out[active-1] = float32(all[active-1] * (1 - (share*most - passed)))
	}
	return out
}
