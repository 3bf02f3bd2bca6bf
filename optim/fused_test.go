package optim_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers/attention"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/muon"
)

// Mutation: leaving out p.Parts in listed, or dropping them in Muon's Direction,
// fails here.

// fused is attention of two heads of 4 with one matrix for query, key and value.
func fused(scope *model.Scope, x *Node) *Node {
	return attention.SelfAttention(scope, x, 2, 4).UseQKVProjection().Done()
}

// listed builds the variables of a network and describes them: the fused
// projection has three parts.
func listed(t *testing.T, store *model.Store, input *tensors.Tensor) (params []optim.Param) {
	_, err := model.CallOnce(optimtest.Backend, store, fused, input)
	require.NoError(t, err)
	for v := range store.IterVariables() {
		if !v.Trainable {
			continue
		}
		p := optim.Describe(v)
		if strings.HasSuffix(p.Name, "/weights_qkv") {
			p.Parts = []int{8, 8, 8}
		}
		params = append(params, p)
	}
	return params
}

// TestFusedProjection follows the README: GoMLX's fused projection is one matrix
// for the optimizer that finds its parameters itself, and three for one that was
// told. Five classic steps leave singular values between 0.68 and 1.2, so that
// the squared norm of a step of n orthonormal directions is between 0.46·n and
// 1.44·n: n is 8 for the matrix [8, 24] and 24 for three of [8, 8].
func TestFusedProjection(t *testing.T) {
	const path = "/MultiHeadAttention/qkv/weights_qkv"
	step := func(tell bool) float64 {
		rng := rand.New(rand.NewPCG(1, 1))
		random := func() []*tensors.Tensor {
			return []*tensors.Tensor{optimtest.Tensor([]int{4, 3, 8}, normal(rng, 96, 1))}
		}
		store := newStore(t)
		params := listed(t, store, random()[0])
		groups := []optim.Group{{Class: []string{"matrix"}, Rule: muon.New().WithScale(muon.NoScale), LR: 1}, {Rule: adamw.New(), LR: 1e-9}}
		if !tell {
			params = nil
		}
		o, err := optim.New(params, optim.Config{Groups: groups})
		require.NoError(t, err)
		before := tensors.MustCopyFlatData[float32](store.GetVariable(path).MustValue())
		trainStep(t, newTrainer(store, fused, o), train.Batch{Inputs: random(), Labels: random()})
		after, sum := tensors.MustCopyFlatData[float32](store.GetVariable(path).MustValue()), 0.0
		for i, x := range after {
			sum += float64(x-before[i]) * float64(x-before[i])
		}
		return sum
	}
	one, three := step(false), step(true)
	require.InDelta(t, 0.95*8, one, 0.49*8)
	require.InDelta(t, 0.95*24, three, 0.49*24)
}
