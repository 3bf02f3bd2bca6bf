package mhc

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// The sets that Config.Mixing names: where the residual map R lives.
const (
	Birkhoff   = "birkhoff"    // doubly stochastic, exactly: a convex combination of all permutations
	Sinkhorn   = "sinkhorn"    // doubly stochastic up to the error of Config.Iterations
	SinkhornV4 = "sinkhorn_v4" // the same in the order, and with the ε, of DeepSeek-V4's code
	Free       = "free"        // any matrix: hyper-connections
)

// MaxBirkhoff is the largest number of streams for Birkhoff: there are n!
// permutations, 24 of 4 streams and 120 of 5.
const MaxBirkhoff = 4

// Config says how many residual streams there are and how they mix. The zero
// value is the plain residual stream.
type Config struct {
	Streams     int     `json:"streams"`      // n; 0 and 1: the plain residual
	Mixing      string  `json:"mixing"`       // Birkhoff (default), Sinkhorn, SinkhornV4 or Free
	Iterations  int     `json:"iterations"`   // of Sinkhorn; 0: 20
	OffDiagonal float64 `json:"off_diagonal"` // initial logit of what is not the identity in R; 0: -8
}

// Enabled says whether there is more than one stream.
func (c Config) Enabled() bool { return c.Streams > 1 }

// WithDefaults returns the configuration with every optional field filled in; the
// zero value stays as it is.
func (c Config) WithDefaults() Config {
	if c == (Config{}) {
		return c
	}
	if c.Mixing == "" {
		c.Mixing = Birkhoff
	}
	if c.Iterations == 0 {
		c.Iterations = 20
	}
	if c.OffDiagonal == 0 {
		c.OffDiagonal = -8
	}
	return c
}

// Validate reports every reason why the configuration describes no mixing.
func (c Config) Validate() error {
	var errs []error
	c.Check(func(ok bool, field, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("mhc: %s: %w", field, fmt.Errorf(format, args...)))
		}
	})
	return errors.Join(errs...)
}

// Check calls check for every rule, with the field that the rule is about and what
// is wrong if it does not hold.
func (c Config) Check(check func(ok bool, field, format string, args ...any)) {
	if c == (Config{}) {
		return
	}
	c = c.WithDefaults()
	mixings := []string{Birkhoff, Sinkhorn, SinkhornV4, Free}
	check(slices.Contains(mixings, c.Mixing), "mixing", "mixing %q, want one of %q", c.Mixing, mixings)
	check(c.Streams >= 1 && c.Streams <= 16, "streams", "%d streams, want 1 (the plain residual) to 16", c.Streams)
	check(c.Mixing != Birkhoff || c.Streams <= MaxBirkhoff, "streams", "%d streams with mixing %q, want at most %d: "+
		"the exact form combines all n! permutations; take mixing %q for more", c.Streams, Birkhoff, MaxBirkhoff, Sinkhorn)
	check(c.Iterations > 0, "iterations", "%d iterations, want at least 1", c.Iterations)
	check(c.OffDiagonal < 0 && !math.IsInf(c.OffDiagonal, 0), "off_diagonal", "initial logit %g off the diagonal, want a finite number below 0", c.OffDiagonal)
}

// resWidth is the number of logits of R.
func (c Config) resWidth() int {
	if c.Mixing == Birkhoff {
		return factorial(c.Streams)
	}
	return c.Streams * c.Streams
}

// Width is the number of biases of a sublayer, in the order pre, post, R:
// 2n + n², or 2n + n! for Birkhoff.
func (c Config) Width() int { return 2*c.Streams + c.WithDefaults().resWidth() }

// PhiShape is the shape of φ for streams of dim values: [Width, n·dim], or for
// Free [n+2, dim], which serves every stream. It is transposed against the paper,
// [out, in] as in files: the gradient is a product that XLA computes in half the
// time.
func (c Config) PhiShape(dim int) []int {
	c = c.WithDefaults()
	if c.Mixing == Free {
		return []int{c.Streams + 2, dim}
	}
	return []int{c.Width(), c.Streams * dim}
}

// The initial values that do not depend on the sublayer; φ begins at 0.
const (
	InitAlpha = 0.01 // the gating factor of the three input-dependent parts
	initPre   = 0.7  // weight with which a sublayer reads its own stream
)

// InitBias returns the initial biases of the sublayer with the given number,
// counted from 0 through the model, see the package comment.
func (c Config) InitBias(sublayer int) []float32 {
	c = c.WithDefaults()
	n := c.Streams
	b := make([]float32, 0, c.Width())
	own := sublayer % n
	for j := range n {
		switch {
		case c.Mixing == Free && j == own:
			b = append(b, 1)
		case c.Mixing == Free:
			b = append(b, 0)
		case j == own:
			b = append(b, float32(logit(initPre)))
		default:
			b = append(b, float32(logit((1-initPre)/float64(n-1))))
		}
	}
	for range n {
		if c.Mixing == Free {
			b = append(b, 1)
		} else {
			b = append(b, 0) // 2σ(0) = 1
		}
	}
	for k := range c.resWidth() {
		identity := k == 0 // the first permutation
		if c.Mixing != Birkhoff {
			identity = k%(n+1) == 0
		}
		switch {
		case c.Mixing == Free && identity:
			b = append(b, 1)
		case c.Mixing == Free || identity:
			b = append(b, 0)
		default:
			b = append(b, float32(c.OffDiagonal))
		}
	}
	return b
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

func factorial(n int) int {
	f := 1
	for i := 2; i <= n; i++ {
		f *= i
	}
	return f
}

// Permutations lists the permutations of 0 … n-1 in lexicographic order: the
// identity first.
func Permutations(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var all [][]int
	for first := range n {
		for _, rest := range Permutations(n - 1) {
			p := []int{first}
			for _, r := range rest {
				if r >= first {
					r++
				}
				p = append(p, r)
			}
			all = append(all, p)
		}
	}
	return all
}
