package quant

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/nanochat-go/nanochat/precision/emulate"
	"github.com/nanochat-go/nanochat/precision/mx"
	"github.com/nanochat-go/nanochat/precision/policy"
)

// Health is what a quantiser Q did to an operand x, as it enters the product: behind
// its transform, if it has one. The measures are float32 scalars in the graph.
type Health struct {
	Path    string // of the linear's weight
	Operand string // "fprop.x", "fprop.w", "dgrad.dy" …

	Error     *Node // ‖Q(x)-x‖/‖x‖
	Cosine    *Node // of the angle between Q(x) and x
	Underflow *Node // share of the values other than 0 that became 0
	Clipped   *Node // share of the values beyond the format's largest at their scale
	// Bias is the mean of Q(x)-x over its standard error. Its square is 1 on average if
	// rounding favours no direction and errors do not depend on one another.
	Bias *Node

	// Spread [SpreadBins] is the histogram of the scales of blocks: at k the share of those
	// whose largest magnitude is k factors of two below the tensor's largest, by binary
	// exponents, and at the last k also of all that are further below. Blocks of zeros do
	// not count. It is nil where the whole tensor has one scale or none.
	Spread *Node
}

// SpreadBins is the length of Health.Spread. NVFP4's scales of E4M3 reach 17 factors
// of two below their largest, those of MX 254.
const SpreadBins = 20

// observe measures a quantised operand for the caller of Operands.Observe.
func (l *linear) observe(name string, q policy.Quantizer, x, y *Node) {
	if l.shared.Observe == nil {
		return
	}
	x, y = StopGradient(x), StopGradient(y)
	n := float64(x.Shape().Size())
	e := Sub(y, x)
	norm := func(x *Node) *Node { return Sqrt(ReduceAllSum(Square(x))) }
	quotient := func(a, b *Node) *Node { return Div(a, MaxScalar(b, 1e-30)) } // 0/0 is 0
	share := func(mask *Node) *Node { return ConvertDType(mask, x.DType()) }
	zero := ScalarZero(x.Graph(), x.DType())
	nonzero := share(NotEqual(x, zero))
	mean := ReduceAllMean(e)
	deviation := Sqrt(MaxScalar(Sub(ReduceAllMean(Square(e)), Square(mean)), 0))
	l.shared.Observe(Health{Path: l.path, Operand: name,
		Error:     quotient(norm(e), norm(x)),
		Cosine:    quotient(ReduceAllSum(Mul(x, y)), Mul(norm(x), norm(y))),
		Underflow: quotient(ReduceAllSum(Mul(nonzero, share(Equal(y, zero)))), ReduceAllSum(nonzero)),
		Clipped:   ReduceAllMean(clipped(x, q)),
		Bias:      MulScalar(quotient(mean, deviation), math.Sqrt(n)),
		Spread:    spread(x, q),
	})
}

// spread is Health.Spread of the matrix x, whose last axis the product contracts.
func spread(x *Node, q policy.Quantizer) *Node {
	if q.Block == policy.Tensor || q.Format == policy.BFloat16 {
		return nil
	}
	rows, cols := max(q.Block.Rows, 1), q.Block.Cols
	if cols == 0 {
		cols = x.Shape().Dim(1)
	}
	blocks := Reshape(Abs(x), x.Shape().Dim(0)/rows, rows, x.Shape().Dim(1)/cols, cols)
	largest := Reshape(ReduceMax(blocks, 1, 3), -1)
	exponent := func(x *Node) *Node {
		bits := Bitcast(x, dtypes.Uint32)
		return ConvertDType(BitwiseShiftRightLogical(bits, ConstAs(bits, uint32(23))), dtypes.Int32)
	}
	below := MinScalar(Sub(exponent(ReduceAllMax(largest)), exponent(largest)), SpreadBins-1)
	nonzero := ConvertDType(GreaterThan(largest, ScalarZero(x.Graph(), x.DType())), x.DType())
	bins := Iota(x.Graph(), shapes.Make(dtypes.Int32, 1, SpreadBins), 1)
	members := Mul(ConvertDType(Equal(InsertAxes(below, -1), bins), x.DType()), InsertAxes(nonzero, -1))
	return Div(ReduceSum(members, 0), MaxScalar(ReduceAllSum(nonzero), 1))
}

// clipped is 1 for each value that the format cannot hold at its scale. Scales of
// float32 and those of one row or tensor put the largest value just inside.
func clipped(x *Node, q policy.Quantizer) *Node {
	switch {
	case q.Scale == "quest":
		_, inside := emulate.QuEST(x)
		return OneMinus(inside)
	case q.Format.MX():
		return emulate.MXClipped(mxFormat(q), x)
	case q.Format == policy.NVFP4 && q.Block.Rows > 1:
		return emulate.NVFP4Clipped(x, mx.NVBlock)
	case q.Format == policy.NVFP4:
		return emulate.NVFP4Clipped(x, 1)
	}
	return ZerosLike(x)
}
