package sandbox

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	Init()
	os.Exit(m.Run())
}

func open1(t testing.TB, o Options) *Box {
	t.Helper()
	b, err := New(o)
	var none *UnavailableError
	if errors.As(err, &none) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func each(t *testing.T, f func(t *testing.T, b *Box)) {
	for _, backend := range []string{"namespaces", "bwrap", "landlock"} {
		t.Run(backend, func(t *testing.T) { f(t, open1(t, Options{Backend: backend, Workers: 1})) })
	}
}

func sh(script string) *Command { return &Command{Args: []string{"/bin/sh", "-c", script}} }

func TestRun(t *testing.T) {
	each(t, func(t *testing.T, b *Box) {
		job, err := b.Job(t.Context())
		require.NoError(t, err)
		defer job.Close()
		// A build may write into the job's directory and a run may not.
		build := sh("cat in; echo made > out; mkdir -p d; ln -s /etc/passwd link; echo error >&2; exit 3")
		build.Build = true
		r, files, err := job.Run(t.Context(), Step{Files: []File{{Name: "in", Data: []byte("text\n")}, {Name: "a/b", Data: []byte("x"), Executable: true}},
			Command: build, Read: []string{"out", "link", "d", "none", "a/b", "../x"}})
		require.NoError(t, err)
		require.Equal(t, []any{3, "text\n", "error\n", "", false}, []any{r.Exit, string(r.Stdout), string(r.Stderr), r.Signal, r.OK()})
		require.Equal(t, []File{{"out", []byte("made\n"), false}, {"a/b", []byte("x"), true}}, files)

		run := sh("cat " + job.Dir() + "/out && read line && echo $line >&3 && echo x > file && ! echo y 2>/dev/null > " + job.Dir() + "/y && env && kill -9 $$")
		run.Stdin, run.Results, run.Env = []byte("input\n"), true, []string{"A=b"}
		r, files, err = job.Run(t.Context(), Step{Command: run, Read: []string{"y"}})
		require.NoError(t, err)
		require.Empty(t, files)
		require.Equal(t, "SIGKILL", r.Signal, "%s", r.Stderr)
		require.Equal(t, "input\n", string(r.Results))
		require.Contains(t, string(r.Stdout), "made\nA=b\n")
		require.NotContains(t, string(r.Stdout), "HOME")

		// Scratch is new for every command, the directory for every job.
		r, _, err = job.Run(t.Context(), Step{Command: sh("ls; ls " + job.Dir())})
		require.NoError(t, err)
		require.Equal(t, "a\nd\nin\nlink\nout\n", string(r.Stdout))
		job.Close()
		r, _, err = b.Run(t.Context(), Step{Command: sh("ls " + job.Dir())})
		require.NoError(t, err)
		require.Empty(t, r.Stdout)
	})
}

// Each limit ends a command that passes it, and not one below.
func TestLimits(t *testing.T) {
	each(t, func(t *testing.T, b *Box) {
		run := func(l Limits, script string) Result {
			c := sh(script)
			c.Limits = l
			r, _, err := b.Run(t.Context(), Step{Command: c})
			require.NoError(t, err)
			return r
		}
		require.True(t, run(Limits{Time: 200 * time.Millisecond}, "sleep 9").Timeout)
		require.False(t, run(Limits{Time: 5 * time.Second}, "sleep 0.3").Timeout)
		require.True(t, run(Limits{CPU: time.Second, Time: time.Minute}, "while :; do :; done").Timeout)
		require.True(t, run(Limits{Output: 1000}, "while :; do echo yes; done").Overflow)
		r := run(Limits{Output: 1000}, "printf '%01000d' 7")
		require.Len(t, r.Stdout, 1000)
		require.False(t, r.Overflow)
		r = run(Limits{Memory: 64 << 20}, "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done")
		require.True(t, r.OutOfMemory || strings.Contains(string(r.Stderr), "memory"), "%+v %s", r, r.Stderr)
		for size, want := range map[int64]string{1 << 10: "1024\n", 4 << 10: "2000\n"} {
			require.Equal(t, want, string(run(Limits{FileSize: size}, "head -c 2000 /dev/zero > f; wc -c < f").Stdout))
		}
		require.Equal(t, "9\n", string(run(Limits{OpenFiles: 9}, "ulimit -n").Stdout))
	})
	b := open1(t, Options{Backend: "namespaces", Workers: 1})
	for size, want := range map[int64]bool{1 << 20: false, 8 << 20: true} {
		c := sh("for i in 1 2 3 4; do printf '%0900000d' 7 > $i || exit 1; done")
		c.Limits.Scratch = size
		r, _, err := b.Run(t.Context(), Step{Command: c})
		require.NoError(t, err)
		require.Equal(t, want, r.OK(), size)
	}
	c := sh("for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait")
	c.Limits.Processes = 5
	r, _, err := b.Run(t.Context(), Step{Command: c})
	require.NoError(t, err)
	require.False(t, r.OK())
}

// Whatever happens to a job, the worker's place is free again.
func TestCancel(t *testing.T) {
	b := open1(t, Options{Workers: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, _, err := b.Run(ctx, Step{Command: sh("sleep 99")})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 4*time.Second)
	r, _, err := b.Run(t.Context(), Step{Command: sh("exit 4")})
	require.NoError(t, err)
	require.Equal(t, 4, r.Exit)
	_, _, err = b.Run(t.Context(), Step{Command: &Command{Args: []string{"/nonesuch"}}})
	require.ErrorContains(t, err, "execve")
	_, _, err = b.Run(t.Context(), Step{Command: &Command{}})
	require.Error(t, err)
	job, err := b.Job(t.Context())
	require.NoError(t, err)
	require.NoError(t, job.slot.live.cmd.Process.Kill()) // as a kernel without memory does
	_, _, err = job.Run(t.Context(), Step{Command: sh("exit 0")})
	var lost *LostError
	require.ErrorAs(t, err, &lost)
	job.Close()
	_, _, err = b.Run(t.Context(), Step{Command: sh("exit 0")})
	require.NoError(t, err)
}

func TestUnavailable(t *testing.T) {
	_, err := New(Options{Backend: "magic"})
	require.ErrorContains(t, err, "namespaces, bwrap and landlock")
	err = &UnavailableError{[]Attempt{{"bwrap", "not installed", "install it"}, {"landlock", "no", ""}}}
	require.EqualError(t, err, "sandbox: nothing contains a program on this machine, so none is run; tried bwrap: not installed (install it); landlock: no")
	// A probe that gets out is no sandbox, whatever the backend says.
	for _, results := range []string{`{"Canary":"x"}`, `{"Connect":true}`, `{"Written":["/usr"]}`, `{"Hidden":["/x"]}`, `{"Env":["PATH=` + os.Getenv("PATH") + `"]}`, `no`} {
		require.Error(t, judge(Result{Results: []byte(results)}), results)
	}
	require.NoError(t, judge(Result{Results: []byte(`{"Env":["A=b"]}`)}))
}

func BenchmarkRun(b *testing.B) {
	box := open1(b, Options{Workers: 1})
	c := &Command{Args: []string{"/bin/true"}}
	for b.Loop() {
		if _, _, err := box.Run(b.Context(), Step{Command: c}); err != nil {
			b.Fatal(err)
		}
	}
}
