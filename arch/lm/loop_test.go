package lm

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: leaving out the norm in Forward.between, or ignoring the depth in
// WithDepth, makes these tests fail (and TestEqualsReference its loops).

// TestOneLoopIsPlain: a single pass is the plain model, bit by bit.
func TestOneLoopIsPlain(t *testing.T) {
	c := referenceConfig()
	r := referenceOf(c, 5)
	rows := referenceRows(c.Context, c.VocabSize)
	run := func(c Config) evaluation {
		m, err := New(c)
		require.NoError(t, err)
		return lossAndGradients(t, m, storeOf(t, m, r), rows)
	}
	plain := run(c)
	c.Loop.Loops = 1
	require.Equal(t, plain, run(c))
}

// TestDepth: a model of three loops that stops after m is the model of m loops.
func TestDepth(t *testing.T) {
	c := referenceConfig()
	c.Loop.Loops = 3
	r := referenceOf(c, 5)
	tokens, pos, seg := row(rand.New(rand.NewPCG(3, 3)), c.VocabSize, 9)
	run := func(loops, depth int) []float64 {
		c := c
		c.Loop.Loops = loops
		m, err := New(c, WithDepth(depth))
		require.NoError(t, err)
		return wide(runRows(t, m, storeOf(t, m, r), tokens, pos, seg))
	}
	for depth := range 4 {
		require.Equal(t, run(depth+1, 0), run(3, depth+1), "depth %d", depth+1)
	}
	require.Equal(t, run(3, 0), run(3, 3))
	require.NotEqual(t, run(3, 2), run(3, 3))
}
