package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
	"github.com/nanochat-go/nanochat/trainer/internal/data"
)

// runDir is a run directory that this process works on.
type runDir struct {
	path  string
	lock  *os.File
	begun bool // by an earlier process
}

func (r runDir) file(parts ...string) string {
	return filepath.Join(append([]string{r.path}, parts...)...)
}

// newRunDir is the directory of a training command.
func newRunDir(o cli.TrainOptions) runDir {
	if o.Run == "" {
		return runDir{path: defaultRun(o.Preset)}
	}
	return runDir{path: o.Run}
}

// defaultRun is the directory of a run that was given none.
func defaultRun(name string) string {
	if name == "" {
		name = "run"
	}
	return filepath.Join("runs", name+"-"+time.Now().Format("20060102-150405"))
}

// checkTrain reports everything about a training command that can be wrong
// before a backend is opened and a directory made.
func checkTrain(o cli.TrainOptions) (config.Config, error) {
	r := newRunDir(o)
	c, err := r.settle(o)
	if err != nil || r.begun {
		return c, err
	}
	return c, data.Check(c)
}

// openRun makes or opens the run directory of a training command and settles
// which configuration counts.
func openRun(o cli.TrainOptions) (runDir, config.Config, error) {
	r := newRunDir(o)
	c, err := r.settle(o)
	if err != nil {
		return r, c, err
	}
	if err := os.MkdirAll(r.path, 0o755); err != nil {
		return r, c, fmt.Errorf("run directory %s cannot be made: %w: choose another --run", r.path, cause(err))
	}
	if r.lock, err = lockFile(r.file("lock")); err != nil {
		return r, c, fmt.Errorf("run directory %s: %w", r.path, err)
	}
	if err := writeWhole(r.file("config.toml"), c.TOML()); err != nil {
		return r, c, fmt.Errorf("run directory %s cannot be written: %w: choose another --run", r.path, cause(err))
	}
	return r, c, nil
}

// settle looks at the directory, changing nothing: it may hold a run if that is
// resumed, and nothing else. It returns the configuration that counts.
func (r *runDir) settle(o cli.TrainOptions) (config.Config, error) {
	c, err := config.Load(o.Preset, o.File, o.Set)
	if err != nil {
		return c, err
	}
	switch _, err := os.Stat(r.file("config.toml")); {
	case err == nil && !o.Resume:
		return c, fmt.Errorf("run directory %s holds a run already: add --resume to go on with it, or choose another --run", r.path)
	case err == nil:
		r.begun = true
		return reconcile(o, c, r.file("config.toml"))
	case !errors.Is(err, os.ErrNotExist):
		return c, fmt.Errorf("run directory %s: %w: choose another --run", r.path, cause(err))
	}
	entries, err := os.ReadDir(r.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return c, fmt.Errorf("run directory %s: %w: choose another --run", r.path, cause(err))
	}
	for _, e := range entries {
		if name := e.Name(); name != "lock" && name != ".config.toml.tmp" { // of a process that was killed at once
			return c, fmt.Errorf("run directory %s holds %s, which is no part of a run: choose another --run", r.path, name)
		}
	}
	return c, nil
}

// prepare makes or opens the data of the run. A run whose data is unusable is
// given up; one that is interrupted can be resumed.
func (r runDir) prepare(ctx context.Context, c config.Config, notice func(format string, args ...any)) (*data.Prepared, error) {
	d, err := data.Prepare(ctx, c, r.file("data"), notice)
	if err == nil {
		if err = d.CheckContext(c.Model.Context); err == nil {
			return d, nil
		}
		d.Close()
	}
	if ctx.Err() == nil {
		r.discard()
	}
	return nil, err
}

// discard removes what this process has made of a run whose data turned out to
// be unusable, so that the next attempt finds nothing in its way.
func (r runDir) discard() {
	if r.begun {
		return
	}
	for _, name := range []string{"config.toml", "lock", "data"} {
		os.RemoveAll(r.file(name))
	}
	os.Remove(r.path) // only if it is empty
}

// reconcile chooses between the configuration of a run, saved at path, and the
// one on the command line that resumes it. Without a preset and a file there,
// its settings apply to the saved one. The two may differ in the budget and the
// backend only.
func reconcile(o cli.TrainOptions, given config.Config, path string) (config.Config, error) {
	saved, err := config.Load("", path, nil)
	if err != nil {
		return saved, err
	}
	if o.Preset == "" && o.File == "" {
		if given, err = config.Load("", path, o.Set); err != nil {
			return given, err
		}
	}
	same := given
	same.Train.Steps, same.Train.Tokens, same.Train.Time = saved.Train.Steps, saved.Train.Tokens, saved.Train.Time
	same.Train.Backend = saved.Train.Backend
	if keys := config.Differences(same, saved); len(keys) > 0 {
		return given, fmt.Errorf("the command line differs from %s in %s: a resumed run keeps its configuration, only its budget and backend may change: leave these out or choose another --run",
			path, strings.Join(keys, ", "))
	}
	return given, nil
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
