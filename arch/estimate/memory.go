package estimate

import (
	"github.com/nanochat-go/nanochat/arch/lm"
)

// Memory is bytes by what they hold.
type Memory struct {
	Weights, Gradients int64
	// Activations and Scores wait for the backward pass, Logits are those of the
	// loss, and Working is what the backward pass of a block needs beyond the
	// logits, whose place it takes, and what products pack.
	Activations, Scores, Logits, Working int64
}

// Total is the sum of all parts.
func (m Memory) Total() int64 { return m.Weights + m.Gradients + m.PerBatch() }

// PerBatch is the sum of the parts that grow with the batch.
func (m Memory) PerBatch() int64 { return m.Activations + m.Scores + m.Logits + m.Working }

// queryBlock is the number of rows whose scores package lm computes together.
const queryBlock = 128

// meanKeys is the mean over the rows of a sequence of the keys in their block's
// scores: a block leaves out what all of its rows do not see.
func meanKeys(c lm.Config, layer, n int) float64 {
	if n <= queryBlock {
		return float64(n)
	}
	window, sum := c.LayerWindow(layer), 0
	for start := 0; start < n; start += queryBlock {
		end, first := min(start+queryBlock, n), 0
		if window > 0 {
			first = max(0, start-window+1)
		}
		sum += (end - start) * (end - first)
	}
	return float64(sum) / float64(n)
}

// sublayerValues are the values that a token leaves in each sublayer of a block.
func sublayerValues(c lm.Config) (attention, feedForward int) {
	heads := c.NumHeads * c.HeadDim
	attention, feedForward = 2*c.Dim+3*heads+2*kvWidth(c), 2*c.Dim+2*c.HiddenDim
	add := func(on bool, to *int, n int) {
		if on {
			*to += n
		}
	}
	add(c.Gated(), &feedForward, 2*c.HiddenDim)
	add(c.QKNorm, &attention, heads+kvWidth(c))
	add(c.SubLN, &attention, heads)
	add(c.SubLN, &feedForward, c.HiddenDim)
	add(c.SandwichNorm, &attention, c.Dim)
	add(c.SandwichNorm, &feedForward, c.Dim)
	add(c.ResidualScalars, &attention, c.Dim)
	add(true, &attention, mhcActivations(c)/2)
	add(true, &feedForward, mhcActivations(c)/2)
	return attention, feedForward
}

// Train predicts the bytes of a training step on batch rows of seqLen tokens,
// without the optimizer's state.
func Train(c lm.Config, batch, seqLen int) Memory {
	c = c.WithDefaults()
	tokens := int64(batch) * int64(seqLen)
	weights := 4 * int64(Count(c).Total)
	m := Memory{Weights: weights, Gradients: weights}
	values, scores := kept(c, seqLen)
	m.Activations, m.Scores = 4*tokens*int64(values), 4*tokens*int64(scores)

	rows := tokens
	if c.LossChunk > 0 {
		rows = min(rows, int64(c.LossChunk))
	}
	widest := max(c.HiddenDim, c.Dim, c.NumHeads*c.HeadDim)
	m.Logits = 4 * (2*rows*int64(c.VocabSize) + 5*tokens*int64(c.Dim))
	backward := 4 * tokens * int64(mlpMatrices(c)*c.HiddenDim+7*c.Dim+int(largestScores(c, seqLen)))
	m.Working = max(backward-m.Logits, 0) + 16*tokens*int64(widest)
	return m
}

func largestScores(c lm.Config, seqLen int) float64 {
	largest := 0.0
	for l := range c.NumLayers {
		largest = max(largest, float64(c.NumHeads)*meanKeys(c, l, seqLen))
	}
	return largest
}

// kept counts the values and scores that a token leaves for the backward pass.
func kept(c lm.Config, seqLen int) (values, scores float64) {
	attention, feedForward := sublayerValues(c)
	if k := c.Remat; k > 0 {
		// Groups of k sublayers, of which the last block begins one.
		groups := (2*(c.NumLayers-1)+k-1)/k + (2+k-1)/k
		blocks := float64(min(k, max(2*(c.NumLayers-1), 2))) / 2 // in the largest group
		inside := blocks * float64(attention+feedForward)
		if k == 1 {
			inside = float64(max(attention, feedForward))
		}
		return float64(c.Passes()*groups*c.Dim*streams(c)+c.MTP.Heads*c.Dim) + inside, max(blocks, 1) * largestScores(c, seqLen)
	}
	for l := range c.NumLayers {
		scores += float64(c.Passes()*c.NumHeads) * meanKeys(c, l, seqLen)
	}
	scores += float64(c.MTP.Heads*c.NumHeads) * meanKeys(c, c.NumLayers, seqLen)
	return float64((c.Passes()*c.NumLayers + c.MTP.Heads) * (attention + feedForward)), scores
}
