package export

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/nanochat-go/nanochat/hub/safetensors"
)

// verify reads the folder back and compares it with what was meant.
func (w *writer) verify(configText []byte) (Report, error) {
	got, class, err := parseConfig(configText)
	if err != nil {
		return Report{}, err
	}
	want := w.spec
	want.Window = 0 // one that hides nothing is not written
	want.Ternary = want.Ternary && w.o.Dequantise == nil
	if !reflect.DeepEqual(got, want) {
		return Report{}, fmt.Errorf("export: config.json reads back as %+v, written was %+v", got, want)
	}
	report := Report{Class: class}
	if err := w.verifyTensors(&report); err != nil {
		return Report{}, err
	}
	for _, name := range fileNames {
		f, err := describe(filepath.Join(w.dir, name))
		if err != nil {
			return Report{}, err
		}
		report.Files = append(report.Files, f)
	}
	return report, nil
}

// verifyTensors compares every tensor of model.safetensors, by name, shape, type
// and bytes.
func (w *writer) verifyTensors(report *Report) error {
	f, err := safetensors.Open(filepath.Join(w.dir, weightsName))
	if err != nil {
		return fmt.Errorf("export: reading back: %w", err)
	}
	defer f.Close()
	list := w.spec.tensors()
	if n := len(f.Tensors()); n != len(list) {
		return fmt.Errorf("export: %s has %d tensors, written were %d", weightsName, n, len(list))
	}
	for _, t := range list {
		info, ok := f.Info(t.name)
		if !ok || info.DType != safetensors.F32 || !slices.Equal(info.Shape, t.shape) {
			return fmt.Errorf("export: %s has %s as %s%v, want F32%v", weightsName, t.name, info.DType, info.Shape, t.shape)
		}
		b, err := f.Bytes(t.name)
		if err != nil {
			return fmt.Errorf("export: reading back: %w", err)
		}
		if sha256.Sum256(b) != w.sums[t.name] {
			return fmt.Errorf("export: %s does not read back as it was written", t.name)
		}
		report.Tensors++
		report.Parameters += product(t.shape)
	}
	return nil
}

// describe returns size and hash of a file.
func describe(path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, fmt.Errorf("export: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return File{}, fmt.Errorf("export: %w", err)
	}
	return File{Name: filepath.Base(path), Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}
