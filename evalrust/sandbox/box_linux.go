//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Box runs programs that are not trusted, several at a time. It is safe for
// concurrent use.
type Box struct {
	opts   Options
	way    way
	info   Info
	groups *groups
	slots  chan *slot
	all    []*slot

	closing sync.Once
	closed  chan struct{}
}

// slot is the place of one worker, which is started when it is needed and
// replaced when it is lost.
type slot struct {
	number int
	live   *process
}

// process is a worker as its parent sees it.
type process struct {
	cmd    *exec.Cmd
	conn   net.Conn
	enc    *gob.Encoder
	dec    *gob.Decoder
	stderr bytes.Buffer
	exited chan struct{}
	ready  ready
	group  *group
	work   string // directory of this machine to remove, "" without
}

// New finds a backend that contains a program on this machine, by trying, and
// returns a Box of it. The error is an *UnavailableError when there is none.
func New(opts Options) (*Box, error) {
	if !hooked {
		return nil, errors.New("sandbox: main must call sandbox.Init first (in tests, TestMain)")
	}
	if opts.Workers <= 0 {
		opts.Workers = runtime.NumCPU()
	}
	opts.Size = or(opts.Size, 256<<20)
	for i, p := range opts.ReadOnly {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, fmt.Errorf("sandbox: %w", err)
		}
		opts.ReadOnly[i] = abs
	}
	sweepWork(opts.TempDir)
	var attempts []Attempt
	for _, way := range ways() {
		if opts.Backend != "" && opts.Backend != way.backend {
			continue
		}
		b, err := open(opts, way)
		if err == nil {
			return b, nil
		}
		attempts = append(attempts, Attempt{Backend: way.name(), Error: err.Error(), Advice: way.advice(err)})
	}
	if attempts == nil {
		return nil, fmt.Errorf("sandbox: there is no backend %q; there are namespaces, bwrap and landlock", opts.Backend)
	}
	return nil, &UnavailableError{attempts}
}

func open(opts Options, way way) (*Box, error) {
	if way.shared() {
		opts.Workers = 1
	}
	b := &Box{opts: opts, way: way, slots: make(chan *slot, opts.Workers), closed: make(chan struct{})}
	b.groups = newGroups()
	for i := range opts.Workers {
		s := &slot{number: i}
		b.all = append(b.all, s)
		b.slots <- s
	}
	if err := b.probe(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Info says what contains the programs.
func (b *Box) Info() Info { return b.info }

// Workers is how many commands run at a time.
func (b *Box) Workers() int { return b.opts.Workers }

// Close ends the workers, once no job is open.
func (b *Box) Close() (err error) {
	b.closing.Do(func() {
		close(b.closed)
		for range b.all {
			<-b.slots
		}
		for _, s := range b.all {
			err = errors.Join(err, s.stop())
		}
		err = errors.Join(err, b.groups.remove())
	})
	return err
}

// stop ends a worker and removes what it worked in.
func (s *slot) stop() error {
	p := s.live
	if p == nil {
		return nil
	}
	s.live = nil
	p.conn.Close() // on which it ends what it runs, and itself
	select {
	case <-p.exited:
	case <-time.After(2 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	err := p.group.remove()
	if p.work != "" {
		err = errors.Join(err, empty(p.work), os.Remove(p.work))
	}
	return err
}

// spawn starts a worker.
func (b *Box) spawn(number int) (*process, error) {
	p := &process{exited: make(chan struct{})}
	err := b.launch(p, number)
	if err == nil {
		return p, nil
	}
	err = errors.Join(err, p.group.remove())
	if p.work != "" {
		err = errors.Join(err, os.RemoveAll(p.work))
	}
	return nil, err
}

func (b *Box) launch(p *process, number int) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	near, far := os.NewFile(uintptr(pair[0]), "worker"), os.NewFile(uintptr(pair[1]), "worker")
	defer near.Close()
	defer far.Close()
	s := setup{Backend: b.way.backend, User: -1, ReadOnly: b.opts.ReadOnly, Size: b.opts.Size}
	if b.way.switches {
		s.User = userFor(os.Getpid(), number)
	}
	if b.way.backend != "namespaces" {
		if p.work, err = workDir(b.opts.TempDir, s.User); err != nil {
			return err
		}
		s.Work = p.work
	}
	if p.cmd, err = b.way.command(s); err != nil {
		return err
	}
	if p.group, err = b.groups.make(number); err != nil {
		return err
	}
	p.cmd.Stderr = &p.stderr
	p.cmd.WaitDelay = 2 * time.Second
	p.cmd.ExtraFiles = append([]*os.File{far}, p.group.procs()...)
	s.Groups, s.Limited = len(p.group.procs()), p.group.limitsMemory()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	far.Close() // so that a worker that ends is noticed
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	return p.greet(near, s)
}

// greet makes the worker ready.
func (p *process) greet(near *os.File, s setup) (err error) {
	if p.conn, err = net.FileConn(near); err == nil {
		p.enc, p.dec = gob.NewEncoder(p.conn), gob.NewDecoder(p.conn)
		_ = p.conn.SetDeadline(time.Now().Add(20 * time.Second))
		if err = p.enc.Encode(s); err == nil {
			err = p.dec.Decode(&p.ready)
		}
		_ = p.conn.SetDeadline(time.Time{})
	}
	if err == nil && p.ready.Err == "" {
		return nil
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
	if p.conn != nil {
		p.conn.Close()
	}
	switch {
	case p.ready.Err != "":
		return errors.New(p.ready.Err)
	case p.stderr.Len() > 0:
		line, _, _ := bytes.Cut(bytes.TrimSpace(p.stderr.Bytes()), []byte("\n"))
		return fmt.Errorf("%s", line)
	}
	return fmt.Errorf("the worker does not start: %w", err)
}

// workPrefix begins the names of working directories; the caller's number
// follows, by which the next one finds those of callers that were killed.
const workPrefix = "evalrust-sandbox-"

// workDir is a directory of this machine for the programs of one user.
func workDir(parent string, user int) (string, error) {
	dir, err := os.MkdirTemp(parent, fmt.Sprintf("%s%d-", workPrefix, os.Getpid()))
	if err == nil && user >= 0 {
		// The users of programs pass through it; what is in it is theirs.
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	return dir, nil
}

// sweepWork removes the working directories of callers that were killed.
func sweepWork(parent string) {
	old, _ := filepath.Glob(filepath.Join(or(parent, os.TempDir()), workPrefix+"*"))
	for _, dir := range old {
		if st, err := os.Lstat(dir); err == nil && st.IsDir() && gone(strings.TrimPrefix(filepath.Base(dir), workPrefix)) {
			_ = empty(dir)
			_ = os.Remove(dir)
		}
	}
}

// gone says whether a name begins with the number of a process that has ended.
func gone(name string) bool {
	number, _, _ := strings.Cut(name, "-")
	pid, err := strconv.Atoi(number)
	return err == nil && pid > 0 && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// userFor is the number of a user that nobody else has: above what systems
// give to people, services and containers, by process and worker.
func userFor(pid, worker int) int { return 0x70000000 + pid%(1<<22)*64 + worker%64 }

// Job is a directory of files and the commands that work on it. Its methods
// are for one goroutine.
type Job struct {
	box    *Box
	slot   *slot
	begun  bool
	closed bool
}

// Job waits for a free worker and begins a job with an empty directory.
func (b *Box) Job(ctx context.Context) (*Job, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.closed:
		return nil, errors.New("sandbox: closed")
	case s := <-b.slots:
		if s.live != nil {
			select {
			case <-s.live.exited:
				_ = s.stop()
			default:
			}
		}
		if s.live == nil {
			p, err := b.spawn(s.number)
			if err != nil {
				b.slots <- s
				return nil, &LostError{err}
			}
			s.live = p
		}
		return &Job{box: b, slot: s}, nil
	}
}

// Close gives the worker back. What the job left is wiped when the next begins.
func (j *Job) Close() {
	if !j.closed {
		j.closed = true
		j.box.slots <- j.slot
	}
}

// Dir is the job's directory as its commands see it.
func (j *Job) Dir() string { return j.slot.live.ready.Dir }

// Scratch is a directory for files of one command, as the command sees it.
func (j *Job) Scratch() string { return j.slot.live.ready.Scratch }

// Run writes the files of a step, runs its command and reads files back. The
// error is about the sandbox, a *LostError when the job cannot go on.
func (j *Job) Run(ctx context.Context, step Step) (Result, []File, error) {
	return j.ask(ctx, request{Step: step})
}

func (j *Job) ask(ctx context.Context, r request) (Result, []File, error) {
	p := j.slot.live
	if p == nil {
		return Result{}, nil, &LostError{errors.New("the job is over")}
	}
	if err := ctx.Err(); err != nil {
		return Result{}, nil, err
	}
	r.Reset, j.begun = !j.begun, true
	grace := 30 * time.Second
	if c := r.Step.Command; c != nil {
		limits := c.Limits.withDefaults()
		grace += (patience + 1) * limits.Time
		if err := p.group.begin(limits); err != nil {
			return Result{}, nil, fmt.Errorf("sandbox: %w", err)
		}
	}
	_ = p.conn.SetDeadline(time.Now().Add(grace))
	stop := context.AfterFunc(ctx, func() { _ = p.conn.SetDeadline(time.Unix(1, 0)) })
	var a reply
	err := p.enc.Encode(r)
	if err == nil {
		err = p.dec.Decode(&a)
	}
	if !stop() || err != nil { // the connection may be in the middle of a message
		_ = p.cmd.Process.Kill()
		<-p.exited
		return Result{}, nil, errors.Join(ctx.Err(), lost(p, err), j.slot.stop())
	}
	if a.Err != "" {
		return Result{}, nil, fmt.Errorf("sandbox: %s", a.Err)
	}
	if r.Step.Command != nil {
		p.group.end(&a.Result)
	}
	return a.Result, a.Files, nil
}

func lost(p *process, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		err = fmt.Errorf("it ended: %s %s", p.cmd.ProcessState, bytes.TrimSpace(p.stderr.Bytes()))
	}
	return &LostError{err}
}
