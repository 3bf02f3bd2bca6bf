//go:build amd64 || arm64

package sandbox

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxRead is the most that is read of a job's files.
const maxRead = 64 << 20

// worker is the process that runs commands one after another.
type worker struct {
	setup
	abi      int
	dir      string // of the job
	scratch  string
	builds   int // rulesets
	runs     int
	filter   []unix.SockFilter
	lastCap  uintptr
	hasProc  bool
	separate bool // has mounts and pid namespaces of its own
	readOnly bool // the job's directory, at the moment
}

// serve is the worker's main: it never returns.
func serve() {
	// The init above a program dies with the thread that started it.
	runtime.LockOSThread()
	// No program may look into this process, whatever its user.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	// Handlers, not "ignore": programs would inherit that.
	signal.Notify(make(chan os.Signal, 1))
	unix.Umask(0)
	conn := os.NewFile(3, "socket")
	unix.CloseOnExec(3)
	dec, enc := gob.NewDecoder(conn), gob.NewEncoder(conn)
	w := &worker{}
	if err := dec.Decode(&w.setup); err != nil {
		os.Exit(1)
	}
	answer, err := w.begin()
	if err != nil {
		answer.Err = err.Error()
	}
	if enc.Encode(answer) != nil || err != nil {
		os.Exit(1)
	}
	requests := make(chan request)
	go func() {
		for {
			var r request
			if dec.Decode(&r) != nil { // the caller is gone, however it went
				w.killAll()
				os.Exit(0)
			}
			requests <- r
		}
	}()
	for r := range requests {
		answer := w.answer(r)
		if enc.Encode(answer) != nil {
			os.Exit(1)
		}
	}
}

func (w *worker) answer(r request) (a reply) {
	err := w.perform(r, &a)
	if err != nil {
		a.Err = err.Error()
	}
	return a
}

func (w *worker) perform(r request, a *reply) (err error) {
	if r.Reset {
		if err := w.reset(); err != nil {
			return err
		}
	}
	if r.Probe {
		if err := w.placeSelf(); err != nil {
			return err
		}
	}
	root, err := os.OpenRoot(w.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if len(r.Step.Files) > 0 {
		if err := w.writable(true); err != nil {
			return err
		}
	}
	for _, f := range r.Step.Files {
		if err := write(root, f); err != nil {
			return err
		}
	}
	if c := r.Step.Command; c != nil {
		if a.Result, err = w.run(*c); err != nil {
			return err
		}
	}
	for _, name := range r.Step.Read {
		f, err := read(root, name)
		if err != nil {
			return err
		}
		if f != nil {
			a.Files = append(a.Files, *f)
		}
	}
	return nil
}

// write makes a file of the job, and the directories above it. A link in its
// place is not followed.
func write(root *os.Root, f File) error {
	name := filepath.FromSlash(f.Name)
	if dir := filepath.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	mode := fs.FileMode(0o666)
	if f.Executable {
		mode = 0o777
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = out.Write(f.Data)
	return errors.Join(err, out.Close())
}

// read returns a regular file of the job, nil when there is none of the name.
func read(root *os.Root, name string) (*File, error) {
	in, err := root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil // also a link that leads outside, or a directory made unreadable
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(in, maxRead+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxRead {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxRead)
	}
	return &File{Name: name, Data: data, Executable: st.Mode()&0o100 != 0}, nil
}

// run runs a command and all that it starts.
func (w *worker) run(c Command) (Result, error) {
	c.Limits = c.Limits.withDefaults()
	if err := errors.Join(w.writable(c.Build), w.freshScratch(c.Limits.Scratch)); err != nil {
		return Result{}, err
	}
	l := &launch{user: w.User, isolated: w.separate, lastCap: w.lastCap, rules: w.runs, limits: rlimits(c.Limits, w.others())}
	if c.Build {
		l.rules = w.builds
	}
	if len(c.Args) == 0 {
		return Result{}, errors.New("a command without a program")
	}
	dir := w.scratch
	if c.Build {
		dir = w.dir
	}
	if err := l.prepare(or(c.Path, c.Args[0]), c.Args, c.Env, dir); err != nil {
		return Result{}, err
	}
	l.filter = unix.SockFprog{Len: uint16(len(w.filter)), Filter: &w.filter[0]}
	for i := range w.Groups {
		l.groups = append(l.groups, 4+i)
	}
	return w.supervise(l, c)
}

// others are the processes and threads of the user whom a program shares with the
// caller; RLIMIT_NPROC counts them too.
func (w *worker) others() int {
	if w.Backend != "landlock" || w.User >= 0 {
		return 0
	}
	return tasks(os.Geteuid())
}

func rlimits(l Limits, others int) []rlimit {
	seconds := uint64((l.CPU + time.Second - 1) / time.Second)
	both := func(resource int, n uint64) rlimit {
		return rlimit{uintptr(resource), unix.Rlimit{Cur: n, Max: n}}
	}
	return []rlimit{
		both(unix.RLIMIT_AS, uint64(l.Address)),
		{unix.RLIMIT_CPU, unix.Rlimit{Cur: seconds, Max: seconds + 1}},
		both(unix.RLIMIT_FSIZE, uint64(l.FileSize)),
		both(unix.RLIMIT_NPROC, uint64(l.Processes+others)),
		both(unix.RLIMIT_NOFILE, uint64(l.OpenFiles)),
		both(unix.RLIMIT_CORE, 0),
		both(unix.RLIMIT_MEMLOCK, 64<<10),
		both(unix.RLIMIT_MSGQUEUE, 0),
		both(unix.RLIMIT_STACK, 8<<20),
	}
}

// stream collects what comes out of a pipe.
type stream struct {
	file *os.File
	data []byte
	done chan struct{}
}

// newStream makes a pipe and returns its write end.
func newStream(max int, full func()) (*stream, int, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, -1, os.NewSyscallError("pipe2", err)
	}
	_ = unix.SetNonblock(p[0], true) // the reader's end only: the other is the program's
	s := &stream{file: os.NewFile(uintptr(p[0]), "pipe"), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		buf := make([]byte, 32<<10)
		for {
			n, err := s.file.Read(buf)
			room := max - len(s.data)
			if n > room {
				s.data = append(s.data, buf[:room]...)
				full()
			} else {
				s.data = append(s.data, buf[:n]...)
			}
			if err != nil {
				return
			}
		}
	}()
	return s, p[1], nil
}

// finish waits until the pipe is closed, or closes it.
func (s *stream) finish(deadline time.Time) []byte {
	_ = s.file.SetReadDeadline(deadline)
	<-s.done
	s.file.Close()
	return s.data
}

// supervise starts the program and sees to its end.
func (w *worker) supervise(l *launch, c Command) (Result, error) {
	overflow := make(chan struct{}, 1)
	full := func() {
		select {
		case overflow <- struct{}{}:
		default:
		}
	}
	var streams [4]*stream
	var ends []int
	defer func() {
		for _, fd := range ends {
			unix.Close(fd)
		}
	}()
	for i, max := range []int{c.Limits.Output, c.Limits.Output, c.Limits.Output, 1 << 10} {
		s, fd, err := newStream(max, full)
		if err != nil {
			return Result{}, err
		}
		streams[i], ends = s, append(ends, fd)
	}
	stdin, err := input(c.Stdin)
	if err != nil {
		return Result{}, err
	}
	ends = append(ends, stdin)
	l.fds = [4]int{stdin, ends[0], ends[1], -1}
	if c.Results {
		l.fds[3] = ends[2]
	}
	l.report = ends[3]
	start := time.Now()
	pid, err := l.start()
	for _, fd := range ends {
		unix.Close(fd)
	}
	ends = nil
	var res Result
	if err == nil {
		res = w.watch(pid, c.Limits, overflow)
	}
	res.Wall = time.Since(start)
	deadline := time.Now().Add(2 * time.Second)
	res.Stdout, res.Stderr, res.Results = streams[0].finish(deadline), streams[1].finish(deadline), streams[2].finish(deadline)
	records := streams[3].finish(deadline)
	if err != nil {
		return Result{}, err
	}
	return w.conclude(res, records, c.Limits)
}

// conclude reads off the records how a command ended.
func (w *worker) conclude(res Result, records []byte, l Limits) (Result, error) {
	status, ended, err := ending(records)
	switch {
	case err != nil:
		return Result{}, err
	case res.stopped():
	case !ended && w.Limited: // the group's memory killer may choose the init
		res.OutOfMemory = true
	case !ended:
		return Result{}, errors.New("the init above the program was killed")
	case status.Signaled():
		res.Signal = unix.SignalName(status.Signal())
		res.Timeout = status.Signal() == unix.SIGXCPU || status.Signal() == unix.SIGKILL && res.CPU >= l.CPU
	default:
		res.Exit = status.ExitStatus()
	}
	if !res.OK() && res.Exit == 0 {
		res.Exit = -1
	}
	return res, nil
}

// input is a descriptor to read data from.
func input(data []byte) (int, error) {
	if len(data) == 0 {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return fd, os.NewSyscallError("open /dev/null", err)
	}
	if len(data) <= 4<<10 { // fits into a pipe, which gives it once
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			return -1, os.NewSyscallError("pipe2", err)
		}
		_, err := unix.Write(p[1], data)
		unix.Close(p[1])
		return p[0], os.NewSyscallError("write", err)
	}
	fd, err := unix.MemfdCreate("stdin", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	for at := 0; at < len(data) && err == nil; {
		var n int
		n, err = unix.Pwrite(fd, data[at:], int64(at))
		at += n
	}
	return fd, os.NewSyscallError("write", err)
}

// wait collects the init in the background, because the caller watches limits.
func wait(pid int) <-chan syscall.Rusage {
	done := make(chan syscall.Rusage, 1)
	go func() {
		var usage syscall.Rusage
		for {
			got, err := syscall.Wait4(pid, nil, 0, &usage)
			if got == pid || err != nil && !errors.Is(err, syscall.EINTR) {
				done <- usage
				return
			}
		}
	}()
	return done
}

// tick is how often limits are looked at that the kernel does not watch.
const tick = 10 * time.Millisecond

// watch waits for the init and kills it when a limit is passed.
func (w *worker) watch(pid int, l Limits, overflow <-chan struct{}) (res Result) {
	done := wait(pid)
	timer := time.NewTicker(tick)
	defer timer.Stop()
	start, looked, waited := time.Now(), time.Now(), time.Duration(0)
	for {
		select {
		case usage := <-done:
			if !w.separate {
				w.killAll()
			}
			res.CPU = max(res.CPU, time.Duration(usage.Utime.Nano()+usage.Stime.Nano()))
			res.Peak = max(res.Peak, usage.Maxrss<<10)
			return res
		case <-overflow:
			res.Overflow = res.Overflow || !res.stopped()
			_ = unix.Kill(pid, unix.SIGKILL)
		case now := <-timer.C:
			elapsed := now.Sub(start)
			// A look costs time itself: rarely when nothing is near a limit.
			if now.Sub(looked) < min(elapsed/4, 100*time.Millisecond) {
				continue
			}
			looked = now
			t := w.tree(pid)
			waited = max(waited, t.waited)
			res.Peak, res.CPU = max(res.Peak, t.memory), max(res.CPU, t.cpu)
			switch {
			case res.stopped():
			case !w.Limited && t.memory > l.Memory:
				res.OutOfMemory = true
			case !w.separate && (occupied(w.scratch) > l.Scratch || occupied(w.dir) > w.Size):
				res.OutOfSpace = true
			// Processes that wait for each other's processor time have had it.
			case elapsed-waited > l.Time || elapsed > patience*l.Time || t.cpu > 2*l.CPU:
				res.Timeout = true
			default:
				continue
			}
			_ = unix.Kill(pid, unix.SIGKILL)
			if !w.separate {
				w.killAll()
			}
		}
	}
}

// advice on what the kernel refuses.
func explain(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) && errno == unix.ENOSYS {
		return err.Error() + ": the kernel, or a container's filter, does not have this call"
	}
	return strings.TrimSpace(err.Error())
}
