package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Fprop are the operands of y = x·W.
type Fprop struct {
	X Quantizer `toml:"x"`
	W Quantizer `toml:"w"`
}

// Dgrad are the operands of x̄ = ȳ·Wᵀ.
type Dgrad struct {
	DY Quantizer `toml:"dy"`
	W  Quantizer `toml:"w"`
}

// Wgrad are the operands of W̄ = xᵀ·ȳ.
type Wgrad struct {
	DY Quantizer `toml:"dy"`
	X  Quantizer `toml:"x"`
}

// Recipe says how the six operands of a linear are quantised. The zero value is
// plain float32.
type Recipe struct {
	Fprop Fprop `toml:"fprop"`
	Dgrad Dgrad `toml:"dgrad"`
	Wgrad Wgrad `toml:"wgrad"`

	// KeepFirst and KeepLast are the blocks left in high precision where a policy does
	// not say: a share below 1, or a number.
	KeepFirst float64 `toml:"keep_first_blocks,omitempty"`
	KeepLast  float64 `toml:"keep_last_blocks,omitempty"`
}

// Operands lists the quantisers with their names, in the order fprop x, w, dgrad
// dy, w, wgrad dy, x.
func (r Recipe) Operands() (names []string, quantizers []Quantizer) {
	return []string{"fprop.x", "fprop.w", "dgrad.dy", "dgrad.w", "wgrad.dy", "wgrad.x"},
		[]Quantizer{r.Fprop.X, r.Fprop.W, r.Dgrad.DY, r.Dgrad.W, r.Wgrad.DY, r.Wgrad.X}
}

// IsZero says whether r is plain float32.
func (r Recipe) IsZero() bool {
	_, quantizers := r.Operands()
	return !slices.ContainsFunc(quantizers, func(q Quantizer) bool { return !q.IsZero() && !q.Direct() })
}

// Random says whether a training step of r draws random numbers.
func (r Recipe) Random() bool {
	_, quantizers := r.Operands()
	return slices.ContainsFunc(quantizers, Quantizer.Random)
}

// Validate reports every setting of r that is known not to work or means nothing.
func (r Recipe) Validate() error {
	var errs []error
	bad := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	names, quantizers := r.Operands()
	for i, q := range quantizers {
		name := names[i]
		bad(q.Same && (i < 2 || name == "dgrad.dy" || name == "wgrad.dy"), "%s: there is no forward product to take it from", name)
		bad(q.Format == Ternary && name != "fprop.w" && name != "dgrad.w", "%s: ternary is for weights", name)
		bad(q.Clamp != 0 && name != "fprop.x", "%s: outliers are clamped in fprop.x", name)
		bad(q.Slope != 0 && name != "fprop.w", "%s: the gradient estimator belongs to fprop.w", name)
		bad(q.Scale == quest && i > 1, "%s: quest is for the forward product", name)
		bad(i < 2 && q.Random(), "%s: %s: random rounding of the forward product diverges (arXiv:2509.25149)", name, q)
	}
	pairs := []struct {
		name string
		a, b Quantizer
	}{{"fprop", r.Fprop.X, r.Fprop.W}, {"dgrad", r.Dgrad.DY, r.Dgrad.W}, {"wgrad", r.Wgrad.DY, r.Wgrad.X}}
	for _, p := range pairs {
		bad(p.a.Hadamard != p.b.Hadamard || p.a.Signs != p.b.Signs, "%s: the transform is on both operands with the same size and signs or on none, got %s and %s", p.name, p.a, p.b)
		bad(p.a.Format == MXFP8E5M2 && p.b.Format == MXFP8E5M2, "%s: no hardware multiplies E5M2 with E5M2", p.name)
	}
	if r.Fprop.X.Hadamard != 0 { // what the linear keeps lives behind the transform
		bad(!r.Dgrad.W.Same, "dgrad.w: %s: after a transform in fprop, want \"same\"", r.Dgrad.W)
		bad(!r.Wgrad.X.Same, "wgrad.x: %s: after a transform in fprop, want \"same\"", r.Wgrad.X)
	}
	return errors.Join(errs...)
}

// WithForward returns r with the forward product of high: what arXiv:2509.25149 does near
// the end of training. Backward products keep their operands, quantised anew where they
// were the forward product's.
func (r Recipe) WithForward(high Recipe) Recipe {
	plain := func(q Quantizer) Quantizer {
		q.Slope, q.Clamp = 0, 0 // they belong to the forward product
		return q
	}
	if r.Fprop.X.Hadamard == 0 { // behind a transform there is nothing else to take
		if r.Dgrad.W.Direct() {
			r.Dgrad.W = plain(r.Fprop.W)
		}
		if r.Wgrad.X.Direct() {
			r.Wgrad.X = plain(r.Fprop.X)
		}
	}
	r.Fprop = high.Fprop
	return r
}

// must parses the text of a built-in recipe.
func must(text string) Quantizer {
	q, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return q
}

// operands makes a recipe of the six texts in the order of Operands.
func operands(fx, fw, ddy, dw, wdy, wx string) Recipe {
	return Recipe{Fprop: Fprop{X: must(fx), W: must(fw)}, Dgrad: Dgrad{DY: must(ddy), W: must(dw)}, Wgrad: Wgrad{DY: must(wdy), X: must(wx)}}
}

func nvfp4() Recipe {
	r := operands("nvfp4:1x16:rne", "nvfp4:16x16:rne", "nvfp4:1x16:sr", "same", "nvfp4:1x16:sr:rht16", "nvfp4:1x16:rne:rht16")
	r.KeepFirst, r.KeepLast = 0.03, 0.13
	return r
}

// builtin has the recipes by name. Each is the published one with what its paper
// leaves open written out.
var builtin = map[string]Recipe{
	"f32":  {},
	"bf16": operands("bf16", "bf16", "bf16", "same", "bf16", "same"),

	// FP8: torchao's tensorwise and row-wise training, DeepSeek-V3's blocks (arXiv:2412.19437), OCP MX.
	"fp8_tensor": operands("e4m3:tensor", "e4m3:tensor", "e5m2:tensor", "same", "e5m2:tensor", "same"),
	"fp8_row":    operands("e4m3:row:pow2", "e4m3:row:pow2", "e4m3:row:pow2", "e4m3:row:pow2", "e4m3:row:pow2", "e4m3:row:pow2"),
	"fp8_block":  operands("e4m3:1x128:pad", "e4m3:128x128:pad", "e4m3:1x128:pad", "same", "e4m3:1x128:pad", "e4m3:1x128:pad"),
	"mxfp8":      operands("mxfp8:1x32:rceil", "mxfp8:1x32:rceil", "mxfp8:1x32:rceil", "mxfp8:1x32:rceil", "mxfp8:1x32:rceil", "mxfp8:1x32:rceil"),

	// MXFP4 in the backward products (arXiv:2502.20586), everywhere (Quartet, arXiv:2505.14669), and everywhere without
	// what makes it work.
	"mxfp4_bwd": operands("bf16", "bf16", "mxfp4:1x32:sr34:rht64fresh", "mxfp4:1x32:sr34:rht64fresh", "mxfp4:1x32:sr34:rht64fresh", "mxfp4:1x32:sr34:rht64fresh"),
	"mxfp4_quartet": operands("mxfp4:1x32:quest:had32", "mxfp4:1x32:quest:had32", "mxfp4:1x32:sr34:rht32fresh", "same/mxfp4:1x32:sr34:rht32fresh",
		"mxfp4:1x32:sr34:rht32fresh", "same/mxfp4:1x32:sr34:rht32fresh"),
	"mxfp4_nearest": operands("mxfp4", "mxfp4", "mxfp4", "mxfp4", "mxfp4", "mxfp4"),

	"nvfp4": nvfp4(), // arXiv:2509.25149

	// FP4 with a gradient estimator and clamped outliers, FP8 backward (arXiv:2501.17116).
	"fp4_dge_occ": operands("e2m1:row:occ0.99", "e2m1:row:dge5", "e5m2:tensor", "same/e4m3:tensor", "e5m2:tensor", "e4m3:tensor"),
	// The MLP's part of arXiv:2502.11458, and the attention's.
	"fp4_fp8": operands("e2m1:row", "e2m1:row", "e5m2:tensor", "e4m3:tensor", "e5m2:tensor", "e4m3:tensor"),

	"int8":    operands("int8:row", "int8:row", "int8:row:sr", "int8:row", "int8:row:sr", "int8:row"),
	"ternary": operands("int8:row", "ternary", "f32", "same", "f32", "same"), // b1.58 (arXiv:2402.17764)
}

// Builtin returns the recipe with a name. The error lists the names.
func Builtin(name string) (Recipe, error) {
	r, ok := builtin[name]
	if !ok {
		return r, fmt.Errorf("policy: recipe %q is unknown, want one of %q", name, Names())
	}
	return r, nil
}

// MustBuiltin is Builtin that panics.
func MustBuiltin(name string) Recipe {
	r, err := Builtin(name)
	if err != nil {
		panic(err)
	}
	return r
}

// Names lists the built-in recipes.
func Names() []string { return slices.Sorted(maps.Keys(builtin)) }
