package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// The files of a checkpoint: one with all tensors, or an index of several.
const (
	singleName = "model.safetensors"
	indexName  = "model.safetensors.index.json"
)

// Folder is an open checkpoint in the layout of Hugging Face: tensors in
// model.safetensors, or in the files that model.safetensors.index.json names.
// Its methods may be called concurrently.
type Folder struct {
	files []*File
	in    map[string]*File // by tensor
	names []string
}

// OpenFolder opens the checkpoint in dir. With an index, the tensors are those
// that it lists; each must be in the file that it names. Close it after use.
func OpenFolder(dir string) (*Folder, error) {
	text, err := os.ReadFile(filepath.Join(dir, indexName))
	f := &Folder{in: map[string]*File{}}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		file, err := Open(filepath.Join(dir, singleName))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("safetensors: %s has neither %s nor %s: %w", dir, singleName, indexName, fs.ErrNotExist)
		}
		if err != nil {
			return nil, err
		}
		f.files = []*File{file}
		for _, name := range file.Names() {
			f.add(name, file)
		}
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	if err := f.openShards(dir, text); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Folder) add(name string, file *File) {
	f.in[name] = file
	f.names = append(f.names, name)
}

// openShards opens every file of an index once.
func (f *Folder) openShards(dir string, text []byte) error {
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return fmt.Errorf("safetensors: %s: %w", indexName, err)
	}
	if len(index.Map) == 0 {
		return fmt.Errorf("safetensors: %s has no weight_map", indexName)
	}
	shards := map[string]*File{}
	var names []string
	for name := range index.Map {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		shard := index.Map[name]
		if shard != filepath.Base(shard) || !filepath.IsLocal(shard) {
			return fmt.Errorf("safetensors: %s: tensor %q is in %q, want a file of the same folder", indexName, name, shard)
		}
		if shards[shard] == nil {
			file, err := Open(filepath.Join(dir, shard))
			if err != nil {
				return err
			}
			shards[shard], f.files = file, append(f.files, file)
		}
		if _, ok := shards[shard].Info(name); !ok {
			return fmt.Errorf("safetensors: %s: tensor %q is not in %s", indexName, name, shard)
		}
		f.add(name, shards[shard])
	}
	return nil
}

// Close releases the files.
func (f *Folder) Close() error {
	var errs []error
	for _, file := range f.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// Names lists the tensors.
func (f *Folder) Names() []string { return f.names }

// Info describes the named tensor; ok says whether there is one.
func (f *Folder) Info(name string) (info Info, ok bool) {
	file := f.in[name]
	if file == nil {
		return Info{}, false
	}
	return file.Info(name)
}

// Float32 reads the named tensor as File.Float32 does.
func (f *Folder) Float32(name string) ([]float32, error) {
	file := f.in[name]
	if file == nil {
		return nil, fmt.Errorf("safetensors: the checkpoint has no tensor %q", name)
	}
	return file.Float32(name)
}
