package main

import (
	"math"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"
)

const (
	side   = 16 // pixels
	digits = 10
)

// segments are the strokes of a seven-segment display in a box from -1 to 1, and
// glyphs the strokes of each digit, a bit for each segment.
var (
	segments = [7][4]float64{{-0.6, -1, 0.6, -1}, {0.6, -1, 0.6, 0}, {0.6, 0, 0.6, 1}, {-0.6, 1, 0.6, 1}, {-0.6, 0, -0.6, 1}, {-0.6, -1, -0.6, 0}, {-0.6, 0, 0.6, 0}}
	glyphs   = [digits]int{0b0111111, 0b0000110, 0b1011011, 0b1001111, 0b1100110, 0b1101101, 0b1111101, 0b0000111, 0b1111111, 0b1101111}
)

// draw returns one image of a digit: turned, sheared, scaled and moved, with a
// stray stroke and noise over it.
func draw(rng *rand.Rand, digit int) []float32 {
	between := func(low, high float64) float64 { return low + (high-low)*rng.Float64() }
	angle, shear := between(-0.4, 0.4), between(-0.3, 0.3)
	wide, high := between(3, 5), between(4, 6)
	x0, y0 := between(-1.5, 1.5)+float64(side-1)/2, between(-1.5, 1.5)+float64(side-1)/2
	width, ink := between(0.6, 1.1), between(0.6, 1)
	var strokes [][4]float64
	for i, s := range segments {
		if glyphs[digit]>>i&1 == 0 {
			continue
		}
		var stroke [4]float64
		for end := range 2 {
			x, y := s[2*end]*wide, s[2*end+1]*high
			x += shear * y
			stroke[2*end], stroke[2*end+1] = x0+x*math.Cos(angle)-y*math.Sin(angle), y0+x*math.Sin(angle)+y*math.Cos(angle)
		}
		strokes = append(strokes, stroke)
	}
	strokes = append(strokes, [4]float64{between(0, side), between(0, side), between(0, side), between(0, side)})
	image := make([]float32, side*side)
	for i := range image {
		nearest := math.Inf(1)
		for _, s := range strokes {
			nearest = min(nearest, distance(float64(i%side), float64(i/side), s))
		}
		image[i] = float32(ink*math.Exp(-nearest*nearest/(2*width*width)) + 0.2*rng.NormFloat64())
	}
	return image
}

// distance is how far a point is from a stroke.
func distance(x, y float64, s [4]float64) float64 {
	dx, dy := s[2]-s[0], s[3]-s[1]
	along := 0.0
	if length := dx*dx + dy*dy; length > 0 {
		along = min(max(((x-s[0])*dx+(y-s[1])*dy)/length, 0), 1)
	}
	return math.Hypot(x-s[0]-along*dx, y-s[1]-along*dy)
}

// images are labelled pictures.
type images struct {
	pixels [][]float32
	labels []int32
}

func drawImages(rng *rand.Rand, n int) (set images) {
	for i := range n {
		set.pixels, set.labels = append(set.pixels, draw(rng, i%digits)), append(set.labels, int32(i%digits))
	}
	return set
}

// batch returns the images of some numbers.
func (s images) batch(which []int) (x, y *tensors.Tensor) {
	pixels, labels := make([]float32, 0, len(which)*side*side), make([]int32, 0, len(which))
	for _, i := range which {
		pixels, labels = append(pixels, s.pixels[i]...), append(labels, s.labels[i])
	}
	return tensors.FromFlatDataAndDimensions(pixels, len(which), side*side), tensors.FromFlatDataAndDimensions(labels, len(which), 1)
}

// stream returns batches of the first n images, drawn with replacement.
func (s images) stream(rng *rand.Rand, n, rows int) stream {
	return func() (x, y *tensors.Tensor) {
		which := make([]int, rows)
		for i := range which {
			which[i] = rng.IntN(n)
		}
		return s.batch(which)
	}
}

// imageData draws what one seed sees.
func imageData(seed uint64) (data, error) {
	const all, few, tested, rows = 4000, 400, 2000, 128
	rng := rand.New(rand.NewPCG(seed, 0x1A6E))
	train, test := drawImages(rng, all), drawImages(rng, tested)
	whole := func() (x, y *tensors.Tensor) {
		which := make([]int, tested)
		for i := range which {
			which[i] = i
		}
		return test.batch(which)
	}
	return data{
		first:   func() stream { return train.stream(rand.New(rand.NewPCG(seed, 1)), few, rows) },
		second:  func() stream { return train.stream(rand.New(rand.NewPCG(seed, 2)), all, rows) },
		heldOut: []stream{whole},
	}, nil
}
