package evalrust

import (
	"time"

	"github.com/nanochat-go/nanochat/evalrust/diag"
)

// Class is the outcome of a program in one word.
type Class string

// The classes.
const (
	Pass           Class = "pass"
	CompileError   Class = "compile_error"
	WrongAnswer    Class = "wrong_answer"
	Panic          Class = "panic"
	Signal         Class = "signal"
	Timeout        Class = "timeout"
	Memory         Class = "memory"
	OutputLimit    Class = "output_limit"
	SandboxDenied  Class = "sandbox_denied"  // it tried what the sandbox forbids, and failed over it
	Rejected       Class = "rejected"        // never given to the compiler
	ExploitBlocked Class = "exploit_blocked" // it tried to fool the grader
	InfraError     Class = "infra_error"     // says nothing about the program
)

// Status is the finer outcome: which stage, and how.
type Status string

// The statuses.
const (
	StatusOK              Status = "ok"
	StatusParse           Status = "parse_error"
	StatusType            Status = "type_error" // also names that do not exist, constants, features
	StatusBorrow          Status = "borrow_error"
	StatusLint            Status = "lint_error"
	StatusLink            Status = "link_error"
	StatusCompileTimeout  Status = "compile_timeout"
	StatusCompileResource Status = "compile_resource"
	StatusCompilerCrash   Status = "compiler_crash"
	StatusAssert          Status = "assert_failed"
	StatusPanic           Status = "panic"
	StatusSignal          Status = "signal"
	StatusRunTimeout      Status = "run_timeout"
	StatusRunResource     Status = "run_resource"
	StatusOutputLimit     Status = "output_limit"
	StatusNoNonce         Status = "no_nonce" // ended well without having been tested to the end
	StatusExtraction      Status = "extraction_failed"
	StatusInfra           Status = "infra_error"
)

// Verdict is what was found out about a program.
type Verdict struct {
	Class       Class             `json:"verdict"`
	Status      Status            `json:"status"`
	Code        string            `json:"code"` // of the first error: E0308, a lint's name, or a class of diag
	Reason      string            `json:"reason,omitempty"`
	Diagnostics []diag.Diagnostic `json:"diagnostics,omitempty"`
	Errors      int               `json:"errors,omitempty"`    // all of them, Diagnostics holds the first
	Truncated   bool              `json:"truncated,omitempty"` // the compiler said more than is kept
	Exit        int               `json:"exit,omitempty"`      // of the program, -1 after a signal
	Stdout      string            `json:"stdout,omitempty"`
	Stderr      string            `json:"stderr,omitempty"`
	Compile     time.Duration     `json:"compile,omitempty"`
	Run         time.Duration     `json:"run,omitempty"`
	Peak        int64             `json:"peak,omitempty"`    // bytes of memory of the program
	Exploit     bool              `json:"exploit,omitempty"` // it tried to fool the grader
	Cached      bool              `json:"-"`
}

// Passed says whether the program did what was asked of it.
func (v Verdict) Passed() bool { return v.Class == Pass }
