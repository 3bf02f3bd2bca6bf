package sandbox

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Limits bound one command. Zero fields take the values of DefaultLimits.
type Limits struct {
	Time      time.Duration // running or asleep; waiting for a processor does not count
	CPU       time.Duration // processor time of each process, whole seconds
	Memory    int64         // bytes of all processes together
	Address   int64         // bytes of address space of each process
	FileSize  int64         // bytes of each file
	Scratch   int64         // bytes of all files in the scratch directory
	Processes int           // processes and threads
	OpenFiles int           // descriptors of each process
	Output    int           // bytes of each stream; more ends the command
}

// DefaultLimits suit an exercise that was compiled already.
var DefaultLimits = Limits{
	Time: 5 * time.Second, CPU: 5 * time.Second, Memory: 512 << 20, Address: 4 << 30, FileSize: 1 << 20, Scratch: 16 << 20,
	Processes: 32, OpenFiles: 64, Output: 64 << 10,
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	return Limits{
		Time: or(l.Time, d.Time), CPU: or(l.CPU, d.CPU), Memory: or(l.Memory, d.Memory), Address: or(l.Address, d.Address),
		FileSize: or(l.FileSize, d.FileSize), Scratch: or(l.Scratch, d.Scratch), Processes: or(l.Processes, d.Processes),
		OpenFiles: or(l.OpenFiles, d.OpenFiles), Output: or(l.Output, d.Output),
	}
}

// patience is how many times its Time a command may take by the wall clock when
// it waits for a processor most of it.
const patience = 8

// Command is a program to run.
type Command struct {
	Path    string // of the program, "" is Args[0]
	Args    []string
	Env     []string // all of it; nothing is inherited
	Stdin   []byte
	Results bool // descriptor 3 is a pipe whose text is returned apart
	Build   bool // may write in the job's directory, which is read-only to others
	Limits  Limits
}

// File is a file of a job's directory, by its slash-separated name there.
type File struct {
	Name       string
	Data       []byte
	Executable bool
}

// Result is how a command ended. At most one of Timeout, Overflow, OutOfMemory
// and OutOfSpace is set; Exit and Signal then say nothing.
type Result struct {
	Exit        int    // -1 when a signal ended it
	Signal      string // name of the signal that ended it, "" when it exited
	Timeout     bool
	Overflow    bool // of an output stream
	OutOfMemory bool
	OutOfSpace  bool   // of files, where the file system itself has no limit
	Stdout      []byte // as much as the limit allows
	Stderr      []byte
	Results     []byte
	Wall        time.Duration
	CPU         time.Duration
	Peak        int64 // bytes of memory, 0 where it is not known
}

// OK says whether the command exited with status 0.
func (r Result) OK() bool {
	return !r.stopped() && r.Signal == "" && r.Exit == 0
}

// stopped says whether the command passed a limit and was killed for it.
func (r Result) stopped() bool { return r.Timeout || r.Overflow || r.OutOfMemory || r.OutOfSpace }

// Options configure a Box.
type Options struct {
	Backend  string   // "namespaces", "bwrap" or "landlock"; "" takes the first that passes its probe
	Workers  int      // commands at a time, 0 is the number of processors
	ReadOnly []string // paths to show inside beside the system's programs and libraries, under the same names
	Size     int64    // bytes of a job's directory, 0 is 256 MiB
	TempDir  string   // for backends that work in a directory of this machine, "" is the system's
}

// Info says what contains the programs.
type Info struct {
	Backend  string   `json:"backend"`
	User     string   `json:"user"` // how the programs' rights differ from the caller's
	Landlock int      `json:"landlock_abi"`
	Memory   string   `json:"memory"`            // what enforces the memory limit
	Missing  []string `json:"missing,omitempty"` // what a better machine would add
}

// Attempt is one backend that was tried.
type Attempt struct {
	Backend string `json:"backend"`
	Error   string `json:"error"`
	Advice  string `json:"advice,omitempty"`
}

// UnavailableError says that nothing on this machine contains a program. No
// program has been run.
type UnavailableError struct{ Attempts []Attempt }

func (e *UnavailableError) Error() string {
	var tried []string
	for _, a := range e.Attempts {
		s := a.Backend + ": " + a.Error
		if a.Advice != "" {
			s += " (" + a.Advice + ")"
		}
		tried = append(tried, s)
	}
	return "sandbox: nothing contains a program on this machine, so none is run; tried " + strings.Join(tried, "; ")
}

// LostError says that a worker died or stopped answering while it ran a
// command. It says nothing about the command: run it again.
type LostError struct{ Cause error }

func (e *LostError) Error() string { return fmt.Sprintf("sandbox: lost a worker: %v", e.Cause) }

// Unwrap returns the cause.
func (e *LostError) Unwrap() error { return e.Cause }

// Step is one command of a job, with the files to write before it and the names
// of the files to read after it.
type Step struct {
	Files   []File
	Command *Command // nil only writes and reads files
	Read    []string // files that do not exist or are no regular files are left out
}

// Run is a job of one command in an empty directory.
func (b *Box) Run(ctx context.Context, step Step) (Result, []File, error) {
	job, err := b.Job(ctx)
	if err != nil {
		return Result{}, nil, err
	}
	defer job.Close()
	return job.Run(ctx, step)
}
