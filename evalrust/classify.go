package evalrust

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/nanochat-go/nanochat/evalrust/diag"
	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

// statusOf maps the classes of diag to statuses.
var statusOf = map[string]Status{
	"syntax": StatusParse, "borrow": StatusBorrow, "lifetime": StatusBorrow, "lint": StatusLint,
	"resolve": StatusType, "type": StatusType, "const": StatusType, "feature": StatusType, "duplicate": StatusType, "other": StatusType,
}

// Compiled turns what the compiler found into a verdict.
func Compiled(c rustc.Verdict) Verdict {
	v := Verdict{Class: CompileError, Code: c.Code(), Reason: c.Reason(), Diagnostics: c.Diagnostics, Errors: c.Errors, Truncated: c.Truncated,
		Compile: c.Duration}
	switch {
	case c.Compiled:
		v.Class, v.Status = Pass, StatusOK
	case c.Refused != "":
		v.Class, v.Status = Rejected, StatusExtraction
	case c.Timeout:
		v.Class, v.Status = Timeout, StatusCompileTimeout
	case c.OutOfMemory:
		v.Class, v.Status = Memory, StatusCompileResource
	case c.Crashed != "":
		v.Status = StatusCompilerCrash
	default:
		v.Status = compileStatus(c)
	}
	return v
}

// compileStatus is the status of a program with an error.
func compileStatus(c rustc.Verdict) Status {
	d := diag.Report{Diagnostics: c.Diagnostics}.FirstError()
	switch {
	case d == nil:
		return StatusParse
	case strings.HasPrefix(d.Message, "linking with ") || strings.HasPrefix(d.Message, "could not exec the linker"):
		return StatusLink
	case d.Code == "long_running_const_eval":
		return StatusLint
	}
	return statusOf[d.Class()]
}

// The texts by which a program that failed says what it ran into.
var (
	starved = []string{"memory allocation of ", "out of memory", "OutOfMemory", "Cannot allocate memory", "(os error 12)", "code: 12,"}
	crowded = []string{"code: 11,", "(os error 11)", "code: 28,", "(os error 28)", "code: 27,", "(os error 27)", "code: 24,", "(os error 24)"}
	refused = []string{"code: 1,", "(os error 1)", "code: 13,", "(os error 13)", "code: 30,", "(os error 30)", "code: 101,", "(os error 101)",
		"PermissionDenied", "NetworkUnreachable", "ReadOnlyFilesystem"}
)

func mentions(text []byte, list []string) bool {
	for _, s := range list {
		if strings.Contains(string(text), s) {
			return true
		}
	}
	return false
}

// Ran turns the end of a program into a verdict by its exit status, as a test
// harness does: 0 passes.
func Ran(r sandbox.Result, l sandbox.Limits) Verdict {
	v := Verdict{Exit: r.Exit, Stdout: Text(r.Stdout), Stderr: Text(r.Stderr), Run: r.Wall, Peak: r.Peak}
	hungry := l.Memory > 0 && r.Peak >= l.Memory/10*9
	switch {
	case r.Timeout:
		v.Class, v.Status, v.Reason = Timeout, StatusRunTimeout, "the program ran out of time"
	case r.Overflow:
		v.Class, v.Status, v.Reason = OutputLimit, StatusOutputLimit, "the program wrote too much"
	case r.OutOfMemory, r.Signal == "SIGABRT" && mentions(r.Stderr, starved), r.Signal != "" && r.Signal != "SIGABRT" && hungry:
		v.Class, v.Status, v.Reason = Memory, StatusRunResource, "the program ran out of memory"
	case r.Signal == "SIGSYS":
		v.Class, v.Status, v.Reason = SandboxDenied, StatusSignal, "a system call that the sandbox forbids"
	case r.OutOfSpace:
		v.Class, v.Status, v.Reason = SandboxDenied, StatusRunResource, "the program filled the disk"
	case r.Signal == "SIGXFSZ":
		v.Class, v.Status, v.Reason = SandboxDenied, StatusRunResource, "a file larger than the limit"
	case r.Signal != "":
		v.Class, v.Status, v.Code, v.Reason = Signal, StatusSignal, r.Signal, "ended by "+r.Signal
	case r.Exit == 0:
		v.Class, v.Status = Pass, StatusOK
	case mentions(r.Stderr, starved):
		v.Class, v.Status, v.Reason = Memory, StatusRunResource, "the program ran out of memory"
	case mentions(r.Stderr, crowded):
		v.Class, v.Status, v.Reason = SandboxDenied, StatusRunResource, "the program ran into a limit: "+lastLine(r.Stderr)
	case mentions(r.Stderr, refused):
		v.Class, v.Status, v.Reason = SandboxDenied, StatusPanic, "the sandbox forbade what the program tried: "+lastLine(r.Stderr)
	case r.Exit == 101 && (strings.Contains(string(r.Stderr), "assertion `") || strings.Contains(string(r.Stderr), "assertion failed")):
		v.Class, v.Status, v.Reason = WrongAnswer, StatusAssert, lastLine(r.Stderr)
	default:
		v.Class, v.Status, v.Reason = Panic, StatusPanic, fmt.Sprintf("exit status %d: %s", r.Exit, lastLine(r.Stderr))
	}
	return v
}

// lastLine is the line of a message that says most: the one behind "panicked".
func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(Text(text)), "\n")
	for i, l := range lines {
		if strings.Contains(l, "panicked at") && i+1 < len(lines) {
			return lines[i+1]
		}
	}
	return lines[len(lines)-1]
}

// Text makes valid UTF-8 of what a program wrote.
func Text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return strings.ToValidUTF8(string(b), "\ufffd")
}
