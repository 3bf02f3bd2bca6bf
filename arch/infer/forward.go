package infer

import (
	"math"
	"slices"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/arch/mhc"
	"github.com/nanochat-go/nanochat/precision/gemv"
)

// maxItems is the most tokens that one pass computes together. It bounds the
// scratch memory and keeps the activations of a pass in the cache.
const maxItems = 64

// run is a span being computed.
type run struct {
	row     *row
	first   int      // position of tokens[0]
	tokens  []int32  // that are appended
	wanted  int      // position of outputs[0]
	outputs []output // of the positions from wanted to the end

	ahead func(pos int) int32 // the token that a sequential head reads
}

// output is the logits of a position and when they are taken.
type output struct {
	logits []float32
	depth  int     // passes at most
	exit   float64 // probability of having ended at which it does
	going  float64 // that no pass so far was the last one
	passes int     // after which the logits were taken; 0: not yet
}

// open says whether an output is still to come.
func (w run) open() bool {
	return slices.ContainsFunc(w.outputs, func(o output) bool { return o.passes == 0 })
}

// end is the position behind the last one that the pass has to compute: the
// passes of a position read the keys of all before it.
func (w *run) end(pass int) int {
	if pass == 0 {
		return w.first + len(w.tokens)
	}
	for i := len(w.outputs) - 1; i >= 0; i-- {
		if w.outputs[i].passes == 0 {
			return w.wanted + i + 1
		}
	}
	return 0
}

// item is the token at a position for a pass to compute.
func (w *run) item(pos int) item {
	it := item{row: w.row, pos: pos}
	if w.ahead != nil {
		it.ahead = w.ahead(pos)
	}
	if i := pos - w.wanted; i >= 0 && w.outputs[i].passes == 0 {
		it.out = &w.outputs[i]
	}
	return it
}

// item is one token of a pass.
type item struct {
	row *row
	pos int
	out *output // where its logits go, nil when not wanted

	ahead int32 // the token that a sequential head reads
}

// compute runs the network until every output is there, one pass of the blocks
// after the other. A pass computes for each row what it has not yet seen of it:
// the new tokens and, in a looped model, those that ended earlier.
func (s *Session) compute(work []run) {
	for pass := 0; slices.ContainsFunc(work, run.open); pass++ {
		var parts []part
		for i := range work {
			w := &work[i]
			to := w.end(pass)
			if to == 0 || w.row.filled[pass] >= to {
				continue
			}
			parts = append(parts, part{w, w.row.filled[pass], to})
			w.row.filled[pass] = to
		}
		s.computePass(parts, func(p *pool, sc *scratch, items []item) { s.e.pass(p, sc, items, pass) })
	}
}

// part is positions of a row.
type part struct {
	*run
	from, to int
}

// computePass runs a pass for every position. Tokens of a row
// are in order, and those that are computed together see each other through the
// cache.
func (s *Session) computePass(work []part, pass func(p *pool, sc *scratch, items []item)) {
	for len(work) > 0 {
		blocks := [][]item{nil}
		total := 0
		for _, w := range work {
			total += min(w.to-w.from, maxItems)
		}
		size := min(max(4, (total+s.e.threads-1)/s.e.threads), maxItems)
		var rest []part
		for _, w := range work {
			n := min(w.to-w.from, maxItems)
			last := len(blocks) - 1
			if len(blocks[last])+n > max(size, n) {
				blocks, last = append(blocks, nil), last+1
			}
			for i := range n {
				blocks[last] = append(blocks[last], w.item(w.from+i))
			}
			if w.from += n; w.from < w.to {
				rest = append(rest, w)
			}
		}
		s.passes(blocks, pass)
		work = rest
	}
}

// passes runs one pass for each block: side by side when there are enough
// blocks to keep every worker busy, otherwise one after the other with every
// product divided. The division is chosen for speed only.
func (s *Session) passes(blocks [][]item, pass func(p *pool, sc *scratch, items []item)) {
	for len(s.scratch) < len(blocks) {
		s.scratch = append(s.scratch, &scratch{})
	}
	if len(blocks) >= s.e.threads {
		s.e.pool.each(len(blocks), func(i int) {
			pass(nil, s.e.fit(s.scratch[i], len(blocks[i])), blocks[i])
		})
		return
	}
	for i, b := range blocks {
		pass(s.e.pool, s.e.fit(s.scratch[i], len(b)), b)
	}
}

// scratch is the memory of one pass.
type scratch struct {
	n        int
	h        []float32 // residual stream [n, C], or [n, streams·C] with hyper-connections
	u        []float32 // what sublayers read of that [n, C]
	maps     []*mhc.HostMaps
	products []float32 // of φ and the streams of one row
	first    []float32 // what the stream was before the layers
	middle   []float32 // and after the one that Backout subtracts
	x, y, f  *operand  // normed rows, attention output, MLP hidden
	q, k, v  []float32
	gate, up []float32
	add      []float32 // what a sublayer adds to the stream [n, C]
	scores   []float32 // [n, Context]
	pair     *operand  // normed rows and embeddings that a sequential head reads
	final    *operand  // normed rows that the head reads
	logits   []float32
}

// fit grows the scratch memory to n items.
func (e *Engine) fit(sc *scratch, n int) *scratch {
	if n <= sc.n {
		return sc
	}
	c := e.cfg
	heads, kv := c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	f32 := func(width int) []float32 { return make([]float32, n*width) }
	*sc = scratch{n: n, h: f32(e.width), first: f32(e.width), middle: f32(e.width), add: f32(c.Dim), scores: f32(c.Context),
		x: newOperand(n, c.Dim, c.Ternary), y: newOperand(n, heads, c.Ternary), f: newOperand(n, c.HiddenDim, c.Ternary),
		q: f32(heads), k: f32(kv), v: f32(kv), gate: f32(c.HiddenDim), up: f32(c.HiddenDim),
		final: newOperand(n, c.Dim, false), logits: f32(c.VocabSize)}
	if c.MHC.Enabled() {
		e.fitStreams(sc, n)
	}
	if c.MTP.Kind == lm.Sequential {
		sc.pair = newOperand(n, 2*c.Dim, c.Ternary)
	}
	for _, o := range []*operand{sc.x, sc.y, sc.f} {
		o.watch = e.watch
	}
	return sc
}

// pass computes the items through all layers, appends their keys and values to
// the caches and writes the logits that are taken after it. The first pass
// begins with the embedding, another with the normed stream of the one before.
func (e *Engine) pass(p *pool, sc *scratch, items []item, pass int) {
	dim, width := e.cfg.Dim, e.width
	for i, it := range items {
		h := sc.h[i*width : (i+1)*width]
		if pass == 0 || e.cfg.ResidualScalars {
			e.embed(h[:dim], it.row, it.pos)
			for at := dim; at < width; at += dim {
				copy(h[at:], h[:dim])
			}
			copy(sc.first[i*width:], h)
		}
		for at := 0; pass > 0 && at < width; at += dim {
			from := it.pos*width + at
			rmsNorm(h[at:at+dim], it.row.state[from:from+dim], e.norm, e.cfg.NormEps)
		}
	}
	for l := range e.layers {
		if l == len(e.layers)-1 && e.cfg.MTP.Kind == lm.Parallel {
			e.keepTrunk(sc, items)
		}
		e.mixEmbedding(sc, len(items), e.layers[l].nano)
		e.attention(p, sc, items, &e.layers[l], e.cache(pass, l))
		e.mlp(p, sc, len(items), &e.layers[l])
		e.backout(sc, len(items), l)
	}
	if e.cfg.MTP.Kind == lm.Sequential {
		e.keepTrunk(sc, items)
	}
	if e.cfg.Loop.Loops > 0 {
		for i, it := range items {
			copy(it.row.state[it.pos*width:(it.pos+1)*width], sc.h[i*width:(i+1)*width])
		}
	}
	if width > dim {
		for i := range items {
			closeStreams(sc.h[i*dim:(i+1)*dim], sc.h[i*width:(i+1)*width]) // behind what is read next
		}
	}
	e.unembed(p, sc, items, pass+1)
}

// product is y [n, out] = o·wᵀ.
type product struct {
	w linear
	y []float32
}

// products computes products with the same n rows, divided among the workers together.
func (e *Engine) products(p *pool, o *operand, n int, all ...product) {
	cost := 0
	for _, q := range all {
		cost += q.w.width() * q.w.cost(n)
	}
	share := cost / p.parts(cost/1000)
	type task struct{ of, from, to int }
	var room [64]task
	tasks := room[:0]
	for i, q := range all {
		size := (share/q.w.cost(n) + outAlign) / outAlign * outAlign
		for from := 0; from < q.w.width(); from += size {
			tasks = append(tasks, task{i, from, min(from+size, q.w.width())})
		}
	}
	p.each(len(tasks), func(i int) {
		t := tasks[i]
		all[t.of].w.block(o, n, all[t.of].y, t.from, t.to)
	})
}

// attention adds the attention sublayer of a layer to the stream; cache is the
// number of its keys and values in a row.
func (e *Engine) attention(p *pool, sc *scratch, items []item, w *layer, cache int) {
	c, n := e.cfg, len(items)
	sc.x.round, sc.y.round = w.operands.qkv, w.operands.o
	e.normed(p, sc.x, e.read(p, sc, n, w.mix1), w.norm1, n)
	e.products(p, sc.x, n, product{w.q, sc.q}, product{w.k, sc.k}, product{w.v, sc.v})
	heads, kv := c.NumHeads*c.HeadDim, c.NumKVHeads*c.HeadDim
	p.ranges(n, 1, 4*(heads+kv), func(from, to int) {
		for i := from; i < to; i++ {
			it := items[i]
			e.rotate(sc.q[i*heads:(i+1)*heads], w.qNorm, it.pos)
			e.rotate(sc.k[i*kv:(i+1)*kv], w.kNorm, it.pos)
			w.nano.addValues(sc.v[i*kv:(i+1)*kv], sc.x.row(i), it.row.ids[it.pos])
			copy(it.row.k[cache][it.pos*kv:], sc.k[i*kv:(i+1)*kv])
			copy(it.row.v[cache][it.pos*kv:], sc.v[i*kv:(i+1)*kv])
		}
	})
	keys := 0
	for _, it := range items {
		keys = max(keys, it.pos+1)
	}
	sc.y.resize(n)
	p.ranges(n, 1, keys*heads/16+1, func(from, to int) {
		for i := from; i < to; i++ {
			e.attend(items[i], cache, w.window, sc.q[i*heads:(i+1)*heads], sc.scores[i*c.Context:(i+1)*c.Context], sc.y.row(i))
			e.subNorm(c.SubLN, sc.y.row(i), w.attnNorm)
			sc.y.done(i)
		}
	})
	e.write(p, w.o, sc.y, sc, n, w.write1, w.mix1)
}

// attend writes softmax(q·Kᵀ/√d)·V of every head to y.
func (e *Engine) attend(it item, cache, window int, q, scores, y []float32) {
	c := e.cfg
	d, kv := c.HeadDim, c.NumKVHeads*c.HeadDim
	first := 0
	if window > 0 {
		first = max(0, it.pos-window+1)
	}
	keys, values := it.row.k[cache], it.row.v[cache]
	scores = scores[first : it.pos+1]
	scale := float32(c.ScoreScale())
	for i := range q {
		q[i] *= scale
	}
	clear(y)
	for h := range c.NumHeads {
		at := h * c.NumKVHeads / c.NumHeads * d
		qh, yh := q[h*d:(h+1)*d], y[h*d:(h+1)*d]
		gemv.Multiply(scores, len(scores), gemv.Matrix[float32]{W: keys[first*kv+at:], Cols: d, Stride: kv}, qh, 1, 0, len(scores))
		softmax(scores)
		for j, p := range scores {
			a := (first+j)*kv + at
			gemv.AddScaled(yh, values[a:a+d], p)
		}
	}
}

// softmax replaces s by its softmax.
func softmax(s []float32) {
	top := s[0]
	for _, v := range s {
		top = max(top, v)
	}
	sum := float32(0)
	for i, v := range s {
		s[i] = exp(v - top)
		sum += s[i]
	}
	for i := range s {
		s[i] /= sum
	}
}

// rotate normalises each head of v in a model with QK-norm and applies RoPE.
func (e *Engine) rotate(v, gain []float32, pos int) {
	d, half := e.cfg.HeadDim, e.cfg.HeadDim/2
	cos, sin := e.cos[pos*half:(pos+1)*half], e.sin[pos*half:(pos+1)*half]
	for at := 0; at < len(v); at += d {
		head := v[at : at+d]
		if e.cfg.QKNorm {
			rmsNorm(head, head, gain, e.cfg.NormEps)
		}
		a, b := head[:half], head[half:]
		for t := range a {
			x, y := a[t], b[t]
			a[t], b[t] = x*cos[t]-y*sin[t], y*cos[t]+x*sin[t]
		}
	}
}

// rmsNorm writes x/√(mean(x²)+eps)·gain to out, which may be x; a nil gain is
// ones.
func rmsNorm(out, x, gain []float32, eps float64) {
	// Two sums, since an addition waits for the one before.
	sum, odd := 0.0, 0.0
	for i := 0; i+1 < len(x); i += 2 {
		a, b := float64(x[i]), float64(x[i+1])
		sum += a * a
		odd += b * b
	}
	if n := len(x); n%2 == 1 {
		sum += float64(x[n-1]) * float64(x[n-1])
	}
	sum += odd
	inv := float32(1 / math.Sqrt(sum/float64(len(x))+eps))
	out = out[:len(x)]
	if gain == nil {
		for i, v := range x {
			out[i] = v * inv
		}
		return
	}
	gain = gain[:len(x)]
	for i, v := range x {
		out[i] = v * inv * gain[i]
	}
}

// normed makes o the normed rows of h.
func (e *Engine) normed(p *pool, o *operand, h, gain []float32, n int) {
	o.resize(n)
	p.ranges(n, 1, 3*o.k, func(from, to int) {
		for i := from; i < to; i++ {
			rmsNorm(o.row(i), h[i*o.k:(i+1)*o.k], gain, e.cfg.NormEps)
			o.done(i)
		}
	})
}

// write adds o·wᵀ to the stream, normed in a model with sandwich norms, or mixes it
// in as the maps that read has left say.
func (e *Engine) write(p *pool, w linear, o *operand, sc *scratch, n int, gain []float32, m *mixer) {
	e.products(p, o, n, product{w, sc.add})
	dim := e.cfg.Dim
	if e.cfg.SandwichNorm {
		for i := range n {
			row := sc.add[i*dim : (i+1)*dim]
			rmsNorm(row, row, gain, e.cfg.NormEps)
		}
	}
	if m != nil {
		e.mix(p, sc, n)
		return
	}
	h := sc.h[:n*dim]
	for i, v := range sc.add[:len(h)] {
		h[i] += v
	}
}

// mlp adds the feed-forward sublayer to the stream.
func (e *Engine) mlp(p *pool, sc *scratch, n int, w *layer) {
	sc.x.round, sc.f.round = w.operands.mlp, w.operands.down
	e.normed(p, sc.x, e.read(p, sc, n, w.mix2), w.norm2, n)
	if w.gate != nil {
		e.products(p, sc.x, n, product{w.up, sc.up}, product{w.gate, sc.gate})
	} else {
		e.products(p, sc.x, n, product{w.up, sc.up})
	}
	f := e.cfg.HiddenDim
	sc.f.resize(n)
	p.ranges(n, 1, 10*f, func(from, to int) {
		for i := from; i < to; i++ {
			activate(e.cfg.MLP, sc.f.row(i), sc.gate[i*f:(i+1)*f], sc.up[i*f:(i+1)*f])
			e.subNorm(e.cfg.SubLN, sc.f.row(i), w.mlpNorm)
			sc.f.done(i)
		}
	})
	e.write(p, w.down, sc.f, sc, n, w.write2, w.mix2)
}

// subNorm norms x in place where the model does.
func (e *Engine) subNorm(does bool, x, gain []float32) {
	if does {
		rmsNorm(x, x, gain, e.cfg.NormEps)
	}
}

// activate writes the hidden values of the MLP to out.
func activate(kind string, out, gate, up []float32) {
	gate, up = gate[:len(out)], up[:len(out)]
	switch kind {
	case lm.SwiGLU:
		for i, g := range gate {
			out[i] = g * sigmoid(g) * up[i]
		}
	case lm.ReLU2GLU:
		for i, g := range gate {
			g = max(g, 0)
			out[i] = g * g * up[i]
		}
	case lm.ReLU2:
		for i, u := range up {
			u = max(u, 0)
			out[i] = u * u
		}
	default: // lm.SiLU: Validate admits no other
		for i, u := range up {
			out[i] = u * sigmoid(u)
		}
	}
}

func sigmoid(x float32) float32 { return 1 / (1 + exp(-x)) }

// unembed writes the logits of the items for which these passes were enough.
func (e *Engine) unembed(p *pool, sc *scratch, items []item, passes int) {
	dim, vocab := e.cfg.Dim, e.cfg.VocabSize
	var done []*output
	for i, it := range items {
		if it.out == nil {
			continue
		}
		row := sc.final.row(len(done))
		rmsNorm(row, sc.h[i*dim:(i+1)*dim], e.norm, e.cfg.NormEps)
		if it.out.ends(e, row, passes) {
			done = append(done, it.out)
		}
	}
	if len(done) == 0 {
		return
	}
	sc.final.round = e.final
	for i := range done {
		sc.final.done(i)
	}
	e.products(p, sc.final, len(done), product{e.head, sc.logits})
	for i, o := range done {
		e.finish(o.logits, sc.logits[i*vocab:(i+1)*vocab])
	}
}

// ends says whether the logits are taken now, given the normed state after some
// passes: when there are no more, or when the gate's probability of having
// ended, 1 - Π(1-λ), has reached the threshold (Q-exit, arXiv:2510.25741).
func (o *output) ends(e *Engine, state []float32, passes int) bool {
	if passes < o.depth && o.exit > 0 {
		var z [1]float32
		gemv.Multiply(z[:], 1, gemv.Matrix[float32]{W: e.gate, Cols: len(state), Stride: len(state)}, state, 1, 0, 1)
		o.going *= 1 - float64(sigmoid(z[0]+e.bias))
	}
	if passes < o.depth && (o.exit == 0 || 1-o.going < o.exit) {
		return false
	}
	o.passes = passes
	return true
}

// finish copies logits z to out, soft-capped when the model says so.
func (e *Engine) finish(out, z []float32) {
	limit := e.cfg.SoftCap
	if limit == 0 {
		copy(out, z)
		return
	}
	for i, v := range z {
		out[i] = float32(limit * math.Tanh(float64(v)/limit))
	}
}
