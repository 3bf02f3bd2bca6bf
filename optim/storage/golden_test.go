package storage_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim/internal/golden"
	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
	"github.com/nanochat-go/nanochat/optim/storage"
	"github.com/nanochat-go/nanochat/optim/update"
)

// Mutation: multiplying with the reciprocal of the scale, rounding ties away
// from zero or sending ties to the lower code fails here.

// kept is what a storage keeps of a vector, codes and scales widened, and what
// it gives back.
type kept struct{ codes, scales, values []float64 }

func roundTrip(t require.TestingT, s update.Storage, nonNegative bool, x []float32) kept {
	spec := update.Spec{Name: "x", Shape: []int{len(x)}, DType: dtypes.Float32, NonNegative: nonNegative}
	require.NoError(t, s.Check(spec))
	exec, err := NewExec(optimtest.Backend, func(x *Node) []*Node {
		out := s.Store(spec, x, nil)
		for i, declared := range s.Specs(spec) {
			require.Equal(t, declared.DType, out[i].DType())
			require.Equal(t, declared.Shape, out[i].Shape().Dimensions)
		}
		return []*Node{ConvertDType(out[0], dtypes.Float32), out[1], s.Load(spec, out)}
	})
	require.NoError(t, err)
	out, err := exec.Call(x)
	require.NoError(t, err)
	read := func(i int) []float64 { return golden.Widen(tensors.MustCopyFlatData[float32](out[i])) }
	return kept{read(0), read(1), read(2)}
}

func TestGoldenBlockwise8(t *testing.T) {
	golden.Load(t, "blockwise8", "../testdata/golden").Run(t, func(t *testing.T, c *golden.Case) {
		if strings.Contains(c.Name, "denormal") && optimtest.OnXLA() {
			t.Skip("XLA flushes subnormal numbers to zero on CPU")
		}
		switch kind, _, _ := strings.Cut(c.Name, "_"); kind {
		case "codebooks":
			checkCodeBooks(t, c)
		case "int8":
			c.Known("block", "scale", "code", "tail")
			got := roundTrip(t, storage.Linear8(int(c.Number("block", 0))), false, c.F32("x"))
			c.Check("codes", got.codes)
			c.Check("scale", got.scales)
			c.Check("dequant", got.values)
		case "torchao":
			c.Known("block", "code", "scaled", "ties")
			checkTorchAO(t, c)
		case "bnb":
			c.Known("block", "code", "scaled")
			checkBitsAndBytes(t, c)
		default:
			t.Fatalf("case %s is not understood", c.Name)
		}
	})
}

func checkCodeBooks(t *testing.T, c *golden.Case) {
	c.Known("max_exponent_bits", "total_bits")
	require.Equal(t, []float64{7, 8}, []float64{c.Number("max_exponent_bits", 0), c.Number("total_bits", 0)})
	for role := range c.Tensors {
		switch role {
		case "bnb_dynamic_signed", "torchao_dynamic_signed":
			c.Check(role, golden.Widen(storage.CodeBook(true)))
		case "bnb_dynamic_unsigned", "torchao_dynamic_unsigned":
			c.Check(role, golden.Widen(storage.CodeBook(false)))
		case "bnb_linear_signed", "torchao_dynamic_signed_4bit": // other formats
		default:
			t.Fatalf("code book %q is not understood", role)
		}
	}
}

// checkTorchAO compares blocks whose largest value is at least 1e-12. Below
// that torchao divides by 1e-12, and this package does not.
func checkTorchAO(t *testing.T, c *golden.Case) {
	block := int(c.Number("block", 0))
	got := roundTrip(t, storage.Dynamic8(block), c.Text("code") == "torchao_dynamic_unsigned", c.F32("x"))
	codes, scales, values := c.F64("codes"), c.F64("scale"), c.F64("dequant")
	for b, scale := range scales {
		from, to := b*block, (b+1)*block
		if scale == float64(float32(1e-12)) {
			for i, x := range c.F64("x")[from:to] {
				require.InDelta(t, x, got.values[from+i], 0.011*got.scales[b]+1e-44)
			}
			continue
		}
		require.Equal(t, scale, got.scales[b])
		golden.Compare(t, "codes", c.Tol("codes"), codes[from:to], got.codes[from:to], nil)
		golden.Compare(t, "dequant", c.Tol("dequant"), values[from:to], got.values[from:to], nil)
	}
}

// checkBitsAndBytes compares with the nearest codes. The library multiplies
// with a reciprocal and sends ties down, so that a value within 1e-7 of a
// midpoint may have either neighbour.
func checkBitsAndBytes(t *testing.T, c *golden.Case) {
	require.Equal(t, "bnb_dynamic_signed", c.Text("code"))
	block := int(c.Number("block", 0))
	got, book := roundTrip(t, storage.Dynamic8(block), false, c.F32("x")), storage.CodeBook(true)
	c.Check("absmax", got.scales)
	for i, x := range c.F64("x") {
		absmax := got.scales[i/block]
		if absmax < 0x1p-126 { // the case says: the codes of such blocks are arbitrary
			require.InDelta(t, x, got.values[i], 0.011*absmax+1e-44)
			continue
		}
		want, code := int(c.F64("codes")[i]), int(got.codes[i])
		if want != code {
			low := min(want, code)
			require.Equal(t, low+1, max(want, code), "value %d", i)
			require.InDelta(t, (float64(book[low])+float64(book[low+1]))/2, x/absmax, 1e-7, "value %d", i)
		}
		require.Equal(t, float64(book[code]*float32(absmax)), got.values[i])
	}
	var theirs []float64 // what their codes and scales mean
	for i, code := range c.F64("codes_bnb") {
		theirs = append(theirs, float64(book[int(code)]*float32(got.scales[i/block])))
	}
	for i, want := range c.F64("dequant_bnb") {
		require.LessOrEqual(t, math.Abs(want-theirs[i]), math.Abs(want)*0x1p-22, "value %d", i) // their book may be 1 ulp off
	}
}
