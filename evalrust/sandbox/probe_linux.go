//go:build amd64 || arm64

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// findings are what the probe program could do inside.
type findings struct {
	Canary  string   // what it read of a file outside, "" is good
	Connect bool     // whether it reached a listener outside
	Env     []string // its environment
	Written []string // places outside its directories where it could make a file
	Hidden  []string // paths that it should see and does not
	User    int
}

// probed is the probe program: this program again, inside. It never returns.
func probed() {
	switch os.Args[1] {
	case "spin":
		spun := 0
		for {
			spun++
		}
	case "look":
		var f findings
		if data, err := os.ReadFile(os.Args[2]); err == nil {
			f.Canary = string(data)
		}
		if c, err := net.DialTimeout("tcp", os.Args[3], time.Second); err == nil {
			f.Connect = true
			c.Close()
		}
		f.Env, f.User = os.Environ(), os.Getuid()
		for _, dir := range []string{"/", "/usr", "/tmp/..", "/var/tmp", "/dev/shm", os.Args[4]} {
			name := dir + "/evalrust-probe"
			if os.WriteFile(name, nil, 0o600) == nil {
				f.Written = append(f.Written, dir)
				os.Remove(name)
			}
		}
		for _, path := range os.Args[5:] {
			if file, err := os.Open(path); err != nil {
				f.Hidden = append(f.Hidden, err.Error())
			} else {
				file.Close()
			}
		}
		_ = json.NewEncoder(os.NewFile(3, "results")).Encode(f)
	}
	os.Exit(0)
}

// probe runs a program that tries to get out, and one that does not end.
func (b *Box) probe() error {
	canary, err := os.CreateTemp(b.opts.TempDir, "evalrust-canary-")
	if err != nil {
		return err
	}
	defer os.Remove(canary.Name())
	_, err = canary.WriteString("canary")
	if err := errors.Join(err, canary.Chmod(0o644), canary.Close()); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	job, err := b.Job(ctx)
	if err != nil {
		var lost *LostError
		if errors.As(err, &lost) {
			return lost.Cause
		}
		return err
	}
	defer job.Close()
	ask := func(limits Limits, args ...string) (Result, error) {
		limits.Address = 1 << 47 // a program with the race detector needs as much
		c := &Command{Path: job.Dir() + "/" + probeName, Args: append([]string{probeArg}, args...), Env: []string{hookEnv + "=" + probeArg}, Results: true, Limits: limits}
		r := request{Probe: !job.begun, Step: Step{Command: c}}
		res, _, err := job.ask(ctx, r)
		return res, err
	}
	look := append([]string{"look", canary.Name(), listener.Addr().String(), job.Dir()}, b.opts.ReadOnly...)
	res, err := ask(Limits{Time: 20 * time.Second}, look...)
	if err != nil {
		return err
	}
	if err := judge(res); err != nil {
		return err
	}
	start := time.Now()
	res, err = ask(Limits{Time: 100 * time.Millisecond}, "spin")
	if err == nil && !res.Timeout {
		err = fmt.Errorf("a program that does not end was not stopped, but ended with status %d", res.Exit)
	}
	if took := time.Since(start); err == nil && took > 10*time.Second {
		err = fmt.Errorf("a program with a limit of 0.1 s was stopped after %v", took)
	}
	b.describe(job)
	return err
}

// judge reads what the probe found.
func judge(res Result) error {
	var f findings
	if err := json.Unmarshal(res.Results, &f); err != nil {
		return fmt.Errorf("the probe program does not run inside: status %d %s %s", res.Exit, res.Signal, strings.TrimSpace(string(res.Stderr)))
	}
	switch {
	case f.Canary != "":
		return errors.New("a program inside can read files outside")
	case f.Connect:
		return errors.New("a program inside can reach the network")
	case len(f.Hidden) > 0:
		return fmt.Errorf("a program inside does not see %q", f.Hidden)
	case slices.ContainsFunc(f.Env, inherited):
		return fmt.Errorf("a program inside sees the environment %q", f.Env)
	case len(f.Written) > 0:
		return fmt.Errorf("a program inside can write to %q", f.Written)
	}
	return nil
}

// inherited says whether a variable is the caller's. Packages that are linked
// with the probe set variables of their own, but not these.
func inherited(variable string) bool {
	for _, name := range []string{"PATH", "HOME", "USER", "PWD", "SHELL", "LANG"} {
		if value, ok := os.LookupEnv(name); ok && variable == name+"="+value {
			return true
		}
	}
	return false
}

// describe fills Info.
func (b *Box) describe(job *Job) {
	if job.slot.live == nil {
		return
	}
	r := job.slot.live.ready
	b.info = Info{Backend: b.way.name(), User: b.way.rights(), Landlock: r.Landlock, Missing: r.Missing}
	switch {
	case b.groups.memory == nil:
		b.info.Memory = "sampling"
		b.info.Missing = append(b.info.Missing, "no control group for memory (delegate one, for example with systemd-run --user --scope -p Delegate=yes): memory is looked at every 10 to 100 ms")
	case b.groups.memory.v2:
		b.info.Memory = "cgroup v2"
	default:
		b.info.Memory = "cgroup v1"
	}
	if b.way.shared() {
		b.info.Missing = append(b.info.Missing, "no user of its own: one program runs at a time, and processes are limited together with the caller's")
	}
	if b.way.backend != "namespaces" {
		b.info.Missing = append(b.info.Missing, "no file system of its own: disk space is looked at every 10 to 100 ms")
	}
}
