package safetensors

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: not looking for the tensor in its file, or taking a shard from
// another folder, makes TestFolderErrors fail.

// shards writes tensors to files of a new folder with an index of them.
func shards(t *testing.T, files map[string][]Tensor) (dir string, index map[string]string) {
	dir, index = t.TempDir(), map[string]string{}
	for file, tensors := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), write(t, tensors, nil), 0o644))
		for _, x := range tensors {
			index[x.Name] = file
		}
	}
	return dir, index
}

func writeIndex(t *testing.T, dir string, index map[string]string) {
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{"total_size": 1}, "weight_map": index})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, indexName), text, 0o644))
}

func TestFolder(t *testing.T) {
	a, b, c := FromFloat32("a", []int{2}, []float32{1, 2}), FromFloat32("b", []int{1, 3}, []float32{3, 4, 5}), FromFloat32("c", []int{1}, []float32{6})
	single, _ := shards(t, map[string][]Tensor{singleName: {a, b, c}})
	dir, index := shards(t, map[string][]Tensor{"model-1.safetensors": {c, a}, "model-2.safetensors": {b}})
	writeIndex(t, dir, index)
	for _, dir := range []string{single, dir} {
		f, err := OpenFolder(dir)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"a", "b", "c"}, f.Names())
		for name, want := range map[string][]float32{"a": {1, 2}, "b": {3, 4, 5}, "c": {6}} {
			v, err := f.Float32(name)
			require.NoError(t, err)
			require.Equal(t, want, v)
		}
		info, ok := f.Info("b")
		require.True(t, ok)
		require.Equal(t, []int{1, 3}, info.Shape)
		_, ok = f.Info("d")
		require.False(t, ok)
		_, err = f.Float32("d")
		require.ErrorContains(t, err, `"d"`)
		require.NoError(t, f.Close())
	}
}

func TestFolderErrors(t *testing.T) {
	_, err := OpenFolder(t.TempDir())
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, singleName)
	tensors := map[string][]Tensor{"one.safetensors": {FromFloat32("a", []int{1}, []float32{1})}}
	for want, index := range map[string]map[string]string{
		"no weight_map":              {},
		"is not in one.safetensors":  {"a": "one.safetensors", "b": "one.safetensors"},
		"want a file of the same":    {"a": "../one.safetensors"},
		"two.safetensors: no such f": {"a": "two.safetensors"},
	} {
		dir, _ := shards(t, tensors)
		writeIndex(t, dir, index)
		_, err := OpenFolder(dir)
		require.ErrorContains(t, err, want)
	}
	dir, _ := shards(t, tensors)
	require.NoError(t, os.WriteFile(filepath.Join(dir, indexName), []byte("{"), 0o644))
	_, err = OpenFolder(dir)
	require.ErrorContains(t, err, indexName)
}
