package sandbox

// The two sides of a worker's socket speak gob: one setup and its answer, then
// requests and replies in turn.

// setup is the first message to a worker.
type setup struct {
	Backend  string
	User     int // uid and gid for programs, -1 for the worker's own
	ReadOnly []string
	Size     int64
	Work     string // directory of this machine, for backends without a root of their own
	Groups   int    // descriptors of cgroup.procs files, from number 4 on
	Limited  bool   // a control group limits memory
}

// ready answers the setup.
type ready struct {
	Err      string
	Landlock int
	Dir      string   // of jobs, as programs see it
	Scratch  string   // as programs see it
	Missing  []string // what could not be had
}

type request struct {
	Reset bool // begin a job
	Probe bool // put the own program into the job's directory
	Step  Step
}

type reply struct {
	Err    string // trouble that says nothing about the command
	Result Result
	Files  []File
}
