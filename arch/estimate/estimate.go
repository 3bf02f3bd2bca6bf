package estimate

import (
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/precision/ternary/kernel"
)

// Parameters counts the values of a model.
type Parameters struct {
	Total        int
	ByClass      map[lm.Class]int
	NonEmbedding int // without embedding and head
	Matmul       int // that a token is multiplied with: blocks, as often as they run, and head; without MTP heads
	Heads        int // that it is multiplied with besides in training: MTP heads, and the head for all but the last exit
}

// Count counts the parameters of c.
func Count(c lm.Config) Parameters {
	c = c.WithDefaults()
	layers := c.NumLayers
	perBlock := 2*c.Dim*c.NumHeads*c.HeadDim + 2*c.Dim*kvWidth(c) + mlpMatrices(c)*c.Dim*c.HiddenDim
	table := c.VocabSize * c.Dim
	perHead := perBlock
	if c.MTP.Kind == lm.Sequential { // M
		perHead += 2 * c.Dim * c.Dim
	}
	p := Parameters{
		ByClass: map[lm.Class]int{lm.Matrix: layers*perBlock + c.MTP.Heads*perHead,
			lm.Embedding: table + valueLayers(c)*c.VocabSize*kvWidth(c)},
		Matmul: c.Passes()*layers*perBlock + table,
		Heads:  c.MTP.Heads * (perHead + table),
	}
	if c.Loop.Gate {
		p.Heads += (c.Passes() - 1) * (table + c.Dim)
	}
	if n := vectors(c); n > 0 {
		p.ByClass[lm.Vector] = n
	}
	if !c.Tied {
		p.ByClass[lm.Head] = table
	}
	for _, n := range p.ByClass {
		p.Total += n
	}
	p.NonEmbedding = p.Total - p.ByClass[lm.Embedding] - p.ByClass[lm.Head]
	return p
}

// vectors counts gains, factors and gates.
func vectors(c lm.Config) int {
	blocks := c.NumLayers + c.MTP.Heads
	gains, rest := 2*c.Dim*blocks+c.Dim, valueLayers(c)*min(12, c.Dim)*c.NumKVHeads
	add := func(on bool, to *int, n int) {
		if on {
			*to += n
		}
	}
	add(c.QKNorm, &gains, blocks*2*c.HeadDim)
	add(c.SubLN, &gains, blocks*(c.NumHeads*c.HeadDim+c.HiddenDim))
	add(c.SandwichNorm, &gains, blocks*2*c.Dim)
	add(c.MTP.Kind == lm.Sequential, &gains, c.MTP.Heads*2*c.Dim)
	add(c.EmbedNorm, &gains, c.Dim)
	add(c.NoGain, &gains, -gains)
	add(c.Loop.Gate, &rest, c.Dim+1)
	add(c.ResidualScalars, &rest, 2*c.NumLayers)
	add(c.Smear, &rest, min(24, c.Dim)+1)
	add(c.Backout, &rest, 1)
	return gains + rest + mhcParameters(c)
}

// valueLayers is the number of layers with a value embedding: every second one.
func valueLayers(c lm.Config) int {
	if !c.ValueEmbed {
		return 0
	}
	return (c.NumLayers + 1) / 2
}

func kvWidth(c lm.Config) int { return c.NumKVHeads * c.HeadDim }

// mlpMatrices is the number of matrices of an MLP.
func mlpMatrices(c lm.Config) int {
	if c.Gated() {
		return 3
	}
	return 2
}

// spanSum is Σ over the layers that run of the keys that a row of n tokens lets a query see.
func spanSum(c lm.Config, n int) int {
	sum := 0
	for l := range c.NumLayers {
		sum += span(c, l, n)
	}
	return c.Passes() * sum
}

// span is that of one layer.
func span(c lm.Config, layer, n int) int {
	if w := c.LayerWindow(layer); w > 0 {
		return min(n, w)
	}
	return n
}

// TrainFLOPs is the number of operations of a training step for each token of
// rows of seqLen tokens.
func TrainFLOPs(c lm.Config, seqLen int) float64 {
	c = c.WithDefaults()
	heads := 2*float64(Count(c).Heads) + 4*float64(c.NumHeads*c.HeadDim)*float64(c.MTP.Heads*span(c, c.NumLayers, seqLen))
	return 3 * (ForwardFLOPs(c, seqLen) + heads)
}

// ForwardFLOPs is the number of operations for each token of what predicts the
// next one: a forward pass without MTP heads and exits.
func ForwardFLOPs(c lm.Config, seqLen int) float64 {
	c = c.WithDefaults()
	return 2*float64(Count(c).Matmul) + 4*float64(c.NumHeads*c.HeadDim)*float64(spanSum(c, seqLen)) + mhcFLOPs(c)
}

// DecodeFLOPs is the number of operations for one token that is the last of n.
func DecodeFLOPs(c lm.Config, n int) float64 { return ForwardFLOPs(c, n) }

// MFU is the share of a machine's peak, in FLOPs per second, that training at
// the given tokens per second makes use of; 0 when the peak is not known.
func MFU(c lm.Config, seqLen int, tokensPerSecond, peak float64) float64 {
	if peak <= 0 {
		return 0
	}
	return TrainFLOPs(c, seqLen) * tokensPerSecond / peak
}

// KVCache is the bytes that a row's cache takes in package infer for tokens.
func KVCache(c lm.Config, tokens int) int64 {
	c = c.WithDefaults()
	perToken := 8 * int64(c.Passes()*c.NumLayers) * int64(kvWidth(c))
	if c.Loop.Loops > 0 { // the stream between passes
		perToken += 4 * int64(c.Dim*streams(c))
	}
	return perToken * int64(tokens)
}

// Serving is the bytes of the weights in package infer. A tied head shares the
// embedding's.
func Serving(c lm.Config) int64 {
	c = c.WithDefaults()
	total := int64(0)
	for _, p := range c.Params() {
		if c.Ternary && p.Class == lm.Matrix {
			total += kernel.Bytes(p.Shape[1], p.Shape[0])
		} else {
			total += 4 * int64(p.Size())
		}
	}
	return total
}
