package golden

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// Family is a manifest with its arrays.
type Family struct {
	Name  string
	Dir   string
	Cases []*Case

	data    []byte // of the safetensors file, behind its header
	tensors map[string]tensor
}

type tensor struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// Tolerance says how close a result must be.
type Tolerance struct {
	Kind  string
	Value float64
}

// Case is one case of a family.
type Case struct {
	Name      string            `json:"name"`
	Hyper     map[string]any    `json:"hyper"`
	Tensors   map[string]string `json:"tensors"`
	Tolerance json.RawMessage   `json:"tolerance"`

	family *Family
	t      testing.TB
}

// Load reads a family from dir, or from NANOCHAT_GOLDEN when that is set.
func Load(t testing.TB, family, dir string) *Family {
	t.Helper()
	if env := os.Getenv("NANOCHAT_GOLDEN"); env != "" {
		dir = env
	}
	manifest, err := os.ReadFile(filepath.Join(dir, family+".json"))
	if os.IsNotExist(err) {
		t.Skipf("golden family %s is not in %s", family, dir)
	}
	f := &Family{Name: family, Dir: dir}
	var m struct {
		File  string  `json:"tensors_file"`
		Cases []*Case `json:"cases"`
	}
	if err == nil {
		err = json.Unmarshal(manifest, &m)
	}
	if err == nil && m.File != "" {
		f.data, f.tensors, err = readArrays(filepath.Join(dir, filepath.Base(m.File)))
	}
	if err != nil {
		t.Fatalf("golden family %s: %v", family, err)
	}
	if len(m.Cases) == 0 {
		t.Fatalf("golden family %s has no cases", family)
	}
	for _, c := range m.Cases {
		c.family, c.t = f, t
	}
	f.Cases = m.Cases
	return f
}

// readArrays reads a safetensors file that is trusted to be well formed.
func readArrays(path string) (data []byte, tensors map[string]tensor, err error) {
	all, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	n := binary.LittleEndian.Uint64(all)
	var header map[string]json.RawMessage
	if err := json.Unmarshal(all[8:8+n], &header); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	tensors = map[string]tensor{}
	for name, raw := range header {
		if name == "__metadata__" {
			continue
		}
		var t tensor
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, nil, fmt.Errorf("%s: %s: %w", path, name, err)
		}
		tensors[name] = t
	}
	return all[8+n:], tensors, nil
}

// Run runs a subtest for every case and logs their number at the end.
func (f *Family) Run(t *testing.T, test func(t *testing.T, c *Case)) {
	for _, c := range f.Cases {
		t.Run(c.Name, func(t *testing.T) {
			c.t = t
			test(t, c)
		})
	}
	t.Logf("golden %s: %d cases", f.Name, len(f.Cases))
}

// Known fails the test if the case has a hyper-parameter outside the list.
func (c *Case) Known(names ...string) {
	c.t.Helper()
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
	}
	for name := range c.Hyper {
		if !known[name] {
			c.t.Fatalf("case %s: hyper-parameter %q is not understood", c.Name, name)
		}
	}
}

// Number returns a numeric hyper-parameter; null and absent give the default.
func (c *Case) Number(name string, otherwise float64) float64 {
	c.t.Helper()
	switch v := c.Hyper[name].(type) {
	case nil:
		return otherwise
	case float64:
		return v
	default:
		c.t.Fatalf("case %s: %s is %v, want a number", c.Name, name, v)
		return 0
	}
}

// Text returns a string hyper-parameter; null and absent give "".
func (c *Case) Text(name string) string {
	s, _ := c.Hyper[name].(string)
	return s
}

// Flag returns a boolean hyper-parameter; null and absent give false.
func (c *Case) Flag(name string) bool {
	b, _ := c.Hyper[name].(bool)
	return b
}

// Has says whether the case has a tensor in that role.
func (c *Case) Has(role string) bool {
	_, ok := c.Tensors[role]
	return ok
}

func (c *Case) raw(role string) (tensor, []byte) {
	c.t.Helper()
	t, ok := c.family.tensors[c.Tensors[role]]
	if !ok {
		c.t.Fatalf("case %s has no tensor %q", c.Name, role)
	}
	return t, c.family.data[t.Offsets[0]:t.Offsets[1]]
}

// Shape returns the shape of the tensor in a role.
func (c *Case) Shape(role string) []int {
	c.t.Helper()
	t, _ := c.raw(role)
	return t.Shape
}

// F64 returns the values of the tensor in a role, whatever its type, as float64.
func (c *Case) F64(role string) []float64 {
	c.t.Helper()
	t, b := c.raw(role)
	le := binary.LittleEndian
	var out []float64
	switch t.DType {
	case "F32":
		for ; len(b) > 0; b = b[4:] {
			out = append(out, float64(math.Float32frombits(le.Uint32(b))))
		}
	case "F64":
		for ; len(b) > 0; b = b[8:] {
			out = append(out, math.Float64frombits(le.Uint64(b)))
		}
	case "I32":
		for ; len(b) > 0; b = b[4:] {
			out = append(out, float64(int32(le.Uint32(b))))
		}
	case "I64":
		for ; len(b) > 0; b = b[8:] {
			out = append(out, float64(int64(le.Uint64(b))))
		}
	case "U8":
		for _, v := range b {
			out = append(out, float64(v))
		}
	default:
		c.t.Fatalf("case %s: tensor %q has type %s", c.Name, role, t.DType)
	}
	return out
}

// F32 is F64 rounded to float32.
func (c *Case) F32(role string) []float32 { return convert[float32](c.F64(role)) }

// I32 is F64 as integers.
func (c *Case) I32(role string) []int32 { return convert[int32](c.F64(role)) }

func convert[T float32 | int32](v []float64) []T {
	out := make([]T, len(v))
	for i, x := range v {
		out[i] = T(x)
	}
	return out
}
