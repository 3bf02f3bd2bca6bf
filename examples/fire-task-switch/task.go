package main

import "github.com/gomlx/gomlx/core/tensors"

// stream returns the next batch: inputs, and labels with a last axis of one.
type stream func() (x, y *tensors.Tensor)

// data is what one seed sees. Every call of first and second begins them anew,
// so that all arms get the same batches.
type data struct {
	first   func() stream
	second  func() stream
	heldOut []stream // one batch each of what no phase trains on
}

// task is a network, its two phases and what the arms need to know of it.
type task struct {
	name              string
	network           *network
	data              func(seed uint64) (data, error)
	sets              []string // what the held-out batches are
	firstSteps, steps int      // of the phases
	firstRate         float64
	clip              float64
	classes           []string  // that FIRE moves
	share             float64   // c of shrink-and-perturb
	cubic             int       // steps of FIRE as published
	seeds             int       // besides seed 0
	rates             []float64 // of the second phase, the same for every arm
	accuracy          bool      // decides, and not loss
}

const (
	tau    = 0.1  // of dormancy, in the measures and in ReDo
	lambda = 1e-4 // of L2-init
	every  = 100  // steps between two rounds of ReDo
)

// tasks lists both. The settings of FIRE and of shrink-and-perturb are those
// of the published experiments on images and on language, but for the
// embeddings, which stay.
var tasks = []*task{
	{
		name: "image", network: perceptron(128), data: imageData, sets: []string{"digits"}, firstSteps: 600, steps: 600, firstRate: 1e-3, clip: 0.5,
		classes: []string{"matrix", "head"}, share: 0.8, cubic: 10, seeds: 5, accuracy: true,
		rates: []float64{3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1},
	},
	{
		name: "language", network: transformer(32, 2), data: languageData, sets: []string{"rust", "arithmetic"}, firstSteps: 1000, steps: 300, firstRate: 5e-3, clip: 1,
		classes: []string{"matrix"}, share: 0.5, cubic: 5, seeds: 3,
		rates: []float64{3e-4, 1e-3, 3e-3, 1e-2, 3e-2},
	},
}

// figure is what decides.
func (t *task) figure(s state) float64 {
	if t.accuracy {
		return s.Accuracy
	}
	return s.Loss
}

// score is the same, the higher the better.
func (t *task) score(s state) float64 {
	if t.accuracy {
		return s.Accuracy
	}
	return -s.Loss
}

// word names the figure.
func (t *task) word() string {
	if t.accuracy {
		return "accuracy"
	}
	return "loss"
}
