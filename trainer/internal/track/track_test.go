package track

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Mutation: keeping records with Step >= step+2 in resumeJournal, or writing to
// the file without O_APPEND, makes TestRun_Resume fail.

// clock is a time that moves only when told.
type clock struct{ t time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.t }

func (c *clock) pass(d time.Duration) { c.t = c.t.Add(d) }

func at(step int) Position {
	return Position{Step: step, Tokens: int64(step) * 100, Elapsed: time.Duration(step) * time.Second}
}

func TestRun_Journal(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	r, err := Open(Options{Dir: dir, Clock: c.now})
	require.NoError(t, err)
	c.pass(1500 * time.Millisecond)
	r.Step(Step{Position: at(1), Loss: 2.5, BPB: 3, LR: 0.1, GradNorm: 0.5, StepSeconds: 0.2, TokensPerSecond: 500, MFU: 0.25, WaitShare: 0.01,
		Health: Values{"optim/update_rms/0.muon": 0.002, "optim/storage_error/0.muon": 0.01}})
	r.Step(Step{Position: at(2), Loss: math.NaN(), GradNorm: math.Inf(1), Skipped: true})
	r.Log(KindVal, at(2), Values{ValBPB: 2.75})
	r.Note(at(2), "said")
	require.NoError(t, r.Close())

	got, err := Read(filepath.Join(dir, MetricsFile))
	require.NoError(t, err)
	require.Len(t, got, 5)
	require.Equal(t, KindStart, got[0].Kind)
	first := got[1]
	require.Positive(t, first.Values[RSSBytes])
	delete(first.Values, RSSBytes)
	require.Equal(t, Record{Time: time.Date(2026, 1, 2, 15, 4, 6, 500e6, time.UTC), Kind: KindTrain, Step: 1, Tokens: 100, Elapsed: 1,
		Values: Values{TrainLoss: 2.5, TrainBPB: 3, TrainLR: 0.1, GradNorm: 0.5, StepSeconds: 0.2, TokensPerS: 500, MFU: 0.25, DataWait: 0.01,
			UpdateRMS + "0.muon": 0.002, StorageError + "0.muon": 0.01}}, first)
	for name := range got[2].Values {
		require.False(t, strings.HasPrefix(name, Optim), "%s was not measured", name)
	}
	require.Equal(t, 1.0, got[2].Values[Skipped])
	require.True(t, math.IsNaN(got[2].Values[TrainLoss]), "null stands for what is not finite")
	require.Equal(t, Values{ValBPB: 2.75}, got[3].Values)
	require.Equal(t, "said", got[4].Text)
}

func TestOpen_Existing(t *testing.T) {
	dir := t.TempDir()
	require.False(t, Exists(dir))
	r, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.True(t, Exists(dir))
	_, err = Open(Options{Dir: dir})
	require.ErrorIs(t, err, os.ErrExist)
	_, err = Open(Options{Dir: filepath.Join(dir, "none")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func steps(t *testing.T, dir string) (out []int) {
	t.Helper()
	records, err := Read(filepath.Join(dir, MetricsFile))
	require.NoError(t, err)
	last := 0
	for _, r := range records {
		require.GreaterOrEqual(t, r.Step, last, "steps never decrease")
		last = r.Step
		if r.Kind == KindTrain {
			out = append(out, r.Step)
		}
	}
	return out
}

func TestRun_Resume(t *testing.T) {
	dir := t.TempDir()
	r, err := Open(Options{Dir: dir, NoTensorBoard: true})
	require.NoError(t, err)
	for i := 1; i <= 9; i++ {
		r.Step(Step{Position: at(i), Loss: 1})
	}
	require.NoError(t, r.Close())
	var out bytes.Buffer
	r, err = Open(Options{Dir: dir, Resume: true, Step: 6, NoTensorBoard: true, Progress: NewProgress(ProgressOptions{Out: &out})})
	require.NoError(t, err)
	r.Step(Step{Position: at(7), Loss: 2})
	require.NoError(t, r.Close())
	require.Equal(t, []int{1, 2, 3, 4, 5, 6, 7}, steps(t, dir))
	require.Contains(t, out.String(), "3 records of later steps")
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1, "no event file, no temporary file")

	r, err = Open(Options{Dir: t.TempDir(), Resume: true, Step: 0})
	require.NoError(t, err, "nothing to resume from is a beginning")
	require.NoError(t, r.Close())
}

func TestRun_Rewind(t *testing.T) {
	dir := t.TempDir()
	r, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	for i := 1; i <= 5; i++ {
		r.Step(Step{Position: at(i), Loss: 1})
	}
	require.NoError(t, r.Rewind(2))
	r.Step(Step{Position: at(3), Loss: 1})
	require.NoError(t, r.Close())
	require.Equal(t, []int{1, 2, 3}, steps(t, dir))
}

// TestResume_CutAnywhere cuts the journal at every byte, as a crash may.
func TestResume_CutAnywhere(t *testing.T) {
	dir := t.TempDir()
	r, err := Open(Options{Dir: dir, NoTensorBoard: true, Clock: newClock().now})
	require.NoError(t, err)
	for i := 1; i <= 3; i++ {
		r.Step(Step{Position: at(i), Loss: 1})
	}
	require.NoError(t, r.Close())
	path := filepath.Join(dir, MetricsFile)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := 0; n <= len(whole); n += 7 {
		require.NoError(t, os.WriteFile(path, whole[:n], 0o644))
		_, err := Read(path)
		require.NoError(t, err, "a cut last line does not count")
		j, dropped, _, err := resumeJournal(path, 3)
		require.NoError(t, err)
		require.Zero(t, dropped)
		require.NoError(t, j.add(Record{Time: time.Unix(9, 0), Kind: KindTrain, Step: 4}))
		require.NoError(t, j.close())
		got := steps(t, dir)
		require.Equal(t, 4, got[len(got)-1])
		require.Len(t, got, 1+min(3, max(0, bytes.Count(whole[:n], []byte("\n"))-1)))
	}
}

func TestRead_Strict(t *testing.T) {
	const good = `{"time":"2026-01-02T15:04:05Z","kind":"train","step":1,"tokens":0,"elapsed":0,"values":{"a":null}}` + "\n"
	path := filepath.Join(t.TempDir(), MetricsFile)
	for name, line := range map[string]string{
		"unknown field": strings.Replace(good, `"step"`, `"stop":1,"step"`, 1),
		"unknown kind":  strings.Replace(good, `"train"`, `"trial"`, 1),
		"wrong type":    strings.Replace(good, `"step":1`, `"step":"1"`, 1),
		"negative":      strings.Replace(good, `"step":1`, `"step":-1`, 1),
		"no time":       strings.Replace(good, `"time":"2026-01-02T15:04:05Z",`, ``, 1),
		"two values":    strings.Replace(good, "\n", "{}\n", 1),
		"empty line":    "\n",
		"no json":       "hello\n",
	} {
		require.NoError(t, os.WriteFile(path, []byte(good+line+good), 0o644))
		_, err := Read(path)
		require.ErrorContains(t, err, "line 2", name)
	}
	require.NoError(t, os.WriteFile(path, []byte(good+strings.Replace(good, "null", "2", 1)), 0o644))
	got, err := Read(path)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, 2.0, got[0].Values["a"], "the last record of a kind and step stands")
}

// TestRun_FullDisk writes to a file that cannot take it: the run goes on, the
// error is shown once and returned.
func TestRun_FullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	dir := t.TempDir()
	require.NoError(t, os.Symlink("/dev/full", filepath.Join(dir, "full")))
	f, err := os.OpenFile(filepath.Join(dir, "full"), os.O_WRONLY, 0)
	require.NoError(t, err)
	var out bytes.Buffer
	r, err := Open(Options{Dir: dir, NoTensorBoard: true, Progress: NewProgress(ProgressOptions{Out: &out, Quiet: true})})
	require.NoError(t, err)
	require.NoError(t, r.journal.close())
	r.journal.file = f
	for i := 1; i <= 3; i++ {
		r.Step(Step{Position: at(i), Loss: 1})
	}
	require.Error(t, r.Sync())
	err = r.Close()
	var path *os.PathError
	require.True(t, errors.As(err, &path), "%v", err)
	require.Equal(t, 1, strings.Count(out.String(), "metrics are not recorded"))
}

func TestRun_Smooth(t *testing.T) {
	c := newClock()
	r, err := Open(Options{Dir: t.TempDir(), Clock: c.now})
	require.NoError(t, err)
	c.pass(20 * time.Second) // compiling
	r.Step(Step{Position: at(1), Share: 0.01, Loss: 4, TokensPerSecond: 10})
	require.Equal(t, 4.0, r.Smoothed().Loss, "no bias at the start")
	require.Negative(t, r.Smoothed().ETA, "one step says nothing about the pace")
	for i := 2; i <= 50; i++ {
		c.pass(time.Second)
		r.Step(Step{Position: at(i), Share: float64(i) / 100, Loss: 2, TokensPerSecond: 1000})
	}
	require.InDelta(t, 50, r.Smoothed().ETA.Seconds(), 0.01, "the compilation of the first step is left out")
	require.Less(t, r.Smoothed().Loss, 2.2)
	before := r.Smoothed().Loss
	r.Step(Step{Position: at(51), Share: 0.51, Loss: math.NaN(), Skipped: true})
	require.Equal(t, before, r.Smoothed().Loss)
	require.Equal(t, 1, r.Smoothed().Skipped)
	r.Log(KindVal, at(51), Values{ValBPB: 1.5})
	require.Equal(t, 1.5, r.Smoothed().ValBPB)
	require.NoError(t, r.Close())
}

func TestReadMemory(t *testing.T) {
	block := make([]byte, 64<<20)
	for i := range block {
		block[i] = 1
	}
	m := ReadMemory()
	require.Greater(t, m.RSS, int64(64<<20))
	require.GreaterOrEqual(t, m.Peak, m.RSS)
	require.Less(t, m.Peak, int64(8<<30))
	require.Equal(t, byte(1), block[len(block)-1])
	require.Positive(t, goMemory().RSS)
}

func TestReadMachine(t *testing.T) {
	m := ReadMachine()
	require.NotEmpty(t, m.OS)
	require.NotEmpty(t, m.Go)
	require.Positive(t, m.Cores)
	if m.OS == "linux" {
		require.Greater(t, m.Memory, int64(64<<20))
		require.NotEmpty(t, m.Kernel)
	}
}

func TestFormat(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 950: "950", 999.6: "1.00k", 1234: "1.23k", 12_345: "12.3k", 99_960: "100k", 4_560_000: "4.56M", 2e15: "2000T", -1: "-"} {
		require.Equal(t, want, Quantity(x))
		require.LessOrEqual(t, len(Quantity(x)), 5)
	}
	require.Equal(t, "-", Quantity(math.NaN()))
	for d, want := range map[time.Duration]string{0: "0s", 45 * time.Second: "45s", 192 * time.Second: "3m12s", 125 * time.Minute: "2h05m", 76 * time.Hour: "3d04h", -1e9: "-"} {
		require.Equal(t, want, Clock(d))
	}
	require.Equal(t, "1.5 GiB", Bytes(3<<29))
	require.Equal(t, "12 B", Bytes(12))
	require.Equal(t, "a\ufffd[31m b\n\tc\ufffd", clean("a\x1b[31m b\r\n\tc\u202e"))
}

func BenchmarkStep(b *testing.B) {
	r, err := Open(Options{Dir: b.TempDir()})
	require.NoError(b, err)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Step(Step{Position: at(i + 1), Loss: 2.5, BPB: 3, LR: 0.1, GradNorm: 0.5, StepSeconds: 0.2, TokensPerSecond: 500, MFU: 0.25, WaitShare: 0.01})
	}
	require.NoError(b, r.Close())
}
