package infer

import (
	"fmt"

	"github.com/nanochat-go/nanochat/arch/mhc"
	"github.com/nanochat-go/nanochat/precision/gemv"
)

// mixer has the hyper-connections of a sublayer.
type mixer struct{ phi, bias, alpha []float32 }

// loadMixer returns those of a sublayer, nil where it has none.
func (e *Engine) loadMixer(layer int, sublayer string, tensors map[string][]float32) *mixer {
	at := func(name string) []float32 {
		return tensors[fmt.Sprintf("model.layers.%d.%s_mhc.%s", layer, sublayer, name)]
	}
	if at("phi") == nil {
		return nil
	}
	return &mixer{at("phi"), at("bias"), at("alpha")}
}

func (m *mixer) size() int {
	if m == nil {
		return 0
	}
	return len(m.phi) + len(m.bias) + len(m.alpha)
}

// fitStreams grows the scratch memory of hyper-connections to n items.
func (e *Engine) fitStreams(sc *scratch, n int) {
	sc.u, sc.products = make([]float32, n*e.cfg.Dim), make([]float32, n*e.cfg.MHC.Products())
	for range n {
		sc.maps = append(sc.maps, e.cfg.MHC.NewHostMaps())
	}
}

// read returns what a sublayer reads of the streams [n, C], and keeps the maps for
// mix. Without hyper-connections it is the stream itself.
func (e *Engine) read(p *pool, sc *scratch, n int, m *mixer) []float32 {
	if m == nil {
		return sc.h
	}
	c := e.cfg.MHC
	dim, parts := e.cfg.Dim, c.Vectors()
	k, outputs := e.width/parts, c.Products()/parts
	p.ranges(n, 1, outputs*e.width*parts/8, func(from, to int) {
		for i := from; i < to; i++ {
			x, products := sc.h[i*e.width:(i+1)*e.width], sc.products[i*c.Products():(i+1)*c.Products()]
			for part := range parts {
				v, out := x[part*k:(part+1)*k], products[part*outputs:(part+1)*outputs]
				gemv.Multiply(out, outputs, gemv.Matrix[float32]{W: m.phi, Cols: k, Stride: k}, v, 1, 0, outputs)
				inv := mhc.InverseNorm(v)
				for j := range out {
					out[j] *= inv
				}
			}
			sc.maps[i].Compute(products, m.bias, m.alpha)
			sc.maps[i].Read(sc.u[i*dim:(i+1)*dim], x)
		}
	})
	return sc.u
}

// mix writes what a sublayer made to the streams, by the maps of read.
func (e *Engine) mix(p *pool, sc *scratch, n int) {
	dim := e.cfg.Dim
	p.ranges(n, 1, e.width*e.cfg.MHC.Streams, func(from, to int) {
		for i := from; i < to; i++ {
			sc.maps[i].Write(sc.h[i*e.width:(i+1)*e.width], sc.add[i*dim:(i+1)*dim])
		}
	})
}

// closeStreams writes the mean of the streams of a row to out, which may lie before
// them in the same memory.
func closeStreams(out, streams []float32) {
	dim, n := len(out), len(streams)/len(out)
	if n == 1 {
		copy(out, streams)
		return
	}
	for c := range out {
		sum := float32(0)
		for at := c; at < len(streams); at += dim {
			sum += streams[at]
		}
		out[c] = sum / float32(n)
	}
}
