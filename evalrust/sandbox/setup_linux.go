//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The directories of a root of our own. Landlock's rules stand on their parents:
// a rule is tied to an inode, and these are mounted anew all the time.
const (
	jobDir     = "/jobs/job"
	scratchDir = "/scratch/tmp"
	probeName  = "probe"
)

// systemPaths hold the system's programs and libraries.
var systemPaths = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"}

// devices are shown in a root of our own.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// begin prepares the worker's surroundings.
func (w *worker) begin() (a ready, err error) {
	w.abi = landlockABI()
	w.lastCap = lastCapability()
	w.filter = filter()
	w.builds, w.runs = -1, -1
	switch w.Backend {
	case "namespaces":
		w.separate, w.dir, w.scratch = true, jobDir, scratchDir
		if err := w.newRoot(&a); err != nil {
			return a, err
		}
	default:
		w.dir, w.scratch = filepath.Join(w.Work, "job"), filepath.Join(w.Work, "scratch")
		if w.Backend == "landlock" && w.abi == 0 {
			return a, errors.New("this kernel has no Landlock")
		}
		if w.Backend == "landlock" && w.User < 0 && os.Geteuid() == 0 && w.abi < 6 {
			return a, errors.New("this kernel's Landlock (before Linux 6.12) does not keep a program of root from signalling others")
		}
		for _, dir := range []string{w.dir, w.scratch} {
			if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
				return a, err
			}
		}
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return a, os.NewSyscallError("prctl", err)
		}
	}
	_, err = os.Stat("/proc/self/stat")
	w.hasProc = err == nil
	if !w.hasProc {
		a.Missing = append(a.Missing, "no /proc inside: waiting for a processor counts as running, memory is only limited for each process")
		if !w.separate {
			return a, errors.New("without /proc and without a pid namespace nothing finds the processes that a program leaves behind")
		}
	}
	if w.abi == 0 {
		a.Missing = append(a.Missing, "no Landlock (Linux 5.13): files are contained by mounts alone")
	}
	a.Landlock, a.Dir, a.Scratch = w.abi, w.dir, w.scratch
	return a, w.rules()
}

// rules makes the Landlock rulesets of building and running.
func (w *worker) rules() (err error) {
	var common []grant
	for _, p := range append(systemPaths, w.ReadOnly...) {
		common = append(common, grant{p, readOnly})
	}
	if w.separate {
		common = append(common, grant{"/proc", readOnly})
	}
	common = append(common, grant{"/etc/ld.so.cache", readFile}, grant{"/probe", readOnly})
	for _, p := range devices {
		common = append(common, grant{p, device})
	}
	job, scratch := w.dir, w.scratch
	if w.separate {
		job, scratch = filepath.Dir(job), filepath.Dir(scratch)
	}
	common = append(common, grant{scratch, readWrite(w.abi)})
	if w.runs, err = ruleset(w.abi, append(common[:len(common):len(common)], grant{job, readOnly})); err != nil {
		return err
	}
	w.builds, err = ruleset(w.abi, append(common, grant{job, readWrite(w.abi)}))
	return err
}

func lastCapability() uintptr {
	data, _ := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		n = 63 // dropping one that does not exist is an error that is passed over
	}
	return uintptr(n)
}

// step names what was being done when a call failed.
func step(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s", what, explain(err))
}

// newRoot makes a root of memory with the system's programs in it and moves
// there. The new root is mounted over /tmp and becomes the root before the
// sources are bound, so that sources below /tmp are not hidden.
func (w *worker) newRoot(a *ready) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return step("making mounts private", err)
	}
	if err := unix.Mount("root", "/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=1m,nr_inodes=4096,mode=0755"); err != nil {
		return step("mounting the root", err)
	}
	if err := os.Mkdir("/tmp/old", 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot("/tmp", "/tmp/old"); err != nil {
		return step("pivot_root", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := w.fill(a); err != nil {
		return err
	}
	if err := unix.Unmount("/old", unix.MNT_DETACH); err != nil {
		return step("leaving the old root", err)
	}
	if err := os.Remove("/old"); err != nil {
		return err
	}
	if err := w.reset(); err != nil {
		return err
	}
	if err := w.freshScratch(DefaultLimits.Scratch); err != nil {
		return err
	}
	return step("making the root read-only", unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""))
}

// fill makes the contents of the new root.
func (w *worker) fill(a *ready) error {
	for _, p := range append(systemPaths, w.ReadOnly...) {
		if err := show(p, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV); err != nil {
			return step("showing "+p, err)
		}
	}
	for _, p := range devices {
		if err := show(p, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC); err != nil {
			return step("showing "+p, err)
		}
	}
	for _, dir := range []string{"/proc", jobDir, scratchDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	// Not when something to be shown lies below /tmp: then TMPDIR must do.
	if err := os.Symlink(scratchDir, "/tmp"); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := showSelf("/probe"); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "hidepid=invisible"); err != nil {
		if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			a.Missing = append(a.Missing, step("mounting /proc", err).Error())
		}
	}
	return nil
}

// show binds a path of the old root under the same name. Links are copied;
// what does not exist is left out.
func show(path string, attributes uint64) error {
	old := filepath.Join("/old", path)
	st, err := os.Lstat(old)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch {
	case st.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(old)
		if err != nil {
			return err
		}
		if err := os.Symlink(target, path); !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case st.IsDir():
		err = os.MkdirAll(path, 0o755)
	default:
		err = touch(path)
	}
	if err != nil {
		return err
	}
	// Recursive, because an unprivileged user may not uncover what other mounts hide.
	if err := unix.Mount(old, path, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.MountSetattr(unix.AT_FDCWD, path, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attributes})
}

func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	return f.Close()
}

// showSelf binds the running program to a path of the new root.
func showSelf(path string) error {
	if err := touch(path); err != nil {
		return err
	}
	if err := unix.Mount("/old/proc/self/exe", path, "", unix.MS_BIND, ""); err != nil {
		return step("showing the own program", err)
	}
	return unix.MountSetattr(unix.AT_FDCWD, path, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV})
}

// reset begins a job with an empty directory.
func (w *worker) reset() error {
	w.readOnly = false
	if w.separate {
		return freshMemory(w.dir, w.Size)
	}
	return empty(w.dir)
}

// freshScratch empties the scratch directory.
func (w *worker) freshScratch(size int64) error {
	if w.separate {
		return freshMemory(w.scratch, size)
	}
	return empty(w.scratch)
}

// freshMemory replaces whatever is mounted on a directory by an empty file
// system of memory, which takes as long for a million files as for none.
func freshMemory(dir string, size int64) error {
	for unix.Unmount(dir, unix.MNT_DETACH) == nil {
	}
	inodes := max(256, size>>14)
	options := fmt.Sprintf("size=%d,nr_inodes=%d,mode=0777", size, inodes)
	return step("mounting "+dir, unix.Mount("job", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options))
}

// empty removes what is in a directory, also from directories without rights.
func empty(dir string) error {
	var err error
	for range 3 {
		var names []os.DirEntry
		if names, err = os.ReadDir(dir); err != nil {
			return err
		}
		for _, n := range names {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, n.Name())))
		}
		if err == nil {
			return nil
		}
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil && d != nil && d.IsDir() || err == nil && d.IsDir() {
				_ = os.Chmod(path, 0o777)
			}
			return nil
		})
	}
	return err
}

// writable lets programs write in the job's directory, or not.
func (w *worker) writable(yes bool) error {
	if !w.separate || w.readOnly == !yes { // without mounts the rules alone see to it
		return nil
	}
	flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND | unix.MS_NOSUID | unix.MS_NODEV)
	if !yes {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount("", w.dir, "", flags, ""); err != nil {
		return step("remounting "+w.dir, err)
	}
	w.readOnly = !yes
	return nil
}

// placeSelf makes the running program available to the probe.
func (w *worker) placeSelf() error {
	if w.separate {
		return os.Symlink("/probe", filepath.Join(w.dir, probeName))
	}
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(filepath.Join(w.dir, probeName), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o777)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
