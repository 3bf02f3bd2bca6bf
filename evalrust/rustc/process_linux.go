package rustc

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// isolate gives the command a process group of its own that dies with it, and
// with the caller.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
}

func killGroup(pid int) error {
	if err := unix.Kill(-pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// limit sets the resource limits of a running process. A process that has
// ended already needs none.
func limit(pid int, o Options) error {
	seconds := uint64((o.CPU + time.Second - 1) / time.Second)
	for _, l := range []struct {
		resource  int
		cur, more uint64
	}{
		{unix.RLIMIT_AS, uint64(o.Memory), 0},
		{unix.RLIMIT_CPU, seconds, 1}, // a signal that tells, then the kill
		{unix.RLIMIT_FSIZE, 64 << 20, 0},
		{unix.RLIMIT_NOFILE, 256, 0},
		{unix.RLIMIT_CORE, 0, 0},
	} {
		var old unix.Rlimit
		err := unix.Prlimit(pid, l.resource, nil, &old)
		if err == nil {
			now := unix.Rlimit{Cur: min(l.cur, old.Max), Max: min(l.cur+l.more, old.Max)}
			err = unix.Prlimit(pid, l.resource, &now, nil)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// sweep waits until the process has ended and kills what it left in its group.
// The process is not reaped yet, so its number cannot belong to another.
func sweep(pid int) {
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
	}
	if err == nil {
		_ = killGroup(pid)
	}
}

// signalled names the signal that ended a process and says whether it was the
// one for too much processor time.
func signalled(s *os.ProcessState) (name string, overtime bool) {
	ws, ok := s.Sys().(syscall.WaitStatus)
	if !ok || !ws.Signaled() {
		return "", false
	}
	return unix.SignalName(ws.Signal()), ws.Signal() == unix.SIGXCPU
}
