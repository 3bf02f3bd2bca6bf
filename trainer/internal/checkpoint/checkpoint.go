package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nanochat-go/nanochat/hub/safetensors"
)

// The names of a checkpoint's files.
const (
	ModelFile     = "model.safetensors"
	OptimizerFile = "optimizer.safetensors"
	stateFile     = "state.json"
)

const formatVersion = 1

// Snapshot is what a checkpoint holds.
type Snapshot struct {
	Step      int
	Model     []safetensors.Tensor
	Optimizer []safetensors.Tensor
	// State is the state of components by the name they are registered under.
	State map[string]json.RawMessage
}

// manifest is state.json.
type manifest struct {
	Version int                        `json:"version"`
	Step    int                        `json:"step"`
	State   map[string]json.RawMessage `json:"state"`
	Files   map[string]fileInfo        `json:"files"`
	Hash    string                     `json:"hash,omitempty"` // of this file without this field
}

type fileInfo struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Manager writes and finds the checkpoints of one run.
type Manager struct {
	dir  string
	keep int
	best func(step int) bool
	free func(dir string) (uint64, error)
}

// Option changes a Manager.
type Option func(*Manager)

// Keep sets how many of the newest checkpoints stay; the default is 3.
func Keep(n int) Option { return func(m *Manager) { m.keep = max(n, 1) } }

// Spare keeps every checkpoint for which best reports true, beside the newest.
func Spare(best func(step int) bool) Option { return func(m *Manager) { m.best = best } }

func newManager(dir string, opts ...Option) *Manager {
	m := &Manager{dir: dir, keep: 3, best: func(int) bool { return false }, free: freeBytes}
	for _, o := range opts {
		o(m)
	}
	return m
}

// OpenReader opens the folder for reading: it changes nothing, so the run may
// be training in another process. A folder that is not there holds no
// checkpoints.
func OpenReader(dir string) *Manager { return newManager(dir) }

// Open prepares the folder, which it makes if need be, and removes what a
// killed writer left in it. Only one process may have it open.
func Open(dir string, opts ...Option) (*Manager, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	m := newManager(dir, opts...)
	left, err := filepath.Glob(filepath.Join(dir, ".tmp-*"))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return nil, fmt.Errorf("checkpoint: removing an unfinished one: %w", err)
		}
	}
	return m, nil
}

// name is the folder of a step.
func name(step int) string { return fmt.Sprintf("step-%08d", step) }

// Steps lists the steps that have a checkpoint, rising.
func (m *Manager) Steps() ([]int, error) {
	entries, err := os.ReadDir(m.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var steps []int
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "step-")
		if step, err := strconv.Atoi(digits); ok && err == nil && e.IsDir() && e.Name() == name(step) {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	return steps, nil
}

// Path is the folder of a step.
func (m *Manager) Path(step int) string { return filepath.Join(m.dir, name(step)) }

// Save writes a checkpoint and prunes older ones. One of the same step is
// replaced.
func (m *Manager) Save(s Snapshot) (err error) {
	if err := m.checkSpace(s); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(m.dir, ".tmp-"+name(s.Step)+"-")
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(tmp)
			err = fmt.Errorf("checkpoint: step %d: %w", s.Step, err)
		}
	}()
	man := manifest{Version: formatVersion, Step: s.Step, State: s.State, Files: map[string]fileInfo{}}
	for file, tensors := range map[string][]safetensors.Tensor{ModelFile: s.Model, OptimizerFile: s.Optimizer} {
		if man.Files[file], err = writeTensors(filepath.Join(tmp, file), tensors); err != nil {
			return err
		}
	}
	if err := writeManifest(filepath.Join(tmp, stateFile), man); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := syncDir(tmp); err != nil {
		return err
	}
	target := m.Path(s.Step)
	if err := os.RemoveAll(target); err != nil { // made again after a resume from before it
		return err
	}
	if err := os.Rename(tmp, target); err != nil {
		return err
	}
	if err := syncDir(m.dir); err != nil {
		return err
	}
	return m.prune()
}

// checkSpace refuses to start what the disk has no room for.
func (m *Manager) checkSpace(s Snapshot) error {
	need := uint64(1 << 20) // headers, state and the file system's own
	for _, t := range slices.Concat(s.Model, s.Optimizer) {
		n := uint64(t.DType.Size())
		for _, d := range t.Shape {
			n *= uint64(d)
		}
		need += n
	}
	free, err := m.free(m.dir)
	if err != nil {
		return fmt.Errorf("checkpoint: asking for free space in %s: %w", m.dir, err)
	}
	if free < need {
		return fmt.Errorf("checkpoint: step %d needs %d MB and %s has %d MB free: make room and resume; the checkpoints there are untouched",
			s.Step, need>>20, m.dir, free>>20)
	}
	return nil
}

// writeTensors writes one file, synced, and returns its size and hash.
func writeTensors(path string, tensors []safetensors.Tensor) (fileInfo, error) {
	f, err := os.Create(path)
	if err != nil {
		return fileInfo{}, err
	}
	defer f.Close()
	h := sha256.New()
	if err := safetensors.Write(io.MultiWriter(f, h), tensors, map[string]string{"format": "pt"}); err != nil {
		return fileInfo{}, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return fileInfo{}, err
	}
	return fileInfo{size, hex.EncodeToString(h.Sum(nil))}, errors.Join(f.Sync(), f.Close())
}

// seal returns the manifest's text with its own hash in it.
func seal(man manifest) ([]byte, error) {
	man.Hash = ""
	text, err := json.Marshal(man)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	man.Hash = hex.EncodeToString(sum[:])
	return json.Marshal(man)
}

func writeManifest(path string, man manifest) error {
	text, err := seal(man)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// prune removes all but the newest checkpoints and those that are spared.
func (m *Manager) prune() error {
	steps, err := m.Steps()
	if err != nil {
		return err
	}
	for _, step := range steps[:max(0, len(steps)-m.keep)] {
		if m.best(step) {
			continue
		}
		if err := os.RemoveAll(m.Path(step)); err != nil {
			return err
		}
	}
	return nil
}

// Loaded is a checkpoint whose files have been verified.
type Loaded struct {
	Step  int
	Dir   string
	State map[string]json.RawMessage
}

// ErrNone says that a run has no checkpoint that can be used.
var ErrNone = errors.New("no checkpoint")

// Latest finds the newest valid checkpoint. Each newer one that is damaged
// gives a warning. ErrNone is returned, wrapped, if there is none.
func (m *Manager) Latest() (*Loaded, []string, error) {
	steps, err := m.Steps()
	if err != nil {
		return nil, nil, err
	}
	var warnings []string
	for _, step := range slices.Backward(steps) {
		loaded, err := m.Load(step)
		if err == nil {
			return loaded, warnings, nil
		}
		warnings = append(warnings, fmt.Sprintf("%v: trying an older one", err))
	}
	return nil, warnings, fmt.Errorf("%w in %s", ErrNone, m.dir)
}

// Load verifies and returns the checkpoint of a step.
func (m *Manager) Load(step int) (*Loaded, error) {
	dir := m.Path(step)
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var man manifest
	if err := json.Unmarshal(text, &man); err != nil {
		return nil, fmt.Errorf("checkpoint: %s is damaged: %w", filepath.Join(dir, stateFile), err)
	}
	again, err := seal(man)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var resealed manifest
	if err := json.Unmarshal(again, &resealed); err != nil || resealed.Hash != man.Hash || man.Step != step {
		return nil, fmt.Errorf("checkpoint: %s is damaged: its hash does not hold", filepath.Join(dir, stateFile))
	}
	if man.Version != formatVersion {
		return nil, fmt.Errorf("checkpoint: %s has format version %d, this program reads %d", dir, man.Version, formatVersion)
	}
	for _, file := range []string{ModelFile, OptimizerFile} {
		if err := verify(filepath.Join(dir, file), man.Files[file]); err != nil {
			return nil, err
		}
	}
	return &Loaded{Step: step, Dir: dir, State: man.State}, nil
}

// verify compares a file with its size and hash.
func verify(path string, want fileInfo) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); size != want.Size || got != want.SHA256 {
		return fmt.Errorf("checkpoint: %s is damaged: %d bytes with SHA-256 %.12s…, want %d with %.12s…", path, size, got, want.Size, want.SHA256)
	}
	return nil
}

// Model opens the file of weights.
func (l *Loaded) Model() (*safetensors.File, error) {
	return safetensors.Open(filepath.Join(l.Dir, ModelFile))
}

// Optimizer opens the file of the optimizer's variables.
func (l *Loaded) Optimizer() (*safetensors.File, error) {
	return safetensors.Open(filepath.Join(l.Dir, OptimizerFile))
}
