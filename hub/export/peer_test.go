package export

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: writing rope_theta 10000 whatever the spec says, or the wrong class,
// makes this test fail.

const peerScript = `
import json, sys, torch, transformers
ids = json.loads(sys.argv[2])
model, info = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32, output_loading_info=True)
tok = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
bad = {k: sorted(map(str, v)) for k, v in info.items() if v}
with torch.no_grad():
    z = model.eval()(torch.tensor([ids])).logits[0]
print(json.dumps({"class": type(model).__name__, "bad": bad, "logits": z.tolist(), "bos": tok.bos_token_id, "eos": tok.eos_token_id,
                  "encoded": tok.encode("abdab<|end|>", add_special_tokens=False), "decoded": tok.decode([4, 3, 5])}))
`

// TestTransformers loads exported folders with transformers and compares the
// logits with a float64 implementation of the architecture.
func TestTransformers(t *testing.T) {
	python := os.Getenv("PEER_PYTHON")
	if python == "" {
		t.Skip("PEER_PYTHON does not name a Python with torch and transformers")
	}
	find := `import importlib.util, sys; sys.exit(any(importlib.util.find_spec(m) is None for m in ("torch", "transformers")))`
	if err := exec.Command(python, "-c", find).Run(); err != nil {
		t.Skip("the Python that PEER_PYTHON names has no torch and transformers: ", err)
	}
	for _, c := range []struct {
		name string
		spec Spec
		o    func(o *Options)
	}{
		{"llama", llama(), nil},
		{"qwen3", qwen3(), nil},
		{"tied", func() Spec { s := llama(); s.Tied = true; return s }(), nil},
		{"ternary dequantised", func() Spec { s := qwen3(); s.Ternary = true; return s }(), func(o *Options) { o.Dequantise = absMean }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options()
			if c.o != nil {
				c.o(&o)
			}
			w := newWeights(c.spec)
			dir := filepath.Join(t.TempDir(), "model")
			report, err := HF(dir, c.spec, w, o)
			require.NoError(t, err)
			ids := []int{5, 0, 3, 1, 4, 4, 2, 10, 6, 0, 7}
			arg, err := json.Marshal(ids)
			require.NoError(t, err)
			cmd := exec.Command(python, "-c", peerScript, dir, string(arg))
			cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "TRANSFORMERS_VERBOSITY=error")
			out, err := cmd.Output()
			require.NoError(t, err, "%s", stderr(err))
			var got struct {
				Class    string
				Bad      map[string]any
				Logits   [][]float64
				BOS, EOS int
				Encoded  []int
				Decoded  string
			}
			require.NoError(t, json.Unmarshal(out, &got))
			require.Equal(t, report.Class, got.Class)
			require.Empty(t, got.Bad)
			require.Equal(t, []int{5, 6}, []int{got.BOS, got.EOS})
			require.Equal(t, []int{4, 3, 4, 6}, got.Encoded)
			require.Equal(t, "abd<|bos|>", got.Decoded)
			want := reference(c.spec, dequantised(c.spec, w, o), ids, func(_ string, x []float64) []float64 { return x })
			size, worst := 0.0, 0.0
			for i := range want {
				for j, z := range want[i] {
					size, worst = math.Max(size, math.Abs(z)), math.Max(worst, math.Abs(z-got.Logits[i][j]))
				}
			}
			t.Logf("largest difference %.3g of %.3g", worst, size)
			require.LessOrEqual(t, worst, 1e-4*size)
		})
	}
}

func stderr(err error) []byte {
	if e, ok := err.(*exec.ExitError); ok {
		return e.Stderr
	}
	return nil
}

// dequantised are the values that the file should hold.
func dequantised(s Spec, w weights, o Options) weights {
	out := weights{}
	for _, t := range s.tensors() {
		v := w[t.name]
		if t.matrix && o.Dequantise != nil {
			codes, scale := o.Dequantise(v)
			v = make([]float32, len(v))
			for i, c := range codes {
				v[i] = float32(c) * scale
			}
		}
		out[t.name] = v
	}
	return out
}

// reference computes the logits of ids in float64, loop by loop. operand rounds what a
// matrix multiplies.
func reference(s Spec, w map[string][]float32, ids []int, operand func(name string, x []float64) []float64) [][]float64 {
	product := func(name string, x []float64) []float64 { return multiply(w[name], operand(name, x)) }
	h := make([][]float64, len(ids))
	for i, id := range ids {
		for j := range s.Dim {
			h[i] = append(h[i], float64(w["model.embed_tokens.weight"][id*s.Dim+j]))
		}
	}
	for pass := range s.passes() {
		for i := range h {
			if pass > 0 {
				h[i] = norm(h[i], w["model.norm.weight"], s.NormEps)
			}
		}
		for l := range s.NumLayers {
			referenceBlock(s, w, fmt.Sprintf("model.layers.%d.", l), h, product)
		}
	}
	head := "lm_head.weight"
	if s.Tied {
		head = "model.embed_tokens.weight"
	}
	for i := range h {
		h[i] = product(head, norm(h[i], w["model.norm.weight"], s.NormEps))
	}
	return h
}

// referenceBlock runs one block on the rows of h.
func referenceBlock(s Spec, w map[string][]float32, prefix string, h [][]float64, product func(name string, x []float64) []float64) {
	at := func(name string) string { return prefix + name + ".weight" }
	keys, values := make([][]float64, len(h)), make([][]float64, len(h))
	for i := range h {
		x := norm(h[i], w[at("input_layernorm")], s.NormEps)
		q := heads(s, product(at("self_attn.q_proj"), x), w[at("self_attn.q_norm")], i)
		keys[i] = heads(s, product(at("self_attn.k_proj"), x), w[at("self_attn.k_norm")], i)
		values[i] = product(at("self_attn.v_proj"), x)
		add(h[i], product(at("self_attn.o_proj"), mix(s, q, keys[:i+1], values)))
		x = norm(h[i], w[at("post_attention_layernorm")], s.NormEps)
		gate, up := product(at("mlp.gate_proj"), x), product(at("mlp.up_proj"), x)
		for j, g := range gate {
			up[j] *= g / (1 + math.Exp(-g))
		}
		add(h[i], product(at("mlp.down_proj"), up))
	}
}

func add(h, x []float64) {
	for i := range h {
		h[i] += x[i]
	}
}

func multiply(w []float32, x []float64) []float64 {
	y := make([]float64, len(w)/len(x))
	for i := range y {
		for j, v := range x {
			y[i] += float64(w[i*len(x)+j]) * v
		}
	}
	return y
}

func norm(x []float64, gain []float32, eps float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v / math.Sqrt(sum/float64(len(x))+eps) * float64(gain[i])
	}
	return y
}

// heads normalises (with a gain) and rotates every head of v at a position.
func heads(s Spec, v []float64, gain []float32, pos int) []float64 {
	d := s.HeadDim
	for at := 0; at < len(v); at += d {
		if gain != nil {
			copy(v[at:at+d], norm(v[at:at+d], gain, s.NormEps))
		}
		for t := range d / 2 {
			angle := float64(pos) * math.Pow(s.RopeTheta, -2*float64(t)/float64(d))
			a, b := v[at+t], v[at+t+d/2]
			v[at+t] = a*math.Cos(angle) - b*math.Sin(angle)
			v[at+t+d/2] = b*math.Cos(angle) + a*math.Sin(angle)
		}
	}
	return v
}

// mix is attention of one query over the keys before it.
func mix(s Spec, q []float64, keys, values [][]float64) []float64 {
	d := s.HeadDim
	y := make([]float64, len(q))
	for h := range s.NumHeads {
		kv := h / (s.NumHeads / s.NumKVHeads) * d
		p, sum := make([]float64, len(keys)), 0.0
		for j, k := range keys {
			for t := range d {
				p[j] += q[h*d+t] * k[kv+t]
			}
			p[j] = math.Exp(p[j] / math.Sqrt(float64(d)))
			sum += p[j]
		}
		for j := range keys {
			for t := range d {
				y[h*d+t] += p[j] / sum * values[j][kv+t]
			}
		}
	}
	return y
}
