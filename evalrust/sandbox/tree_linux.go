//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what a command's processes use together.
type usage struct {
	pids   []int
	memory int64         // resident bytes
	cpu    time.Duration // processor time of those that live
	waited time.Duration // for a processor: the most of any process
}

// tree looks at the processes below pid, which may be this process.
func (w *worker) tree(pid int) (u usage) {
	if !w.hasProc {
		return u
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return u
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	parents := map[int]int{}
	parts := map[int]part{}
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil || n == os.Getpid() {
			continue
		}
		if p, ok := stat(name); ok {
			parents[n], parts[n] = p.parent, p
		}
	}
	for n := range parents {
		up := n
		for range len(parents) {
			if up == pid {
				break
			}
			up = parents[up]
		}
		if up != pid || n == pid && pid == os.Getpid() {
			continue
		}
		u.pids = append(u.pids, n)
		u.memory += parts[n].pages * int64(os.Getpagesize())
		u.cpu += parts[n].cpu
		u.waited = max(u.waited, queued(strconv.Itoa(n)))
	}
	return u
}

// part is what one process uses.
type part struct {
	parent int
	pages  int64 // resident
	cpu    time.Duration

	threads int
}

// stat reads what a process uses.
func stat(pid string) (p part, ok bool) {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return p, false
	}
	// The name in parentheses may hold anything; what follows the last one is fixed.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	const atParent, atUser, atSystem, atThreads, atResident = 1, 11, 12, 17, 21
	if len(fields) <= atResident {
		return p, false
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(string(fields[i]), 10, 64)
		return n
	}
	const clock = time.Second / 100 // USER_HZ, the same on every machine
	return part{int(number(atParent)), number(atResident), time.Duration(number(atUser)+number(atSystem)) * clock, int(number(atThreads))}, true
}

// tasks counts the processes and threads of a user.
func tasks(uid int) (n int) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, d := range dirs {
		if _, err := strconv.Atoi(d.Name()); err != nil {
			continue
		}
		info, err := d.Info()
		if err != nil {
			continue // ended meanwhile
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != uid {
			continue
		}
		if p, ok := stat(d.Name()); ok {
			n += p.threads
		}
	}
	return n
}

// queued is how long a process has waited for a processor.
func queued(pid string) time.Duration {
	data, err := os.ReadFile("/proc/" + pid + "/schedstat")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return time.Duration(n)
}

// occupied is how many bytes the files of a directory take, with a page for each.
func occupied(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		bytes += 4 << 10
		if info, err := d.Info(); err == nil && d.Type().IsRegular() {
			bytes += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return bytes
}

// killAll ends every process below this one. In a pid namespace of its own the
// kernel does that; elsewhere processes may fork while they are hunted, so it
// goes on until none is left.
func (w *worker) killAll() {
	if w.separate {
		return
	}
	for range 1000 {
		u := w.tree(os.Getpid())
		if len(u.pids) == 0 {
			return
		}
		for _, pid := range u.pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if pid <= 0 && !errors.Is(err, unix.EINTR) {
				break
			}
		}
		time.Sleep(time.Millisecond)
	}
}
