package lm

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/arch/mhc"
)

// sublayers are the places in a block that touch the stream.
var sublayers = [2]string{"self_attn", "mlp"}

// mhcParams are the parameters of the hyper-connections of one sublayer. Blocks behind
// the model's own, those of MTP heads, have a plain residual.
func (c Config) mhcParams(block, sublayer int) []Param {
	if !c.MHC.Enabled() || block >= c.NumLayers {
		return nil
	}
	path := fmt.Sprintf("model.layers.%d.%s_mhc.", block, sublayers[sublayer])
	phi := vectorParam(path+"phi", 0, block, 0)
	phi.Shape = c.MHC.PhiShape(c.Dim)
	bias := vectorParam(path+"bias", c.MHC.Width(), block, 0)
	bias.Values = c.MHC.InitBias(len(sublayers)*block + sublayer)
	return []Param{phi, bias, vectorParam(path+"alpha", 3, block, mhc.InitAlpha)}
}

// What the measures of hyper-connections begin with; the place of the sublayer in
// the forward pass follows, see mhc.Gains. The cosine is that of the streams that
// the sublayer reads.
const (
	MeasureLayerGain    = "mhc/layer/"
	MeasureForwardGain  = "mhc/forward/"
	MeasureBackwardGain = "mhc/backward/"
	MeasureAttenuation  = "mhc/attenuation/"
	MeasureResidual     = "mhc/residual/"
	MeasureCosine       = "mhc/cosine/"
)

// hyperConnections is a stream [B, R, n, C] that sublayers read, mix and write as
// package mhc says.
type hyperConnections struct{ mhc.Config }

// Open copies the embedding to every stream.
func (s hyperConnections) Open(_ *Build, x *Node) *Node { return mhc.Open(x, s.Streams) }

// Apply implements Stream.
func (s hyperConnections) Apply(c *Build, at Sublayer, h *Node, sublayer func(x *Node) *Node) *Node {
	dims := h.Shape().Dimensions
	x := Reshape(h, -1, dims[2], dims[3]) // once: adjoints are added up in this shape, not in h's
	maps := s.Maps(x, mhc.Weights{
		Phi: c.Param(at.Path + "_mhc.phi"), Bias: c.Param(at.Path + "_mhc.bias"), Alpha: c.Param(at.Path + "_mhc.alpha")})
	if c.Measured() {
		g := c.gains.Add(maps.Res)
		for _, m := range []struct {
			name  string
			value *Node
		}{{MeasureLayerGain, g.Layer}, {MeasureForwardGain, g.Forward}, {MeasureBackwardGain, g.Backward},
			{MeasureAttenuation, g.Attenuation}, {MeasureResidual, g.Residual}, {MeasureCosine, mhc.Cosine(x)}} {
			c.Measure(fmt.Sprintf("%s%03d", m.name, g.Depth), m.value)
		}
	}
	x = mhc.Apply(x, maps, func(u *Node) *Node {
		return Reshape(sublayer(Reshape(u, dims[0], dims[1], dims[3])), -1, dims[3])
	})
	return Reshape(x, dims...)
}

// Close is the mean of the streams.
func (s hyperConnections) Close(_ *Build, h *Node) *Node { return mhc.Close(h) }
