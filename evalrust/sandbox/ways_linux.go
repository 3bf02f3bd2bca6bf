//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// way is a backend and the rights it is started with.
type way struct {
	backend  string
	user     bool // namespaces: in a user namespace, without rights outside
	switches bool // programs run as users of their own
}

// ways are the backends to try, the best first.
func ways() []way {
	root := os.Geteuid() == 0
	var list []way
	if root {
		list = append(list, way{backend: "namespaces", switches: true})
	}
	list = append(list, way{backend: "namespaces", user: true}, way{backend: "bwrap"})
	if root { // the other user may not reach a toolchain in root's home
		list = append(list, way{backend: "landlock", switches: true})
	}
	return append(list, way{backend: "landlock"})
}

func (w way) name() string {
	if w.backend == "namespaces" && w.user {
		return "namespaces (user)"
	}
	return w.backend
}

// rights says as whom programs run.
func (w way) rights() string {
	switch {
	case w.switches:
		return "a user of its own for each worker"
	case w.user || w.backend == "bwrap":
		return "the caller, in a user namespace without capabilities"
	}
	return "the caller"
}

// shared says whether programs are processes of the caller like any other: their
// number is then limited together with all that the caller runs, so that programs
// side by side could take each other's.
func (w way) shared() bool { return w.backend == "landlock" && !w.switches }

const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// command is the worker, not started yet.
func (w way) command(s setup) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: self, Args: []string{workerName}, Env: []string{hookEnv + "=" + workerName, "GOMAXPROCS=2"}, Dir: "/"}
	attr := &syscall.SysProcAttr{Setsid: true}
	switch w.backend {
	case "bwrap":
		return bubblewrap(cmd, s)
	case "namespaces":
		attr.Cloneflags = namespaceFlags
		if w.user {
			attr.Cloneflags |= unix.CLONE_NEWUSER
			attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
			attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
		}
	}
	cmd.SysProcAttr = attr
	return cmd, nil
}

// bubblewrap runs the worker below bwrap, which makes the namespaces.
func bubblewrap(cmd *exec.Cmd, s setup) (*exec.Cmd, error) {
	path, err := exec.LookPath("bwrap")
	if err != nil {
		return nil, errors.New("bwrap is not installed")
	}
	args := []string{"bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"}
	for _, p := range append(systemPaths, s.ReadOnly...) {
		args = append(args, "--ro-bind-try", p, p)
	}
	args = append(args, "--ro-bind", cmd.Path, "/probe", "--bind", s.Work, s.Work, "--chdir", "/", "/probe", workerName)
	return &exec.Cmd{Path: path, Args: args, Env: cmd.Env, Dir: "/"}, nil
}

// advice is what to do about an error of a backend.
func (w way) advice(err error) string {
	is := func(errno syscall.Errno) bool {
		return errors.Is(err, errno) || strings.Contains(err.Error(), errno.Error())
	}
	switch {
	case w.backend == "bwrap" && strings.Contains(err.Error(), "not installed"):
		return "install the package bubblewrap"
	case w.backend == "landlock" && strings.Contains(err.Error(), "no Landlock"):
		return "needs Linux 5.13 with landlock in the list of security modules (lsm=…)"
	case w.backend != "namespaces":
	case is(unix.ENOSPC) || is(unix.EUSERS):
		return "raise sysctl user.max_user_namespaces"
	case w.user && (is(unix.EPERM) || is(unix.EACCES)):
		if restricted() {
			return "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with userns for this program"
		}
		return "user namespaces are switched off here: sysctl kernel.unprivileged_userns_clone=1, or a container with --security-opt seccomp=unconfined"
	case is(unix.EPERM):
		return "a container needs the capability SYS_ADMIN, or user namespaces"
	}
	return ""
}

func restricted() bool {
	data, err := os.ReadFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
	return err == nil && strings.TrimSpace(string(data)) == "1"
}
