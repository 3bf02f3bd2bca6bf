package export

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/hub/export/exporttest"
	"github.com/nanochat-go/nanochat/precision/ggml"
)

// Mutation: rows of q and k in the order of halves, no final norm between passes, or
// an operand that is not rounded fails TestLlamaCPP.

// half is the tolerance of products in F16, which llama.cpp sums in binary16 where the
// processor can.
const half = 2e-3

// TestLlamaCPP: stock llama.cpp computes the logits of the reference, once its operands
// are rounded as package ggml says.
func TestLlamaCPP(t *testing.T) {
	for _, c := range []struct {
		name        string
		change      func(s *Spec, o *GGUFOptions)
		kind, embed ggml.Type
		rtol        float64 // of the largest logit
	}{
		{name: "F32", rtol: 1e-5},
		{name: "F16", kind: ggml.F16, embed: ggml.F16, rtol: half},
		{name: "Q8_0", kind: ggml.Q8_0, embed: ggml.Q8_0, rtol: 1e-5},
		{name: "Q4_1", kind: ggml.Q4_1, embed: ggml.Q8_0, rtol: 0.03}, // it multiplies the least value with a binary16 sum
		{name: "Q4_K", kind: ggml.Q4_K, embed: ggml.Q6_K, rtol: 1e-5},
		{name: "MXFP4", kind: ggml.MXFP4, rtol: 1e-5},
		{name: "tied", change: func(s *Spec, _ *GGUFOptions) { s.Tied = true }, rtol: 1e-5},
		{name: "qwen3", change: func(s *Spec, _ *GGUFOptions) { s.QKNorm = true }, rtol: 1e-5},
		{name: "looped", change: func(s *Spec, _ *GGUFOptions) { s.Loops = 3 }, rtol: 1e-5},
		{name: "heads wider than the stream", change: func(s *Spec, _ *GGUFOptions) { s.HeadDim = 128 }, rtol: 1e-5},
		{name: "TQ2_0", change: ternary, kind: ggml.TQ2_0, embed: ggml.F32, rtol: 1e-5},
		{name: "TQ1_0", change: ternary, kind: ggml.TQ1_0, embed: ggml.F32, rtol: 1e-5},
		{name: "Q2_0", change: ternary, kind: ggml.Q2_0, embed: ggml.F32, rtol: 1e-5},
		{name: "TQ2_0 exact", change: func(s *Spec, o *GGUFOptions) { ternary(s, o); o.Exact = true }, kind: ggml.TQ2_0, embed: ggml.F32, rtol: 1e-5},
		{name: "TQ2_0 and F16", change: func(s *Spec, o *GGUFOptions) { ternary(s, o); s.HiddenDim = 320 }, kind: ggml.TQ2_0, embed: ggml.F32, rtol: half},
		{name: "TQ2_0 qwen3", change: func(s *Spec, o *GGUFOptions) { ternary(s, o); s.QKNorm = true }, kind: ggml.TQ2_0, embed: ggml.F32, rtol: 1e-5},
		{name: "TQ2_0 looped", change: func(s *Spec, o *GGUFOptions) { ternary(s, o); s.Loops = 2 }, kind: ggml.TQ2_0, embed: ggml.F32, rtol: 1e-5},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, o := blocky(), ggufOptions(t, c.kind, c.embed)
			if c.change != nil {
				c.change(&s, &o)
			}
			path := filepath.Join(t.TempDir(), "m.gguf")
			_, err := GGUF(path, s, newRandom(s, 5), o)
			require.NoError(t, err)
			peer := exporttest.Open(t, path, 64)
			m, err := OpenGGUF(path)
			require.NoError(t, err)
			defer m.Close()
			w := map[string][]float32{}
			for _, x := range m.Spec.tensors() {
				w[x.name], _, err = m.Tensor(x.name)
				require.NoError(t, err)
			}
			ids, tokens := []int{297, 5, 0, 31, 1, 4, 4, 200, 10, 296, 7}, []int32(nil)
			for _, id := range ids {
				tokens = append(tokens, int32(id))
			}
			want := reference(m.Spec, w, ids, m.rounded(t))
			size, worst := 0.0, 0.0
			for i, row := range peer.Logits(tokens) {
				require.Len(t, row, s.VocabSize)
				for j, z := range row {
					size, worst = max(size, math.Abs(want[i][j])), max(worst, math.Abs(want[i][j]-float64(z)))
				}
			}
			t.Logf("largest difference %.3g of %.3g", worst, size)
			require.LessOrEqual(t, worst, c.rtol*size)
		})
	}
}

// rounded rounds what a matrix multiplies as llama.cpp does.
func (m *GGUFModel) rounded(t *testing.T) func(name string, x []float64) []float64 {
	return func(name string, x []float64) []float64 {
		v := make([]float32, len(x))
		for i, f := range x {
			v[i] = float32(f)
		}
		require.NoError(t, m.Operand(name).Round(v))
		y := make([]float64, len(v))
		for i, f := range v {
			y[i] = float64(f)
		}
		return y
	}
}

// TestLlamaCPPTokens: llama.cpp cuts and merges texts as the tokenizer does.
func TestLlamaCPPTokens(t *testing.T) {
	texts := []string{"", "hello", "fn main() { println!(\"{}\", add(1, 23)); }\n", "it's 12  345\n\n  x\t\ty", "I'LL we'Ve don't", "é à 漢字 🦀🦀 ẞ", "   ", "a  b   c    ",
		"<|bos|>text<|eos|>", "1234567890 3.14", "\r\n\r\n x", "let x\u00a0= ½;", "'s 'S ''", "fn\u2028main"}
	for _, split := range []bpe.Split{bpe.GPT2, bpe.Llama3, bpe.CL100K, pretokenizers[5].split, digits} {
		t.Run(string(split), func(t *testing.T) {
			s, o := blocky(), ggufOptions(t, ggml.Q8_0, ggml.Q8_0)
			tok := trained(t, split)
			var err error
			o.Tokenizer, err = tok.MarshalJSON()
			require.NoError(t, err)
			path := filepath.Join(t.TempDir(), "m.gguf")
			_, err = GGUF(path, s, newRandom(s, 5), o)
			require.NoError(t, err)
			peer := exporttest.Open(t, path, 64)
			for _, text := range texts {
				got := peer.Tokens(text, false)
				if len(got) > 0 && got[0] == 297 { // BOS, as the file asks for
					got = got[1:]
				}
				require.Equal(t, append([]int32{}, tok.Encode(nil, []byte(text))...), append([]int32{}, got...), "%q", text)
			}
			got := peer.Tokens("a<|eos|>b", true)
			want := tok.EncodeSpecial(nil, []byte("a<|eos|>b"))
			require.Equal(t, want, got[len(got)-len(want):])
		})
	}
}

const readScript = `
import gguf, json, sys
import numpy as np
r = gguf.GGUFReader(sys.argv[1])
out = {"keys": len(r.fields) - 3, "tensors": {}}
for t in r.tensors:
    v = gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64)
    out["tensors"][t.name] = {"type": t.tensor_type.name, "shape": [int(d) for d in reversed(t.shape)], "sum": float(v.sum()), "squares": float((v * v).sum())}
print(json.dumps(out))
`

// TestGGUFPython: the Python reader accepts the files and reads the same values.
func TestGGUFPython(t *testing.T) {
	python := os.Getenv("PEER_PYTHON")
	if python == "" {
		t.Skip("PEER_PYTHON does not name a Python with gguf")
	}
	if err := exec.Command(python, "-c", "import gguf").Run(); err != nil {
		t.Skip("the Python that PEER_PYTHON names has no gguf: ", err)
	}
	for _, kind := range []ggml.Type{ggml.F32, ggml.F16, ggml.BF16, ggml.Q8_0, ggml.Q4_0, ggml.Q4_1, ggml.Q4_K, ggml.Q6_K, ggml.TQ1_0, ggml.TQ2_0, ggml.MXFP4, ggml.NVFP4} {
		s, o := blocky(), ggufOptions(t, kind, ggml.Q8_0)
		if isTernary(kind) {
			ternary(&s, &o)
		}
		path := filepath.Join(t.TempDir(), "m.gguf")
		_, err := GGUF(path, s, newRandom(s, 5), o)
		require.NoError(t, err)
		out, err := exec.Command(python, "-c", readScript, path).Output()
		require.NoError(t, err, "%s %s", kind, stderr(err))
		var got struct {
			Keys    int
			Tensors map[string]struct {
				Type         string
				Shape        []int
				Sum, Squares float64
			}
		}
		require.NoError(t, json.Unmarshal(out, &got))
		m, err := OpenGGUF(path)
		require.NoError(t, err)
		defer m.Close()
		require.Len(t, m.File().Metadata(), got.Keys)
		require.Len(t, m.File().Tensors(), len(got.Tensors))
		for _, info := range m.File().Tensors() {
			v, err := m.File().Float32(info.Name)
			require.NoError(t, err)
			sum, squares := 0.0, 0.0
			for _, x := range v {
				sum, squares = sum+float64(x), squares+float64(x)*float64(x)
			}
			other := got.Tensors[info.Name]
			require.Equal(t, info.Type.String(), other.Type)
			require.Equal(t, info.Shape, other.Shape)
			require.InDelta(t, sum, other.Sum, 1e-6*math.Sqrt(squares)+1e-9, "%s of %s", info.Name, kind)
			require.InEpsilon(t, squares, other.Squares, 1e-9)
		}
	}
}
