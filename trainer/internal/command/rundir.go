package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// runDir is a run directory that this process works on.
type runDir struct {
	path string
	lock *os.File
}

func (r runDir) file(parts ...string) string {
	return filepath.Join(append([]string{r.path}, parts...)...)
}

// defaultRun is the directory of a run that was given none.
func defaultRun(name string) string {
	if name == "" {
		name = "run"
	}
	return filepath.Join("runs", name+"-"+time.Now().Format("20060102-150405"))
}

// openRun makes or opens the run directory of a training command and settles
// which configuration counts.
func openRun(o cli.TrainOptions) (runDir, config.Config, error) {
	c, err := config.Load(o.Preset, o.File, o.Set)
	if err != nil {
		return runDir{}, c, err
	}
	path := o.Run
	if path == "" {
		path = defaultRun(o.Preset)
	}
	r := runDir{path: path}
	saved, err := os.ReadFile(r.file("config.toml"))
	switch {
	case err == nil && !o.Resume:
		return r, c, fmt.Errorf("run directory %s holds a run already: add --resume to go on with it, or choose another --run", path)
	case err == nil:
		if c, err = reconcile(o, c, r.file("config.toml"), saved); err != nil {
			return r, c, err
		}
	case !errors.Is(err, os.ErrNotExist):
		return r, c, fmt.Errorf("run directory %s: %w", path, err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return r, c, fmt.Errorf("run directory %s cannot be made: %w: choose another --run", path, err)
	}
	if r.lock, err = lockFile(r.file("lock")); err != nil {
		return r, c, fmt.Errorf("run directory %s: %w", path, err)
	}
	if err := writeWhole(r.file("config.toml"), c.TOML()); err != nil {
		return r, c, fmt.Errorf("run directory %s cannot be written: %w: choose another --run", path, err)
	}
	return r, c, nil
}

// reconcile chooses between the configuration of a run and the one on the
// command line that resumes it: without any there, the saved one; otherwise
// they may differ in the budget and the backend only.
func reconcile(o cli.TrainOptions, given config.Config, path string, text []byte) (config.Config, error) {
	saved, err := config.Load("", path, nil)
	if err != nil {
		return saved, err
	}
	if o.Preset == "" && o.File == "" && len(o.Set) == 0 {
		return saved, nil
	}
	same := given
	same.Train.Steps, same.Train.Tokens, same.Train.Time = saved.Train.Steps, saved.Train.Tokens, saved.Train.Time
	same.Train.Backend = saved.Train.Backend
	if same.Hash() != saved.Hash() {
		return given, fmt.Errorf("the command line differs from %s in %s: a resumed run keeps its configuration; only its budget and backend may change",
			path, strings.Join(differences(string(same.TOML()), string(saved.TOML())), ", "))
	}
	return given, nil
}

// differences lists the keys of the lines in which two configurations differ.
func differences(a, b string) []string {
	var keys []string
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			key, _, _ := strings.Cut(x[i], " = ")
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		keys = []string{"their length"}
	}
	return keys
}

func (r runDir) close() {
	if r.lock != nil {
		r.lock.Close()
	}
}

// writeWhole writes a file so that it is there whole or not at all.
func writeWhole(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// writeJSON writes v, indented, as a whole file.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(path, append(text, '\n'))
}
