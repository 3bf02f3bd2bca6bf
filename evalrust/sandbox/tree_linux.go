//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what a command's processes use together.
type usage struct {
	pids   []int
	memory int64         // resident bytes
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
	pages := map[int]int64{}
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil || n == os.Getpid() {
			continue
		}
		if parent, resident, ok := stat(name); ok {
			parents[n], pages[n] = parent, resident
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
		u.memory += pages[n] * int64(os.Getpagesize())
		u.waited = max(u.waited, queued(strconv.Itoa(n)))
	}
	return u
}

// stat reads parent and resident pages of a process.
func stat(pid string) (parent int, resident int64, ok bool) {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, 0, false
	}
	// The name in parentheses may hold anything; what follows the last one is fixed.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	const atParent, atResident = 1, 21
	if len(fields) <= atResident {
		return 0, 0, false
	}
	parent, _ = strconv.Atoi(string(fields[atParent]))
	resident, _ = strconv.ParseInt(string(fields[atResident]), 10, 64)
	return parent, resident, true
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
