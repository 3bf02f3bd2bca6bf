package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/hub/safetensors"
)

// Mutation: returning nil from verify makes TestFlippedByte fail; writing into
// the final folder instead of a temporary one makes TestKilledAtAnyMoment fail.

// snapshot is a checkpoint whose contents follow from the step.
func snapshot(step int) Snapshot {
	v := make([]float32, 5000)
	for i := range v {
		v[i] = float32(step*10000 + i)
	}
	return Snapshot{Step: step,
		Model:     []safetensors.Tensor{safetensors.FromFloat32("w", []int{50, 100}, v)},
		Optimizer: []safetensors.Tensor{safetensors.FromFloat32("m", []int{5000}, v)},
		State:     map[string]json.RawMessage{"progress": json.RawMessage(fmt.Sprintf(`{"step":%d}`, step))},
	}
}

// checkLoaded compares a loaded checkpoint with what snapshot made.
func checkLoaded(t *testing.T, l *Loaded) {
	t.Helper()
	want := snapshot(l.Step)
	require.JSONEq(t, string(want.State["progress"]), string(l.State["progress"]))
	for _, open := range []func() (*safetensors.File, error){l.Model, l.Optimizer} {
		f, err := open()
		require.NoError(t, err)
		defer f.Close()
		info := f.Tensors()[0]
		got, err := f.Bytes(info.Name)
		require.NoError(t, err)
		data, err := want.Model[0].Data()
		require.NoError(t, err)
		require.Equal(t, data, got)
	}
}

func TestSaveLoadPrune(t *testing.T) {
	dir := t.TempDir()
	m, err := Open(dir, Keep(2), Spare(func(step int) bool { return step == 10 }))
	require.NoError(t, err)
	_, _, err = m.Latest()
	require.ErrorIs(t, err, ErrNone)
	for step := 10; step <= 50; step += 10 {
		require.NoError(t, m.Save(snapshot(step)))
	}
	steps, err := m.Steps()
	require.NoError(t, err)
	require.Equal(t, []int{10, 40, 50}, steps)
	l, warnings, err := m.Latest()
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, 50, l.Step)
	checkLoaded(t, l)
	require.NoError(t, m.Save(snapshot(50)), "the same step again")
}

func TestFlippedByte(t *testing.T) {
	for _, file := range []string{ModelFile, OptimizerFile, stateFile} {
		t.Run(file, func(t *testing.T) {
			dir := t.TempDir()
			m, err := Open(dir)
			require.NoError(t, err)
			require.NoError(t, m.Save(snapshot(1)))
			require.NoError(t, m.Save(snapshot(2)))
			path := filepath.Join(m.Path(2), file)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(1, 2))
			for range 20 {
				at, bit := rng.IntN(len(data)), byte(1)<<rng.IntN(8)
				data[at] ^= bit
				require.NoError(t, os.WriteFile(path, data, 0o600))
				data[at] ^= bit
				l, warnings, err := m.Latest()
				require.NoError(t, err)
				require.Equal(t, 1, l.Step, "byte %d", at)
				require.Len(t, warnings, 1)
				require.Contains(t, warnings[0], name(2))
			}
			require.NoError(t, os.WriteFile(path, data[:len(data)/2], 0o600))
			l, _, err := m.Latest()
			require.NoError(t, err)
			require.Equal(t, 1, l.Step)
			require.NoError(t, os.Remove(path))
			l, _, err = m.Latest()
			require.NoError(t, err)
			require.Equal(t, 1, l.Step)
		})
	}
}

func TestFailedSaveLosesNothing(t *testing.T) {
	dir := t.TempDir()
	m, err := Open(dir)
	require.NoError(t, err)
	require.NoError(t, m.Save(snapshot(1)))
	broken := snapshot(2)
	broken.Optimizer[0].Data = func() ([]byte, error) { return nil, errors.New("device gone") }
	require.ErrorContains(t, m.Save(broken), "device gone")
	m.free = func(string) (uint64, error) { return 1000, nil }
	require.ErrorContains(t, m.Save(snapshot(2)), "make room")
	l, warnings, err := m.Latest()
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, 1, l.Step)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing half-written stays")
}

func TestOpenCleansUp(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".tmp-step-00000003-1", "x"), 0o755))
	_, err := Open(dir)
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestKilledAtAnyMoment kills a process that saves without pause, again and
// again: what it leaves always loads, and never goes back.
func TestKilledAtAnyMoment(t *testing.T) {
	if dir := os.Getenv("CHECKPOINT_WRITER"); dir != "" {
		m, err := Open(dir)
		require.NoError(t, err)
		l, _, err := m.Latest()
		step := 1
		if err == nil {
			step = l.Step + 1
		}
		for ; ; step++ {
			require.NoError(t, m.Save(snapshot(step)))
		}
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 4))
	last := 0
	for range 15 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledAtAnyMoment$")
		cmd.Env = append(os.Environ(), "CHECKPOINT_WRITER="+dir)
		require.NoError(t, cmd.Start())
		time.Sleep(time.Duration(20+rng.IntN(80)) * time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		m, err := Open(dir)
		require.NoError(t, err)
		l, warnings, err := m.Latest()
		if errors.Is(err, ErrNone) && last == 0 {
			continue // killed before the first one
		}
		require.NoError(t, err)
		require.Empty(t, warnings)
		require.GreaterOrEqual(t, l.Step, last)
		checkLoaded(t, l)
		last = l.Step
	}
	require.Greater(t, last, 15)
}

// TestFullDisk fills a small file system of its own.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a small tmpfs: %s", strings.TrimSpace(string(out)))
	}
	defer func() { _ = exec.Command("umount", dir).Run() }()
	m, err := Open(dir, Keep(100))
	require.NoError(t, err)
	m.free = func(string) (uint64, error) { return 1 << 40, nil } // so that writing itself fails
	step := 1
	for ; step < 20; step++ {
		if err = m.Save(snapshot(step)); err != nil {
			break
		}
	}
	require.ErrorContains(t, err, "no space left")
	require.Greater(t, step, 1)
	l, _, err := m.Latest()
	require.NoError(t, err)
	require.Equal(t, step-1, l.Step)
	checkLoaded(t, l)
}

func TestOpenReaderChangesNothing(t *testing.T) {
	dir := t.TempDir()
	unfinished := filepath.Join(dir, ".tmp-step-00000002-1")
	require.NoError(t, os.Mkdir(unfinished, 0o755))
	_, _, err := OpenReader(dir).Latest()
	require.ErrorIs(t, err, ErrNone)
	require.DirExists(t, unfinished)

	missing := filepath.Join(dir, "missing")
	_, _, err = OpenReader(missing).Latest()
	require.ErrorIs(t, err, ErrNone)
	require.NoDirExists(t, missing)
}
