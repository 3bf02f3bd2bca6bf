package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/fire"
)

// network is the model of a task.
type network struct {
	params []optim.Param
	std    map[string]float64 // of a parameter's initial values
	hidden []fire.Layer       // whose units are rectified
	// logits returns [..., classes], and the activations of each hidden layer,
	// [..., units].
	logits func(w func(name string) *Node, x *Node) (logits *Node, hidden []*Node)
}

// add declares a parameter whose initial values have a standard deviation.
func (n *network) add(class, name string, std float64, shape ...int) optim.Param {
	p := optim.Param{Name: name, Shape: shape, Class: class, FanIn: 0, FanOut: 1}
	if len(shape) == 1 {
		p.FanIn, p.FanOut = -1, -1
	}
	if n.std == nil {
		n.std = map[string]float64{}
	}
	n.params, n.std[name] = append(n.params, p), std
	return p
}

// matrices returns those inside the network, which the measures describe.
func (n *network) matrices() (inside []optim.Param) {
	for _, p := range n.params {
		if p.Class == "matrix" {
			inside = append(inside, p)
		}
	}
	return inside
}

// draw returns initial values.
func (n *network) draw(seed uint64) fire.Snapshot {
	rng := rand.New(rand.NewPCG(seed, 0x1A17))
	values := fire.Snapshot{}
	for _, p := range n.params {
		v := make([]float32, p.Size())
		for i := range v {
			v[i] = float32(n.std[p.Name] * rng.NormFloat64())
		}
		values[p.Name] = v
	}
	return values
}

// storeOf returns a store with the values of a snapshot.
func (n *network) storeOf(values fire.Snapshot) (*model.Store, error) {
	store := model.NewStore()
	for _, p := range n.params {
		if _, err := store.CreateVariable("/"+p.Name, tensors.FromFlatDataAndDimensions(slices.Clone(values[p.Name]), p.Shape...)); err != nil {
			return nil, err
		}
	}
	return store, nil
}

// forward builds the network in a graph.
func (n *network) forward(store *model.Store, x *Node) (logits *Node, hidden []*Node) {
	return n.logits(func(name string) *Node { return store.GetVariable("/" + name).NodeValue(x.Graph()) }, x)
}

// perceptron classifies images [rows, side·side].
func perceptron(units int) *network {
	n := &network{}
	width, layers := side*side, 3
	for i := range layers {
		in := n.add("matrix", fmt.Sprintf("hidden_%d/weights", i), math.Sqrt(2/float64(width)), width, units)
		n.hidden = append(n.hidden, fire.Layer{In: in, Bias: n.add("vector", fmt.Sprintf("hidden_%d/biases", i), 0, units)})
		if i > 0 {
			n.hidden[i-1].Out = in
		}
		width = units
	}
	n.hidden[layers-1].Out = n.add("head", "head/weights", math.Sqrt(1/float64(units)), units, digits)
	n.add("vector", "head/biases", 0, digits)
	n.logits = func(w func(string) *Node, x *Node) (*Node, []*Node) {
		var hidden []*Node
		dense := func(name string) *Node { return Add(MatMul(x, w(name+"/weights")), InsertAxes(w(name+"/biases"), 0)) }
		for i := range layers {
			x = MaxScalar(dense(fmt.Sprintf("hidden_%d", i)), 0)
			hidden = append(hidden, x)
		}
		return dense("head"), hidden
	}
	return n
}

// transformer predicts the next of letters [rows, context] in two layers of
// dim, with norms before attention and before a rectified perceptron.
func transformer(dim, heads int) *network {
	n := &network{}
	const layers = 2
	n.add("embedding", "embed", 0.5, vocabulary, dim)
	n.add("embedding", "position", 0.1, context, dim)
	std := 1 / math.Sqrt(float64(dim))
	for i := range layers {
		layer := fmt.Sprintf("layer_%d/", i)
		for _, name := range []string{"query", "key", "value"} {
			n.add("matrix", layer+name, std, dim, dim)
		}
		n.add("matrix", layer+"output", std/2, dim, dim)
		up := n.add("matrix", layer+"up", std, dim, 4*dim)
		bias := n.add("vector", layer+"biases", 0, 4*dim)
		n.hidden = append(n.hidden, fire.Layer{In: up, Bias: bias, Out: n.add("matrix", layer+"down", std/4, 4*dim, dim)})
	}
	n.add("head", "head", std, dim, vocabulary)
	n.logits = func(w func(string) *Node, x *Node) (*Node, []*Node) {
		var hidden []*Node
		x = Add(Gather(w("embed"), InsertAxes(x, -1)), InsertAxes(w("position"), 0))
		for i := range layers {
			layer := fmt.Sprintf("layer_%d/", i)
			x = Add(x, attend(func(name string) *Node { return w(layer + name) }, norm(x), heads))
			up := Add(MatMul(norm(x), w(layer+"up")), InsertAxes(w(layer+"biases"), 0, 0))
			hidden = append(hidden, MaxScalar(up, 0))
			x = Add(x, MatMul(hidden[i], w(layer+"down")))
		}
		return MatMul(norm(x), w("head")), hidden
	}
	return n
}

// norm divides each row by its root mean square.
func norm(x *Node) *Node {
	return Div(x, InsertAxes(Sqrt(AddScalar(ReduceMean(Square(x), -1), 1e-6)), -1))
}

// attend is causal attention over x [rows, context, dim].
func attend(w func(name string) *Node, x *Node, heads int) *Node {
	shape := x.Shape().Dimensions
	size := shape[2] / heads
	split := func(name string) *Node { return Reshape(MatMul(x, w(name)), shape[0], shape[1], heads, size) }
	scores := MulScalar(Einsum("bqhd,bkhd->bhqk", split("query"), split("key")), 1/math.Sqrt(float64(size)))
	seen := InsertAxes(LowerTriangular(x.Graph(), shape[1]), 0, 0)
	scores = Where(BroadcastToShape(seen, scores.Shape().Clone()), scores, MulScalar(OnesLike(scores), -1e9))
	mixed := Einsum("bhqk,bkhd->bqhd", Softmax(scores, -1), split("value"))
	return MatMul(Reshape(mixed, shape...), w("output"))
}
