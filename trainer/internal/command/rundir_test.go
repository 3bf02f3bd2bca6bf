package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// Mutation: resuming with the defaults in place of the saved configuration
// makes TestResumeKeepsTheConfiguration fail.

// open opens a run directory and gives it up at once.
func open(t *testing.T, o cli.TrainOptions) (runDir, config.Config, error) {
	t.Helper()
	r, c, err := openRun(o)
	r.close()
	return r, c, err
}

func TestResumeKeepsTheConfiguration(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	choose := func(preset string, resume bool, set ...string) cli.TrainOptions {
		return cli.TrainOptions{ConfigOptions: cli.ConfigOptions{Preset: preset, Set: set}, Run: dir, Resume: resume}
	}
	_, first, err := open(t, choose("quickstart", true, "model.dim=64", "train.steps=10"))
	require.NoError(t, err, "resuming what has not begun begins it")
	_, c, err := open(t, choose("", true))
	require.NoError(t, err)
	require.Equal(t, first, c)
	_, c, err = open(t, choose("", true, "train.steps=20", "train.backend=go"))
	require.NoError(t, err)
	require.Equal(t, 20, c.Train.Steps)
	require.Equal(t, "go", c.Train.Backend)
	c.Train.Steps, c.Train.Backend = first.Train.Steps, first.Train.Backend
	require.Equal(t, first, c, "only the end and the backend changed")
	_, c, err = open(t, choose("quickstart", true, "model.dim=64", "train.tokens=500"))
	require.NoError(t, err, "the whole command line again")
	require.EqualValues(t, 500, c.Train.Tokens)
	require.Zero(t, c.Train.Steps)

	_, _, err = open(t, choose("quickstart", true))
	require.ErrorContains(t, err, "in model.dim:")
	_, _, err = open(t, choose("", true, "seed=3"))
	require.ErrorContains(t, err, "in seed:")
	_, _, err = open(t, choose("quickstart", false, "model.dim=64"))
	require.ErrorContains(t, err, "--resume")
	saved, err := config.Load("", filepath.Join(dir, "config.toml"), nil)
	require.NoError(t, err)
	require.EqualValues(t, 500, saved.Train.Tokens, "a refused command changes nothing")
}

func TestDiscard(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	o := cli.TrainOptions{ConfigOptions: cli.ConfigOptions{Preset: "quickstart"}, Run: dir}
	r, _, err := open(t, o)
	require.NoError(t, err)
	r.discard()
	require.NoDirExists(t, dir)

	r, _, err = open(t, o)
	require.NoError(t, err)
	mine := writeFile(t, dir, "notes.txt", "mine")
	r.discard()
	require.FileExists(t, mine)
	require.NoError(t, os.Remove(mine))

	_, _, err = open(t, o)
	require.NoError(t, err, "an empty directory may be used")
	o.Resume = true
	r, _, err = open(t, o)
	require.NoError(t, err)
	r.discard()
	require.FileExists(t, filepath.Join(dir, "config.toml"), "an earlier process has begun it")
}
