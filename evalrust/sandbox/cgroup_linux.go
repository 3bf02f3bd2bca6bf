//go:build amd64 || arm64

package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// groups are the control groups of a Box: one below the caller's own in each
// hierarchy that has the controllers memory and pids and lets the caller, with
// one below that for each worker. Nothing leaves the limits that hold for the
// caller already.
type groups struct {
	memory, pids *hierarchy // nil where there is none
}

// hierarchy is where groups of a controller can be made.
type hierarchy struct {
	dir string // of this Box
	v2  bool
}

const groupPrefix = "evalrust-"

// newGroups makes the Box's own directories. What cannot be made is left out.
func newGroups() *groups {
	g := &groups{}
	if h := findV2(); h != nil {
		g.memory, g.pids = h, h
		return g
	}
	g.memory, g.pids = findV1("memory"), findV1("pids")
	return g
}

// ownGroups reads /proc/self/cgroup: the path of this process by controller,
// "" being version 2.
func ownGroups() map[string]string {
	own := map[string]string{}
	f, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return own
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		parts := strings.SplitN(lines.Text(), ":", 3)
		if len(parts) == 3 {
			for name := range strings.SplitSeq(parts[1], ",") {
				own[name] = parts[2]
			}
		}
	}
	return own
}

// mountOf finds where a hierarchy is mounted.
func mountOf(match func(fstype, options string) bool) string {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 3 && match(fields[2], fields[3]) {
			return fields[1]
		}
	}
	return ""
}

func findV1(controller string) *hierarchy {
	at := mountOf(func(fstype, options string) bool {
		return fstype == "cgroup" && strings.Contains(","+options+",", ","+controller+",")
	})
	own, ok := ownGroups()[controller]
	if at == "" || !ok {
		return nil
	}
	return makeHierarchy(filepath.Join(at, own), false)
}

// findV2 needs a group that hands both controllers to its children. A group
// with processes cannot, so it is the parent of the caller's, or the root.
func findV2() *hierarchy {
	at := mountOf(func(fstype, _ string) bool { return fstype == "cgroup2" })
	own, ok := ownGroups()[""]
	if at == "" || !ok {
		return nil
	}
	dir := filepath.Join(at, filepath.Dir(own))
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if given := " " + strings.TrimSpace(string(data)) + " "; err != nil || !strings.Contains(given, " memory ") || !strings.Contains(given, " pids ") {
		return nil
	}
	h := makeHierarchy(dir, true)
	if h != nil && os.WriteFile(filepath.Join(h.dir, "cgroup.subtree_control"), []byte("+memory +pids"), 0) != nil {
		_ = os.Remove(h.dir)
		return nil
	}
	return h
}

func makeHierarchy(parent string, v2 bool) *hierarchy {
	sweepGroups(parent)
	dir := filepath.Join(parent, fmt.Sprintf("%s%d-%x", groupPrefix, os.Getpid(), time.Now().UnixNano()))
	if os.Mkdir(dir, 0o755) != nil {
		return nil
	}
	return &hierarchy{dir: dir, v2: v2}
}

// sweepGroups removes the groups of callers that were killed.
func sweepGroups(parent string) {
	old, _ := filepath.Glob(filepath.Join(parent, groupPrefix+"*"))
	for _, dir := range old {
		if !gone(strings.TrimPrefix(filepath.Base(dir), groupPrefix)) {
			continue
		}
		workers, _ := filepath.Glob(filepath.Join(dir, "worker*"))
		for _, w := range workers {
			_ = os.Remove(w)
		}
		_ = os.Remove(dir)
	}
}

func (g *groups) remove() error {
	var err error
	for _, h := range g.hierarchies() {
		err = errors.Join(err, removeGroup(h.dir))
	}
	return err
}

// hierarchies are the distinct ones, memory first.
func (g *groups) hierarchies() (list []*hierarchy) {
	if g.memory != nil {
		list = append(list, g.memory)
	}
	if g.pids != nil && g.pids != g.memory {
		list = append(list, g.pids)
	}
	return list
}

// removeGroup removes a group; its last process may be leaving still.
func removeGroup(dir string) (err error) {
	for range 200 {
		if err = os.Remove(dir); err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return err
}

// group is the control group of one worker's programs.
type group struct {
	owner  *groups
	memory string // directories, "" without
	pids   string
	files  []*os.File // cgroup.procs of each
	limits Limits     // as set at the moment
	kills  int64
}

// make makes the group of a worker.
func (g *groups) make(worker int) (*group, error) {
	out := &group{owner: g}
	name := "worker" + strconv.Itoa(worker)
	for _, h := range g.hierarchies() {
		dir := filepath.Join(h.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return out, err
		}
		if h == g.memory {
			out.memory = dir
		}
		if h == g.pids {
			out.pids = dir
		}
		f, err := os.OpenFile(filepath.Join(dir, "cgroup.procs"), os.O_WRONLY, 0)
		if err != nil {
			return out, err
		}
		out.files = append(out.files, f)
	}
	return out, nil
}

func (g *group) procs() []*os.File { return g.files }

func (g *group) limitsMemory() bool { return g.memory != "" }

func (g *group) remove() (err error) {
	if g == nil {
		return nil
	}
	for _, f := range g.files {
		f.Close()
	}
	for _, dir := range []string{g.memory, g.pids} {
		if dir != "" && (dir != g.pids || g.pids != g.memory || dir == g.memory) {
			err = errors.Join(err, removeGroup(dir))
		}
	}
	return err
}

// begin sets the limits of the next command and forgets the last.
func (g *group) begin(l Limits) error {
	if g.memory != "" {
		limit, peak := "memory.limit_in_bytes", "memory.max_usage_in_bytes"
		if g.owner.memory.v2 {
			limit, peak = "memory.max", "memory.peak"
		}
		_ = put(g.memory, peak, 0)
		if l.Memory != g.limits.Memory {
			if err := g.limit(limit, l.Memory); err != nil {
				return err
			}
		}
		g.kills = g.killed()
	}
	if g.pids != "" && l.Processes != g.limits.Processes {
		// The init and the limit of each process come on top.
		if err := put(g.pids, "pids.max", int64(l.Processes)+1); err != nil {
			return err
		}
	}
	g.limits = l
	return nil
}

// limit sets the memory limit. Pages of the last job may still be counted.
func (g *group) limit(name string, bytes int64) (err error) {
	for range 100 {
		if err = put(g.memory, name, bytes); !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	if g.owner.memory.v2 {
		_ = put(g.memory, "memory.swap.max", 0)
	}
	return err
}

// end adds to a result what the groups know.
func (g *group) end(r *Result) {
	if g.memory == "" {
		return
	}
	name := "memory.max_usage_in_bytes"
	if g.owner.memory.v2 {
		name = "memory.peak"
	}
	if data, err := os.ReadFile(filepath.Join(g.memory, name)); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64); err == nil {
			r.Peak = n
		}
	}
	if g.killed() > g.kills && !r.stopped() {
		r.OutOfMemory, r.Signal, r.Exit = true, "", -1
	}
}

// killed is how many processes the group's memory limit has killed.
func (g *group) killed() int64 {
	name := "memory.oom_control"
	if g.owner.memory.v2 {
		name = "memory.events"
	}
	data, _ := os.ReadFile(filepath.Join(g.memory, name))
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "oom_kill" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n
		}
	}
	return 0
}

func put(dir, name string, n int64) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(strconv.FormatInt(n, 10)), 0)
}
