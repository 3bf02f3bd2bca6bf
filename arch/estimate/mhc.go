package estimate

import "github.com/nanochat-go/nanochat/arch/lm"

// streams is the width of the residual stream in units of C.
func streams(c lm.Config) int { return max(1, c.MHC.Streams) }

// mhcParameters counts φ, b and α of the hyper-connections of all sublayers.
func mhcParameters(c lm.Config) int {
	if !c.MHC.Enabled() {
		return 0
	}
	phi := c.MHC.PhiShape(c.Dim)
	return 2 * c.NumLayers * (phi[0]*phi[1] + c.MHC.Width() + 3)
}

// mhcFLOPs is what the hyper-connections add to a forward pass for each token: the
// products with φ, the norm before them, reading, mixing and writing.
func mhcFLOPs(c lm.Config) float64 {
	if !c.MHC.Enabled() {
		return 0
	}
	n, phi := c.MHC.Streams, c.MHC.PhiShape(c.Dim)
	products := c.MHC.Vectors() * phi[0] * phi[1]
	return float64(c.Passes()*2*c.NumLayers) * float64(2*products+(2+2+2*n+2)*n*c.Dim)
}

// mhcActivations is the number of values that the hyper-connections of a block keep
// for each token: the streams before both sublayers, and the maps.
func mhcActivations(c lm.Config) int {
	if !c.MHC.Enabled() {
		return 0
	}
	n := c.MHC.Streams
	return 2 * (n*c.Dim + c.MHC.Products() + c.MHC.Width() + n*n)
}
