package export

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nanochat-go/nanochat/hub/safetensors"
)

// ErrExists is returned when the destination exists and may not be replaced.
var ErrExists = errors.New("already exists")

// Source delivers the trained values in the layout of files: linears as
// [out, in], row-major. data is not changed.
type Source interface {
	Tensor(name string) (data []float32, shape []int, err error)
}

// Options are what the weights do not say.
type Options struct {
	Tokenizer     []byte // tokenizer.json
	BOS, EOS, PAD string // special tokens by content, "" for none

	// Dequantise, for a ternary model, gives the codes and the scale of a
	// matrix; the file then holds code·scale. Without it the file holds the
	// trained values and asks its reader to quantise.
	Dequantise func(w []float32) (codes []int8, scale float32)
	Overwrite  bool              // replace an earlier export
	Metadata   map[string]string // of model.safetensors, beside format=pt
}

// Report says what was written and read back.
type Report struct {
	Dir        string
	Class      string // of transformers
	Tensors    int
	Parameters int
	Files      []File
}

// File is one file of an export.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// The files of an export.
const (
	configName     = "config.json"
	weightsName    = "model.safetensors"
	tokenizerName  = "tokenizer.json"
	tokConfigName  = "tokenizer_config.json"
	generationName = "generation_config.json"
)

var fileNames = []string{configName, weightsName, tokenizerName, tokConfigName, generationName}

// HF writes the folder dir. It is an *UnsupportedError if no class of
// transformers computes the model, ErrExists if dir is there. When it returns
// an error, dir is as it was.
func HF(dir string, s Spec, src Source, o Options) (Report, error) {
	if err := s.check(transformers); err != nil {
		return Report{}, err
	}
	if o.Dequantise != nil && !s.Ternary {
		return Report{}, errors.New("export: the model is not ternary, there is nothing to dequantise")
	}
	ids, tokConfig, err := o.readTokenizer(s)
	if err != nil {
		return Report{}, err
	}
	if err := vacant(dir, o.Overwrite); err != nil {
		return Report{}, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return Report{}, fmt.Errorf("export: %w", err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*")
	if err != nil {
		return Report{}, fmt.Errorf("export: %w", err)
	}
	defer os.RemoveAll(temp) // nothing is left of it after the rename
	w := &writer{dir: temp, spec: s, src: src, o: o, sums: map[string][32]byte{}}
	text := map[string]any{
		configName:     s.config(ids, s.Ternary && o.Dequantise == nil),
		tokConfigName:  tokConfig,
		generationName: generationConfig{ids.bos, ids.eos, ids.pad},
	}
	report, err := w.write(text)
	if err != nil {
		return Report{}, err
	}
	if err := publish(temp, dir); err != nil {
		return Report{}, err
	}
	report.Dir = dir
	return report, nil
}

// vacant says whether dir may be written.
func vacant(dir string, overwrite bool) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("export: %w", err)
	case len(entries) == 0:
		return nil
	case !overwrite:
		return fmt.Errorf("export: %s %w: choose another folder or ask to overwrite it", dir, ErrExists)
	}
	var foreign []string
	for _, e := range entries {
		if !slices.Contains(fileNames, e.Name()) || !e.Type().IsRegular() {
			foreign = append(foreign, e.Name())
		}
	}
	if foreign != nil {
		return fmt.Errorf("export: %s %w and holds what an export does not write: %s", dir, ErrExists, strings.Join(foreign, ", "))
	}
	return nil
}

// publish renames temp to dir; an earlier dir is moved aside first and comes
// back if that fails.
func publish(temp, dir string) error {
	if err := os.Chmod(temp, 0o755); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := syncDir(temp); err != nil {
		return err
	}
	old := temp + ".old"
	replaced := os.Rename(dir, old)
	if replaced != nil && !errors.Is(replaced, fs.ErrNotExist) {
		return fmt.Errorf("export: %w", replaced)
	}
	if err := os.Rename(temp, dir); err != nil {
		if replaced == nil {
			err = errors.Join(err, os.Rename(old, dir))
		}
		return fmt.Errorf("export: %w", err)
	}
	if err := os.RemoveAll(old); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return syncDir(filepath.Dir(dir))
}

// syncDir makes the entries of a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// writer builds one folder.
type writer struct {
	dir  string
	spec Spec
	src  Source
	o    Options
	sums map[string][32]byte // of the bytes of each tensor
}

// write makes the files, text as JSON, and reads them back.
func (w *writer) write(text map[string]any) (Report, error) {
	files := map[string][]byte{tokenizerName: w.o.Tokenizer}
	for name, v := range text {
		b, err := encode(v)
		if err != nil {
			return Report{}, err
		}
		files[name] = b
	}
	for name, b := range files {
		if err := writeFile(filepath.Join(w.dir, name), b); err != nil {
			return Report{}, err
		}
	}
	if err := w.weights(); err != nil {
		return Report{}, err
	}
	for name, b := range files {
		got, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			return Report{}, fmt.Errorf("export: reading back: %w", err)
		}
		if !bytes.Equal(b, got) {
			return Report{}, fmt.Errorf("export: %s does not read back as it was written", name)
		}
	}
	return w.verify(files[configName])
}

// writeFile writes and syncs a file that is not there yet.
func writeFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// weights writes model.safetensors tensor by tensor.
func (w *writer) weights() error {
	var list []safetensors.Tensor
	for _, t := range w.spec.tensors() {
		list = append(list, safetensors.Tensor{Name: t.name, DType: safetensors.F32, Shape: t.shape,
			Data: func() ([]byte, error) {
				v, err := w.values(t)
				if err != nil {
					return nil, err
				}
				b := safetensors.Float32Bytes(v)
				w.sums[t.name] = sha256.Sum256(b)
				return b, nil
			}})
	}
	meta := maps.Clone(w.o.Metadata)
	if meta == nil {
		meta = map[string]string{}
	}
	meta["format"] = "pt"
	if err := safetensors.WriteFile(filepath.Join(w.dir, weightsName), list, meta); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// values are the numbers that the file holds for a tensor.
func (w *writer) values(t tensor) ([]float32, error) {
	v, err := read(w.src, t)
	if err != nil || !t.matrix || w.o.Dequantise == nil {
		return v, err
	}
	codes, scale := w.o.Dequantise(v)
	return multiples(codes, scale), nil
}

// read returns the values of a tensor, which are finite.
func read(src Source, t tensor) ([]float32, error) {
	v, shape, err := src.Tensor(t.name)
	if err != nil {
		return nil, err
	}
	if n := product(t.shape); !slices.Equal(shape, t.shape) || len(v) != n {
		return nil, fmt.Errorf("shape %v with %d values, want %v", shape, len(v), t.shape)
	}
	for i, x := range v {
		if x-x != 0 {
			return nil, fmt.Errorf("value %d is %g", i, x)
		}
	}
	return v, nil
}

// multiples are the values that codes and their scale stand for.
func multiples(codes []int8, scale float32) []float32 {
	v := make([]float32, len(codes))
	for i, c := range codes {
		v[i] = float32(c) * scale
	}
	return v
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
