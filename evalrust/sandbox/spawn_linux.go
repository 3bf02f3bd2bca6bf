//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The steps between the fork and the program, for the report of one that is
// refused.
const (
	stepExit   = iota + 1 // not a step: the record holds the wait status
	stepFork              // the fork of the program below the init
	stepGroup             // joining a control group
	stepFiles             // descriptors
	stepLimits            // resource limits
	stepUser              // uid, capabilities
	stepRules             // Landlock
	stepFilter            // seccomp
	stepExec              // directory and execve
)

var stepNames = [...]string{stepFork: "fork", stepGroup: "joining the control group", stepFiles: "descriptors", stepLimits: "resource limits",
	stepUser: "dropping privileges", stepRules: "landlock_restrict_self", stepFilter: "seccomp", stepExec: "execve"}

type rlimit struct {
	resource uintptr
	value    unix.Rlimit
}

// launch is a program to start, with everything that can be prepared before the
// fork. Between fork and execve nothing may be allocated and no lock be taken:
// the child is a copy of one thread of a process with many.
type launch struct {
	path     *byte
	argv     []*byte
	envv     []*byte
	dir      *byte
	fds      [4]int // become 0 to 3; -1 for none
	report   int    // write end of the pipe for records
	limits   []rlimit
	user     int // uid and gid to switch to, -1 to stay
	rules    int // Landlock ruleset
	filter   unix.SockFprog
	groups   []int // cgroup.procs files to join
	isolated bool  // gets pid and ipc namespaces of its own
	lastCap  uintptr

	record  [8]byte
	zero    [1]byte
	allSigs [8]byte
	noSigs  [8]byte
	action  [4]uint64
	caps    [2]unix.CapUserData
	capHdr  unix.CapUserHeader
	status  int32
}

func (l *launch) prepare(path string, args, env []string, dir string) (err error) {
	if l.path, err = unix.BytePtrFromString(path); err != nil {
		return err
	}
	if l.argv, err = syscall.SlicePtrFromStrings(args); err != nil {
		return err
	}
	if l.envv, err = syscall.SlicePtrFromStrings(env); err != nil {
		return err
	}
	l.dir, err = unix.BytePtrFromString(dir)
	l.zero[0] = '0'
	for i := range l.allSigs {
		l.allSigs[i] = 0xff
	}
	l.capHdr.Version = unix.LINUX_CAPABILITY_VERSION_3
	return err
}

// start forks the small init and returns its number. The caller holds the
// thread.
func (l *launch) start() (int, error) {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	flags := uintptr(unix.SIGCHLD)
	if l.isolated {
		flags |= unix.CLONE_NEWPID | unix.CLONE_NEWIPC
	}
	pid, errno := l.fork(flags)
	runtime.KeepAlive(l)
	if errno != 0 {
		return 0, os.NewSyscallError("clone", errno)
	}
	return int(pid), nil
}

// fork returns in the parent only. Signals are held back meanwhile, because
// their handlers need the Go runtime, of which the child has nothing.
//
//go:norace
//go:nosplit
func (l *launch) fork(flags uintptr) (pid uintptr, errno syscall.Errno) {
	var old [8]byte
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&l.allSigs)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, flags, 0, 0, 0, 0, 0)
	if pid == 0 && errno == 0 {
		l.init()
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&old)), 0, 8, 0, 0)
	return pid, errno
}

// init is the process above the program: it starts it, reaps whatever becomes
// its child, and ends with the program, which in a pid namespace ends all that
// is left. As the first process of the namespace it cannot be signalled from
// inside once its handlers are gone.
//
//go:norace
//go:nosplit
func (l *launch) init() {
	for sig := uintptr(1); sig <= 64; sig++ {
		syscall.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&l.action)), 0, 8, 0, 0)
	}
	syscall.RawSyscall6(unix.SYS_SETSID, 0, 0, 0, 0, 0, 0)
	syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
	if !l.isolated {
		syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0)
	}
	for _, fd := range l.groups {
		if n, _, errno := syscall.RawSyscall6(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&l.zero)), 1, 0, 0, 0); n != 1 {
			l.fail(stepGroup, errno)
		}
	}
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		l.fail(stepFork, errno)
	}
	if pid == 0 {
		l.exec()
	}
	for _, fd := range l.fds {
		if fd >= 0 {
			syscall.RawSyscall6(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0)
		}
	}
	for {
		got, _, errno := syscall.RawSyscall6(unix.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&l.status)), 0, 0, 0, 0)
		if got == pid && errno == 0 {
			l.tell(stepExit, uint32(l.status))
			syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 0, 0, 0, 0, 0, 0)
		}
		if errno != 0 && errno != unix.EINTR {
			l.fail(stepFork, errno)
		}
	}
}

// exec turns the process into the program.
//
//go:norace
//go:nosplit
func (l *launch) exec() {
	syscall.RawSyscall6(unix.SYS_SETSID, 0, 0, 0, 0, 0, 0)
	syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
	// The prepared descriptors lie above 3, so none is overwritten before its turn.
	for i, fd := range l.fds {
		if fd < 0 {
			syscall.RawSyscall6(unix.SYS_CLOSE, uintptr(i), 0, 0, 0, 0, 0)
		} else if _, _, errno := syscall.RawSyscall6(unix.SYS_DUP3, uintptr(fd), uintptr(i), 0, 0, 0, 0); errno != 0 {
			l.fail(stepFiles, errno)
		}
	}
	const closeOnExec = 4 // CLOSE_RANGE_CLOEXEC: the report pipe and the rules are still needed
	if _, _, errno := syscall.RawSyscall6(unix.SYS_CLOSE_RANGE, 4, ^uintptr(0)>>33, closeOnExec, 0, 0, 0); errno != 0 {
		l.fail(stepFiles, errno)
	}
	for i := range l.limits {
		r := &l.limits[i]
		if _, _, errno := syscall.RawSyscall6(unix.SYS_PRLIMIT64, 0, r.resource, uintptr(unsafe.Pointer(&r.value)), 0, 0, 0); errno != 0 {
			l.fail(stepLimits, errno)
		}
	}
	if errno := l.drop(); errno != 0 {
		l.fail(stepUser, errno)
	}
	if _, _, errno := syscall.RawSyscall6(unix.SYS_CHDIR, uintptr(unsafe.Pointer(l.dir)), 0, 0, 0, 0, 0); errno != 0 {
		l.fail(stepExec, errno)
	}
	if l.rules >= 0 {
		if _, _, errno := syscall.RawSyscall6(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(l.rules), 0, 0, 0, 0, 0); errno != 0 {
			l.fail(stepRules, errno)
		}
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&l.noSigs)), 0, 8, 0, 0)
	const setModeFilter = 1
	if _, _, errno := syscall.RawSyscall6(unix.SYS_SECCOMP, setModeFilter, 0, uintptr(unsafe.Pointer(&l.filter)), 0, 0, 0); errno != 0 {
		l.fail(stepFilter, errno)
	}
	_, _, errno := syscall.RawSyscall6(unix.SYS_EXECVE, uintptr(unsafe.Pointer(l.path)), uintptr(unsafe.Pointer(&l.argv[0])), uintptr(unsafe.Pointer(&l.envv[0])), 0, 0, 0)
	l.fail(stepExec, errno)
}

// drop gives up users and capabilities for good. The order matters: the
// bounding set needs a capability, and switching the user loses them.
//
//go:norace
//go:nosplit
func (l *launch) drop() syscall.Errno {
	for c := uintptr(0); c <= l.lastCap; c++ {
		// Without the capability for it there are none to drop either.
		syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0, 0, 0, 0)
	}
	if l.user >= 0 {
		id := uintptr(l.user)
		if _, _, errno := syscall.RawSyscall6(unix.SYS_SETGROUPS, 0, 0, 0, 0, 0, 0); errno != 0 {
			return errno
		}
		if _, _, errno := syscall.RawSyscall6(unix.SYS_SETRESGID, id, id, id, 0, 0, 0); errno != 0 {
			return errno
		}
		if _, _, errno := syscall.RawSyscall6(unix.SYS_SETRESUID, id, id, id, 0, 0, 0); errno != 0 {
			return errno
		}
		// Changing users clears the death signal.
		syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0)
	}
	if _, _, errno := syscall.RawSyscall6(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&l.capHdr)), uintptr(unsafe.Pointer(&l.caps)), 0, 0, 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return 0
}

//go:norace
//go:nosplit
func (l *launch) tell(step, value uint32) {
	l.record[0], l.record[1], l.record[2], l.record[3] = byte(step), 0, 0, 0
	l.record[4], l.record[5], l.record[6], l.record[7] = byte(value), byte(value>>8), byte(value>>16), byte(value>>24)
	syscall.RawSyscall6(unix.SYS_WRITE, uintptr(l.report), uintptr(unsafe.Pointer(&l.record)), 8, 0, 0, 0)
}

//go:norace
//go:nosplit
func (l *launch) fail(step uint32, errno syscall.Errno) {
	l.tell(step, uint32(errno))
	for {
		syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 125, 0, 0, 0, 0, 0)
	}
}

// ending reads the records of a launch: how the program ended, or why it did
// not begin.
func ending(records []byte) (status syscall.WaitStatus, ended bool, err error) {
	for ; len(records) >= 8; records = records[8:] {
		step, value := binary.LittleEndian.Uint32(records), binary.LittleEndian.Uint32(records[4:])
		if step == stepExit {
			status, ended = syscall.WaitStatus(value), true
			continue
		}
		return 0, false, fmt.Errorf("%s: %w", stepNames[step], syscall.Errno(value))
	}
	return status, ended, nil
}
