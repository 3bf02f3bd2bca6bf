package quant

import (
	"hash/fnv"
	"math"
	"slices"

	"github.com/nanochat-go/nanochat/precision/minifloat"
	"github.com/nanochat-go/nanochat/precision/mx"
	"github.com/nanochat-go/nanochat/precision/policy"
	"github.com/nanochat-go/nanochat/precision/rounding"
	"github.com/nanochat-go/nanochat/precision/ternary"
)

// matrix is the reference's: float32 values, as operands are, in rows.
type matrix struct {
	rows, cols int
	v          []float32
}

func newMatrix(rows, cols int) matrix { return matrix{rows, cols, make([]float32, rows*cols)} }

func (m matrix) t() matrix {
	out := newMatrix(m.cols, m.rows)
	for i := range m.rows {
		for j := range m.cols {
			out.v[j*m.rows+i] = m.v[i*m.cols+j]
		}
	}
	return out
}

// padded is m with zeros up to a multiple of rows and columns.
func (m matrix) padded(rows, cols int) matrix {
	up := func(n, k int) int { return (n + k - 1) / k * k }
	return m.sized(up(m.rows, rows), up(m.cols, cols))
}

// sized is the upper left part of m, with zeros where m ends.
func (m matrix) sized(rows, cols int) matrix {
	out := newMatrix(rows, cols)
	for i := range min(rows, m.rows) {
		for j := range min(cols, m.cols) {
			out.v[i*cols+j] = m.v[i*m.cols+j]
		}
	}
	return out
}

// times is a·bᵀ in float64, [a.rows, b.rows]; missing columns are zeros.
func (m matrix) times(b matrix) []float64 {
	out := make([]float64, m.rows*b.rows)
	for i := range m.rows {
		for j := range b.rows {
			for k := range min(m.cols, b.cols) {
				out[i*b.rows+j] += float64(m.v[i*m.cols+k]) * float64(b.v[j*b.cols+k])
			}
		}
	}
	return out
}

// reference is a linear and its gradients written from the definitions of package
// policy, with the host's codecs.
type reference struct {
	r    policy.Recipe
	path string
	step uint32
}

func (l reference) key(place string) rounding.Key {
	h := fnv.New32a()
	h.Write([]byte(l.path + "/" + place + "/0"))
	return rounding.NewKey(l.step, h.Sum32())
}

// products returns y, x̄ and W̄ of x [rows, in], w [in, out] and ȳ [rows, out].
func (l reference) products(x, w, dy matrix) (y, dx, dw []float64) {
	qx, passX := l.quantise("fprop.x", l.r.Fprop.X, x)
	qw, passW := l.quantise("fprop.w", l.r.Fprop.W, w.t()) // [out, in]
	y = crop(qx.times(qw), qw.rows, x.rows, w.cols)

	a, _ := l.quantise("dgrad.dy", l.r.Dgrad.DY, dy)
	b, _ := l.operand("dgrad.w", l.r.Dgrad.W, w, qw.t())
	dx = passX(crop(a.times(b), b.rows, x.rows, w.rows))

	c, _ := l.quantise("wgrad.dy", l.r.Wgrad.DY, dy.t())
	d, _ := l.operand("wgrad.x", l.r.Wgrad.X, x.t(), qx.t())
	dwt := passW(crop(c.times(d), d.rows, w.cols, w.rows)) // [out, in]
	dw = make([]float64, len(dwt))
	for i := range w.cols {
		for j := range w.rows {
			dw[j*w.cols+i] = dwt[i*w.rows+j]
		}
	}
	return y, dx, dw
}

func crop(v []float64, cols, rows, want int) []float64 {
	var out []float64
	for i := range rows {
		out = append(out, v[i*cols:i*cols+want]...)
	}
	return out
}

// operand is a backward product's: of the tensor or of what the forward product had.
func (l reference) operand(name string, q policy.Quantizer, tensor, same matrix) (matrix, func([]float64) []float64) {
	if q.Direct() {
		return same, nil
	}
	if q.Same {
		tensor = same
	}
	return l.quantise(name, q, tensor)
}

// quantise returns the values of m, whose last axis is the contracted one, and what
// the quantiser does to the gradient.
func (l reference) quantise(name string, q policy.Quantizer, m matrix) (matrix, func([]float64) []float64) {
	straight := func(g []float64) []float64 { return g }
	if q.IsZero() {
		return m, straight
	}
	if wgrad := name[:5] == "wgrad"; wgrad && (q.Block != policy.Tensor || q.Hadamard != 0) || q.Pad {
		m = m.padded(1, q.Multiple())
	}
	if q.Pad || name == "dgrad.dy" || name == "fprop.x" {
		m = m.padded(max(1, q.Block.Rows), 1)
	}
	m = matrix{m.rows, m.cols, slices.Clone(m.v)}
	rest := newMatrix(m.rows, m.cols)
	if q.Clamp != 0 {
		sorted := slices.Sorted(slices.Values(m.v))
		at := int(q.Clamp * float64(len(sorted)-1))
		for i, v := range m.v {
			m.v[i] = min(max(v, sorted[len(sorted)-1-at]), sorted[at])
			rest.v[i] = v - m.v[i]
		}
	}
	signs := l.signs(name, q)
	if q.Hadamard != 0 {
		transform(m.v, signs, q.Hadamard, false)
	}
	values := matrix{m.rows, m.cols, l.round(name, q, m)}
	if lies := name == "fprop.w" || name == "wgrad.dy" || name == "wgrad.x"; lies && q.Block == policy.Tensor && q.Hadamard == 0 {
		// Random numbers go by the index in the tensor, unless blocks want it turned.
		turned := m.t()
		values = matrix{m.cols, m.rows, l.round(name, q, turned)}.t()
	}
	for i := range values.v {
		values.v[i] += rest.v[i]
	}
	return values, func(g []float64) []float64 { return estimate(q, m, signs, g) }
}

func (l reference) signs(name string, q policy.Quantizer) []float64 {
	s := make([]float64, q.Hadamard)
	key := l.key(name[:5] + ".signs")
	if q.Signs == policy.Fixed {
		key = rounding.Derive(uint64(q.Hadamard))
	}
	for i := range s {
		s[i] = 1
		if q.Signs != policy.Plain && key.Bits(uint64(i))>>31 == 1 {
			s[i] = -1
		}
	}
	return s
}

// transform multiplies each n values with diag(signs)·H, or with H·diag(signs).
func transform[T float32 | float64](v []T, signs []float64, n int, back bool) {
	for start := 0; start < len(v); start += n {
		in := make([]float64, n)
		for i := range n {
			in[i] = float64(v[start+i])
			if !back {
				in[i] *= signs[i]
			}
		}
		for j := range n {
			sum := 0.0
			for i := range n {
				if onesCommon := popcount(i & j); onesCommon%2 == 0 {
					sum += in[i]
				} else {
					sum -= in[i]
				}
			}
			sum /= math.Sqrt(float64(n))
			if back {
				sum *= signs[j]
			}
			v[start+j] = T(sum)
		}
	}
}

func popcount(i int) (n int) {
	for ; i != 0; i >>= 1 {
		n += i & 1
	}
	return n
}

// estimate is the gradient of m for that of its rounded values.
func estimate(q policy.Quantizer, m matrix, signs []float64, g []float64) []float64 {
	g = slices.Clone(g)
	if q.Scale == "quest" {
		for i, s := range questScales(m.v) {
			if math.Abs(float64(m.v[i])/s) >= 6 {
				g[i] = 0
			}
		}
	}
	if q.Slope != 0 {
		for i, s := range groupScales(m, q, 6) {
			g[i] *= slope(math.Abs(float64(m.v[i])*float64(s)), float64(q.Slope))
		}
	}
	if q.Hadamard != 0 {
		transform(g, signs, q.Hadamard, true)
	}
	return g
}

// slope is the derivative of the gradient estimator at s ≥ 0.
func slope(s, k float64) float64 {
	grid := []float64{0, .5, 1, 1.5, 2, 3, 4, 6, 8}
	i := 0
	for grid[i+1] <= s {
		i++
	}
	u := math.Abs(2*(s-grid[i])/(grid[i+1]-grid[i]) - 1)
	return math.Min(math.Pow(u, 1/k-1)/k, 3)
}

// questScales is the scale of each value.
func questScales(v []float32) []float64 {
	out := make([]float64, len(v))
	for start := 0; start < len(v); start += 32 {
		sum, squares := 0.0, 0.0
		for _, x := range v[start : start+32] {
			sum += float64(x)
			squares += float64(x) * float64(x)
		}
		sigma := math.Sqrt(squares/32 - sum/32*sum/32)
		for i := range 32 {
			out[start+i] = math.Pow(2, math.Floor(math.Log2(2.92247856/6*sigma+1e-8)))
		}
	}
	return out
}

// groupScales is most/max|x| of the block of each value.
func groupScales(m matrix, q policy.Quantizer, most float32) []float32 {
	rows, cols := q.Block.Rows, q.Block.Cols
	if q.Block == policy.Tensor {
		rows, cols = m.rows, m.cols
	} else if q.Block == policy.Row {
		cols = m.cols
	}
	out := make([]float32, len(m.v))
	for i := range m.v {
		r, c := i/m.cols/rows*rows, i%m.cols/cols*cols
		amax := float32(0)
		for j := r; j < min(r+rows, m.rows); j++ {
			for k := c; k < min(c+cols, m.cols); k++ {
				amax = max(amax, float32(math.Abs(float64(m.v[j*m.cols+k]))))
			}
		}
		out[i] = most / amax
		if amax == 0 {
			out[i] = 1
		}
		if q.Pow2 {
			out[i] = float32(math.Pow(2, math.Floor(math.Log2(float64(out[i])))))
		}
	}
	return out
}

// round is m in the format of q.
func (l reference) round(name string, q policy.Quantizer, m matrix) []float32 {
	out := make([]float32, len(m.v))
	random := q.Round == policy.Stochastic || q.Round == policy.ThreeQuarters
	uniforms := func(bits int) []float32 {
		if !random {
			return nil
		}
		u := make([]float32, len(m.v))
		l.key(name).Uniforms(u, 0, bits)
		return u
	}
	switch f := q.Format; {
	case f == policy.BFloat16:
		for i, v := range m.v {
			out[i] = minifloat.BF16.Decode(minifloat.BF16.Encode(v))
		}
	case f == policy.Ternary:
		codes, scale := ternary.AbsMean(m.v)
		for i, c := range codes {
			out[i] = float32(c) * scale
		}
	case f == policy.Int8:
		u := uniforms(17)
		for i, s := range groupScales(m, q, 127) {
			if c := m.v[i] * s; random {
				out[i] = min(float32(math.Floor(float64(c+u[i]))), 127) / s
			} else {
				out[i] = float32(math.RoundToEven(float64(c))) / s
			}
		}
	case f == policy.NVFP4:
		nvfp4(out, m, q, uniforms(minifloat.E2M1.UniformBits()))
	case q.Scale == "quest":
		for i, s := range questScales(m.v) {
			code := 0.0
			for _, step := range []struct{ above, to float64 }{{.25, .5}, {.75, 1}, {1.25, 1.5}, {1.75, 2}, {2.5, 3}, {3.5, 4}, {5, 6}} {
				if math.Abs(float64(m.v[i]))/s > step.above {
					code = step.to
				}
			}
			out[i] = float32(math.Copysign(code*s, float64(m.v[i])))
		}
	case f.MX():
		blocks(out, m, q, uniforms(element(f).UniformBits()))
	default:
		e := element(f)
		enc := must(minifloat.NewEncoder(e, minifloat.Mode{}))
		u := uniforms(e.UniformBits())
		for i, s := range groupScales(m, q, e.Max()) {
			if random {
				out[i] = e.Decode(enc.CodeUniform(m.v[i]*s, u[i])) / s
			} else {
				out[i] = e.Decode(e.Encode(m.v[i]*s)) / s
			}
		}
	}
	return out
}

// must is for calls that cannot fail on values of a test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func blocks(out []float32, m matrix, q policy.Quantizer, u []float32) {
	f := mx.Format{Elem: element(q.Format), ThreeQuarters: q.Round == policy.ThreeQuarters}
	if q.Scale != "" {
		f.Scale = must(mx.ParseRule(q.Scale))
	}
	codes, scales := make([]uint8, f.CodeBytes(len(out))), make([]uint8, f.Scales(len(out)))
	if u == nil {
		must(0, f.Encode(codes, scales, m.v))
	} else {
		must(0, f.EncodeUniform(codes, scales, m.v, u))
	}
	must(0, f.Decode(out, codes, scales))
	for i := range out {
		if f.ThreeQuarters {
			out[i] *= float32(4.0 / 3)
		}
	}
}

func nvfp4(out []float32, m matrix, q policy.Quantizer, u []float32) {
	var f mx.NVFP4
	tensor := f.TensorScale(must(mx.AbsMax(m.v)))
	codes, scales := make([]uint8, f.CodeBytes(len(out))), make([]uint8, f.Scales(len(out)))
	switch {
	case q.Block.Rows > 1:
		scales = scales[:f.TileScales(m.rows, m.cols)]
		must(0, f.EncodeTiles(codes, scales, m.v, m.rows, m.cols, tensor))
		must(0, f.DecodeTiles(out, codes, scales, m.rows, m.cols, tensor))
		return
	case u == nil:
		must(0, f.Encode(codes, scales, m.v, tensor))
	default:
		must(0, f.EncodeUniform(codes, scales, m.v, u, tensor))
	}
	must(0, f.Decode(out, codes, scales, tensor))
}
