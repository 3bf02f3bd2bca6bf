package policy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nanochat-go/nanochat/precision/mx"
)

// Format is how the values of an operand are stored.
type Format string

// The formats. Those with a scale of float32 take any Block; MX formats and NVFP4
// have blocks of their own.
const (
	Float32   Format = "f32"        // as they are
	BFloat16  Format = "bf16"       // no scale
	E2M1      Format = "e2m1"       // float32 scales: 6/max|x|
	E4M3      Format = "e4m3"       // float32 scales: 448/max|x|
	E5M2      Format = "e5m2"       // float32 scales: 57344/max|x|
	Int8      Format = "int8"       // float32 scales: 127/max|x|
	Ternary   Format = "ternary"    // {-1,0,1} times mean|w|
	MXFP4     Format = "mxfp4"      // E2M1, a power of two for each 32
	MXFP8     Format = "mxfp8"      // E4M3, a power of two for each 32
	MXFP8E5M2 Format = "mxfp8_e5m2" // E5M2, a power of two for each 32
	NVFP4     Format = "nvfp4"      // E2M1, an E4M3 scale for each 16 and one float32
)

// Formats lists the formats.
func Formats() []Format {
	return []Format{Float32, BFloat16, E2M1, E4M3, E5M2, Int8, Ternary, MXFP4, MXFP8, MXFP8E5M2, NVFP4}
}

// MX says whether f is one of the formats of the OCP Microscaling specification.
func (f Format) MX() bool { return f == MXFP4 || f == MXFP8 || f == MXFP8E5M2 }

// Scaled says whether f has scales of float32.
func (f Format) Scaled() bool { return f == E2M1 || f == E4M3 || f == E5M2 || f == Int8 }

// bits is the size of a value without scales.
func (f Format) bits() float64 {
	switch f {
	case Float32:
		return 32
	case BFloat16:
		return 16
	case E4M3, E5M2, Int8, MXFP8, MXFP8E5M2:
		return 8
	case Ternary:
		return 2 // as they are packed; their entropy is below log2 3
	}
	return 4
}

// Block is which values share a scale, seen with the contracted axis last: Rows of
// them along the other axis and Cols along the contracted one.
type Block struct{ Rows, Cols int }

// The blocks that have names. A Block's zero value is the whole tensor.
var (
	Tensor = Block{}
	Row    = Block{Rows: 1} // a token, or an output channel of a weight
)

// String returns "tensor", "row" or "1x32".
func (b Block) String() string {
	switch b {
	case Tensor:
		return "tensor"
	case Row:
		return "row"
	}
	return fmt.Sprintf("%dx%d", b.Rows, b.Cols)
}

func parseBlock(text string) (Block, bool) {
	switch text {
	case "tensor":
		return Tensor, true
	case "row":
		return Row, true
	}
	rows, cols, ok := strings.Cut(text, "x")
	r, errRows := strconv.Atoi(rows)
	c, errCols := strconv.Atoi(cols)
	if !ok || errRows != nil || errCols != nil || r < 1 || c < 1 || r > math.MaxInt16 || c > math.MaxInt16 {
		return Block{}, false
	}
	return Block{r, c}, true
}

// Rounding is how a value becomes one of the format's.
type Rounding string

// The roundings.
const (
	Nearest       Rounding = "rne"  // to nearest, ties to even
	Stochastic    Rounding = "sr"   // up or down by chance, right on average
	ThreeQuarters Rounding = "sr34" // stochastic after ·3/4, and ·4/3 afterwards: MX's floor scale never clips
)

// Signs says what the signs in front of a Hadamard transform are.
type Signs string

// The signs.
const (
	Plain Signs = "had"   // all +1
	Fixed Signs = "rht"   // drawn once
	Fresh Signs = "fresh" // drawn for each product and step
)

// Quantizer says how one operand of a product is quantised. The zero value, like
// Format Float32, leaves it as it is. Its text is
//
//	[same/]format[:block][:token…]
//
// for example "nvfp4:1x16:sr:rht16", "e4m3:row:pow2" or "same/e4m3:tensor".
type Quantizer struct {
	// Same begins with what the forward product made of this tensor, instead of the
	// tensor. The text "same" alone is just that.
	Same   bool
	Format Format
	Block  Block
	Round  Rounding // "" is Nearest

	Scale string // of MX: a rule of package mx; "quest" (MXFP4): from the standard deviation, with a mask on gradients
	Pow2  bool   // scales of float32 are powers of two, towards the smaller values

	// Hadamard is the size of the transform along the contracted axis, 0 for none.
	Hadamard int
	Signs    Signs

	// Clamp, in (1/2, 1), is the quantile that outliers are clamped to and its mirror;
	// what was cut off is added again in full precision. 0: none.
	Clamp float64
	// Slope is k of the differentiable gradient estimator, which multiplies the
	// gradient by the slope of |·|^(1/k) between grid values. 0: straight through.
	Slope int
	Pad   bool // zeros fill a contracted axis that is no multiple of the block
}

const quest = "quest"

// IsZero says whether q leaves its operand as it is.
func (q Quantizer) IsZero() bool { return !q.Same && (q.Format == "" || q.Format == Float32) }

// Direct says whether q is nothing but the values of the forward product.
func (q Quantizer) Direct() bool {
	return q.Same && (q.Format == "" || q.Format == Float32)
}

// Random says whether q draws random numbers in a step.
func (q Quantizer) Random() bool {
	return q.Round == Stochastic || q.Round == ThreeQuarters || q.Signs == Fresh
}

// Multiple is what the length of the contracted axis must be a multiple of.
func (q Quantizer) Multiple() int {
	return lcm(max(1, q.Hadamard), max(1, q.Block.Cols))
}

func lcm(a, b int) int {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}

// Bits is the size of a value of a matrix [rows, cols], its scales included.
func (q Quantizer) Bits(rows, cols int) float64 {
	if q.Direct() || q.IsZero() {
		return Float32.bits()
	}
	n := float64(rows) * float64(cols)
	blocks := 1.0
	switch {
	case q.Block == Row:
		blocks = float64(rows)
	case q.Block != Tensor:
		blocks = math.Ceil(float64(rows)/float64(q.Block.Rows)) * math.Ceil(float64(cols)/float64(q.Block.Cols))
	}
	switch {
	case q.Format == BFloat16:
		return q.Format.bits()
	case q.Format.MX():
		return q.Format.bits() + 8*blocks/n
	case q.Format == NVFP4:
		return q.Format.bits() + (8*blocks+32)/n
	}
	return q.Format.bits() + 32*blocks/n
}

// String returns the text that Parse reads.
func (q Quantizer) String() string {
	switch {
	case q.Direct():
		return "same"
	case q.IsZero():
		return string(Float32)
	}
	parts := []string{string(q.Format)}
	if q.Format != BFloat16 {
		parts = append(parts, q.Block.String())
	}
	add := func(set bool, format string, value any) {
		if set {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add(true, "%s", cmp.Or(q.Round, Nearest))
	add(q.Scale != "", "%s", q.Scale)
	add(q.Pow2, "%s", "pow2")
	switch {
	case q.Hadamard == 0:
	case q.Signs == Fresh:
		add(true, "rht%dfresh", q.Hadamard)
	default:
		add(true, string(q.Signs)+"%d", q.Hadamard)
	}
	add(q.Clamp != 0, "occ%g", q.Clamp)
	add(q.Slope != 0, "dge%d", q.Slope)
	add(q.Pad, "%s", "pad")
	text := strings.Join(parts, ":")
	if q.Same {
		text = "same/" + text
	}
	return text
}

// MarshalText is String.
func (q Quantizer) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText is Parse.
func (q *Quantizer) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err == nil {
		*q = parsed
	}
	return err
}

// Parse reads the text of a Quantizer. It fails on what no operand can have, with
// the words that are known.
func Parse(text string) (Quantizer, error) {
	q := Quantizer{Round: Nearest}
	rest := text
	if text == "same" {
		return Quantizer{Same: true}, nil
	}
	rest, q.Same = strings.CutPrefix(rest, "same/")
	parts := strings.Split(rest, ":")
	q.Format = Format(parts[0])
	if !slices.Contains(Formats(), q.Format) {
		return q, fmt.Errorf("policy: %q: format %q is unknown, want one of %v or \"same\"", text, parts[0], Formats())
	}
	switch {
	case q.Format == Float32 && len(parts) == 1 && !q.Same:
		return Quantizer{}, nil
	case q.Format == Float32:
		return q, fmt.Errorf("policy: %q: f32 takes no settings; the forward product's values are \"same\"", text)
	case q.Format.MX():
		q.Block = Block{1, mx.Block}
	case q.Format == NVFP4:
		q.Block = Block{1, mx.NVBlock}
	}
	for i, token := range parts[1:] {
		block, ok := parseBlock(token)
		switch {
		case ok && i == 0:
			q.Block = block
		case ok:
			return q, fmt.Errorf("policy: %q: the block %q belongs behind the format", text, token)
		default:
			if err := q.token(token); err != nil {
				return q, fmt.Errorf("policy: %q: %w", text, err)
			}
		}
	}
	if err := q.check(); err != nil {
		return q, fmt.Errorf("policy: %q: %w", text, err)
	}
	return q, nil
}

// token sets what one word of the text says.
func (q *Quantizer) token(token string) error {
	number := func(prefix, suffix string) (int, bool) {
		digits, ok := strings.CutPrefix(token, prefix)
		if !ok || !strings.HasSuffix(digits, suffix) {
			return 0, false
		}
		n, err := strconv.Atoi(strings.TrimSuffix(digits, suffix))
		return n, err == nil && n > 0
	}
	if _, err := mx.ParseRule(token); err == nil || token == quest {
		q.Scale = token
		return nil
	}
	switch Rounding(token) {
	case Nearest, Stochastic, ThreeQuarters:
		q.Round = Rounding(token)
		return nil
	}
	if n, ok := number("had", ""); ok {
		q.Hadamard, q.Signs = n, Plain
		return nil
	}
	if n, ok := number("rht", "fresh"); ok {
		q.Hadamard, q.Signs = n, Fresh
		return nil
	}
	if n, ok := number("rht", ""); ok {
		q.Hadamard, q.Signs = n, Fixed
		return nil
	}
	if n, ok := number("dge", ""); ok {
		q.Slope = n
		return nil
	}
	if digits, ok := strings.CutPrefix(token, "occ"); ok {
		if v, err := strconv.ParseFloat(digits, 64); err == nil && v > 0.5 && v < 1 {
			q.Clamp = v
			return nil
		}
		return fmt.Errorf("quantile %q is not between 0.5 and 1", digits)
	}
	switch token {
	case "pow2":
		q.Pow2 = true
	case "pad":
		q.Pad = true
	default:
		return fmt.Errorf("%q is unknown, want a block (tensor, row, 1x32), rne, sr, sr34, a rule for MX scales (floor, rceil, ceil, even, truncfree, quest), "+
			"pow2, hadN, rhtN, rhtNfresh, occQ, dgeK or pad", token)
	}
	return nil
}

// check reports settings that do not go together.
func (q Quantizer) check() error {
	square := q.Block.Rows == q.Block.Cols
	switch {
	case q.Format == BFloat16 && (q.Block != Tensor || q.Pow2):
		return fmt.Errorf("bf16 has no scales")
	case q.Format == Ternary && (q.Block != Tensor || q.Round != Nearest || q.Pow2):
		return fmt.Errorf("ternary weights have one scale for the tensor, of any size, and round to nearest")
	case q.Format.MX() && q.Block != Block{1, mx.Block}:
		return fmt.Errorf("blocks of %s are 1x%d", q.Format, mx.Block)
	case q.Format == NVFP4 && q.Block != Block{1, mx.NVBlock} && q.Block != Block{mx.NVBlock, mx.NVBlock}:
		return fmt.Errorf("blocks of nvfp4 are 1x%d or %dx%[1]d", mx.NVBlock, mx.NVBlock)
	case q.Format == NVFP4 && q.Block.Rows > 1 && q.Round != Nearest:
		return fmt.Errorf("tiles of nvfp4 round to nearest: a matrix and its transpose have the same codes")
	case q.Format.Scaled() && q.Block != Tensor && q.Block != Row && q.Block.Rows != 1 && !square:
		return fmt.Errorf("blocks are tensor, row, 1xN or NxN")
	case q.Pow2 && !q.Format.Scaled():
		return fmt.Errorf("pow2 is for scales of float32")
	case q.Scale != "" && !q.Format.MX(), q.Scale == quest && q.Format != MXFP4:
		return fmt.Errorf("%s has no scale rule %s", q.Format, q.Scale)
	case q.Scale == quest && q.Round != Nearest:
		return fmt.Errorf("quest rounds to nearest")
	case q.Round == ThreeQuarters && !q.Format.MX():
		return fmt.Errorf("sr34 is for MX formats")
	case q.Hadamard&(q.Hadamard-1) != 0 || q.Hadamard > 1024:
		return fmt.Errorf("a Hadamard transform of size %d, want a power of two up to 1024", q.Hadamard)
	case q.Hadamard != 0 && q.Block.Rows > 1:
		return fmt.Errorf("a Hadamard transform turns a tile away from its transpose")
	case q.Slope != 0 && !(q.Format == E2M1 && (q.Block == Row || q.Block == Tensor)):
		return fmt.Errorf("the gradient estimator is that of e2m1 with a scale for each row or one for the tensor")
	case q.Pad && (q.Slope != 0 || q.Hadamard != 0 || q.Scale == quest):
		return fmt.Errorf("pad does not go with transforms, quest and gradient estimators")
	case q.Clamp != 0 && q.Hadamard != 0:
		return fmt.Errorf("outliers are clamped or spread, not both")
	}
	return nil
}
