package rustc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// The reasons why a run is cut short that are about the source.
var (
	errTimeout = errors.New("time limit")
	errOutput  = errors.New("output limit")
)

// Ending is how one run of the compiler ended.
type Ending struct {
	Output   []byte // standard error, cut
	Exit     int    // -1 when a signal ended it
	Signal   string // name of the signal, "" without one
	Overtime bool   // stopped for its time, wall clock or processor
	Overflow bool   // stopped for its output
	Starved  bool   // stopped for its memory
}

// capped keeps the first max bytes of what is written and calls full once when
// there is more.
type capped struct {
	buf  bytes.Buffer
	max  int
	full func()
}

func (w *capped) Write(p []byte) (int, error) {
	if room := w.max - w.buf.Len(); len(p) > room {
		w.buf.Write(p[:room])
		if w.full != nil {
			w.full()
			w.full = nil
		}
		return len(p), nil
	}
	return w.buf.Write(p)
}

// run starts the compiler on a file in dir and waits for it and all that it
// started.
func (c *Compiler) run(ctx context.Context, dir, file string) (Ending, error) {
	// A parent that dies takes the compiler with it, which the kernel ties to
	// the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	inner, stop := context.WithTimeoutCause(inner, c.opts.Timeout, errTimeout)
	defer stop()

	stderr := &capped{max: c.opts.MaxOutput, full: func() { cancel(errOutput) }}
	cmd := exec.CommandContext(inner, c.binary, c.args(file)...)
	cmd.Dir = dir
	cmd.Env = []string{"TMPDIR=" + dir, "RUST_BACKTRACE=0"}
	if runtime.GOOS == "windows" { // its loader does not work without
		cmd.Env = append(cmd.Env, "SystemRoot="+os.Getenv("SystemRoot"), "TEMP="+dir, "TMP="+dir)
	}
	cmd.Stderr = stderr
	cmd.WaitDelay = 2 * time.Second
	isolate(cmd)
	if err := cmd.Start(); err != nil {
		return Ending{}, fmt.Errorf("rustc: starting the compiler: %w", err)
	}
	if err := limit(cmd.Process.Pid, c.opts); err != nil {
		cancel(err)
		_ = cmd.Wait()
		return Ending{}, fmt.Errorf("rustc: setting resource limits: %w", err)
	}
	sweep(cmd.Process.Pid)
	waitErr := cmd.Wait()
	if err := ctx.Err(); err != nil {
		return Ending{}, err
	}
	res := Ending{Output: stderr.buf.Bytes(), Exit: cmd.ProcessState.ExitCode()}
	res.Signal, res.Overtime = signalled(cmd.ProcessState)
	switch cause := context.Cause(inner); {
	case errors.Is(cause, errTimeout) && waitErr != nil:
		res.Overtime = true
	case errors.Is(cause, errOutput):
		res.Overflow = true
	}
	return res, nil
}
