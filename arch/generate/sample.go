package generate

import (
	"errors"
	"fmt"
	"math"
)

// Options say how to sample.
type Options struct {
	MaxTokens   int     // most tokens for each row; 0 or less: until the context is full
	Temperature float64 // 0: always the likeliest token
	TopK        int     // 0: all tokens
	TopP        float64 // 0 or 1: all tokens
	Seed        uint64
	Stop        []int32 // token ids that end a row; they are not part of the result

	Depth int     // passes of a looped model; 0: as many as it was trained with
	Exit  float64 // probability of having ended, by its gate, at which it does; 0: never

	// Draft is how many tokens are drafted at a time and then verified together;
	// 0: none. The model's heads for later tokens draft them, or, with
	// DraftDepth, a looped model that makes so many passes.
	Draft, DraftDepth int
}

// Validate reports every value that is outside its range.
func (o Options) Validate() error {
	var errs []error
	if !(o.Temperature >= 0) || math.IsInf(o.Temperature, 0) {
		errs = append(errs, fmt.Errorf("generate: temperature %g, want 0 (greedy) or more", o.Temperature))
	}
	if o.TopK < 0 {
		errs = append(errs, fmt.Errorf("generate: top-k %d, want 0 (all) or more", o.TopK))
	}
	if !(o.TopP >= 0 && o.TopP <= 1) {
		errs = append(errs, fmt.Errorf("generate: top-p %g, want a share between 0 and 1 (0 and 1: all)", o.TopP))
	}
	if o.Depth < 0 || !(o.Exit >= 0 && o.Exit <= 1) {
		errs = append(errs, fmt.Errorf("generate: depth %d and exit at probability %g, want 0 or more and between 0 and 1", o.Depth, o.Exit))
	}
	if o.Draft < 0 || o.DraftDepth < 0 || o.DraftDepth > 0 && o.Draft == 0 {
		errs = append(errs, fmt.Errorf("generate: %d drafts of depth %d, want 0 or more, and a depth only with drafts", o.Draft, o.DraftDepth))
	}
	if o.Draft > 0 && o.Exit > 0 {
		errs = append(errs, errors.New("generate: drafts are verified at one depth: they do not go with an exit"))
	}
	return errors.Join(errs...)
}

// Candidate is a token that may be drawn.
type Candidate struct {
	ID   int32
	Prob float64
}

// Sampler draws tokens. It reuses memory: one goroutine at a time.
type Sampler struct {
	o          Options
	keep, heap []Candidate
}

// NewSampler returns a sampler of valid options.
func NewSampler(o Options) (*Sampler, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &Sampler{o: o}, nil
}

// Sample draws the token with index step of a row from its logits. It is an
// error if no logit is finite or one is NaN or +Inf.
func (s *Sampler) Sample(logits []float32, row, step int) (int32, error) {
	keep, err := s.Distribution(logits)
	if err != nil {
		return 0, err
	}
	return pick(keep, Uniform(s.o.Seed, row, step)), nil
}

// pick is the first token, in rising order of ids, at which the sum of the
// probabilities exceeds u.
func pick(keep []Candidate, u float64) int32 {
	sum := 0.0
	for _, c := range keep {
		if sum += c.Prob; sum > u {
			return c.ID
		}
	}
	return keep[len(keep)-1].ID // u lies in what rounding left of 1
}

// Distribution returns the tokens that may be drawn with their probabilities,
// in rising order of ids. It is valid until the next call.
func (s *Sampler) Distribution(logits []float32) ([]Candidate, error) {
	best, err := argmax(logits)
	if err != nil {
		return nil, err
	}
	s.keep = s.keep[:0]
	if s.o.Temperature == 0 {
		s.keep = append(s.keep, Candidate{int32(best), 1})
		return s.keep, nil
	}
	top := float64(logits[best])
	for i, z := range logits {
		if w := math.Exp((float64(z) - top) / s.o.Temperature); w > 0 {
			s.keep = append(s.keep, Candidate{int32(i), w})
		}
	}
	if k := s.o.TopK; k > 0 && k < len(s.keep) {
		s.keep = s.largest(s.keep, func(n int, _ float64) bool { return n == k })
	}
	if p := s.o.TopP; p > 0 && p < 1 {
		enough := p * total(s.keep)
		s.keep = s.largest(s.keep, func(_ int, sum float64) bool { return sum >= enough })
	}
	sum := total(s.keep)
	for i := range s.keep {
		s.keep[i].Prob /= sum
	}
	return s.keep, nil
}

// total sums in the order of the slice.
func total(c []Candidate) float64 {
	sum := 0.0
	for _, x := range c {
		sum += x.Prob
	}
	return sum
}

// argmax returns the index of the largest logit, the lowest of equal ones.
func argmax(logits []float32) (int, error) {
	best := -1
	for i, z := range logits {
		if z != z || math.IsInf(float64(z), 1) {
			return 0, fmt.Errorf("generate: logit of token %d is %g", i, z)
		}
		if !math.IsInf(float64(z), -1) && (best < 0 || z > logits[best]) {
			best = i
		}
	}
	if best < 0 {
		return 0, errors.New("generate: no token has a finite logit")
	}
	return best, nil
}

// largest keeps the shortest prefix of c, sorted by falling probability and
// rising id, that satisfies enough(count, sum); c stays in rising order of ids.
// The order comes from a heap: a nucleus is small, a vocabulary is not.
func (s *Sampler) largest(c []Candidate, enough func(n int, sum float64) bool) []Candidate {
	s.heap = append(s.heap[:0], c...)
	h := s.heap
	for i := len(h)/2 - 1; i >= 0; i-- {
		sift(h, i)
	}
	n, sum := 0, 0.0
	last := h[0]
	for len(h) > 0 {
		last = h[0]
		n++
		sum += last.Prob
		if enough(n, sum) {
			break
		}
		h[0] = h[len(h)-1]
		h = h[:len(h)-1]
		sift(h, 0)
	}
	kept := c[:0]
	for _, x := range c {
		if !before(last, x) {
			kept = append(kept, x)
		}
	}
	return kept
}

// sift moves c[i] down to its place in the heap c.
func sift(c []Candidate, i int) {
	for {
		child := 2*i + 1
		if child >= len(c) {
			return
		}
		if child+1 < len(c) && before(c[child+1], c[child]) {
			child++
		}
		if !before(c[child], c[i]) {
			return
		}
		c[i], c[child] = c[child], c[i]
		i = child
	}
}

// before says whether a is taken before b.
func before(a, b Candidate) bool {
	return a.Prob > b.Prob || a.Prob == b.Prob && a.ID < b.ID
}

// Uniform is the random number in [0, 1) of a token; the package comment has
// its definition.
func Uniform(seed uint64, row, step int) float64 {
	x := mix(mix(mix(seed)+uint64(row)) + uint64(step))
	return float64(x>>11) / (1 << 53)
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
