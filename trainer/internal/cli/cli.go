package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

// The exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2

	exitInterrupted = 130 // 128 and the number of SIGINT, as shells have it
)

// usageError is a wrong command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Main runs the command line and returns the exit code.
func Main(args []string, stdout, stderr io.Writer, h Handlers) int {
	ctx, stop := interruptible(stderr)
	defer stop()
	a := &app{stdout: stdout, stderr: stderr, h: h}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "trainer: interrupted: the same command begins again where it can")
		return exitInterrupted
	}
	fmt.Fprintln(stderr, "trainer: "+oneLine(err))
	var usage usageError
	if errors.As(err, &usage) || isCobraUsage(err) {
		fmt.Fprintf(stderr, "try: %s --help\n", cmd.CommandPath())
		return exitUsage
	}
	return exitError
}

// oneLine joins the lines of an error, as errors.Join makes them.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
}

// isCobraUsage recognises the errors that cobra makes itself.
func isCobraUsage(err error) bool {
	for _, start := range []string{"unknown command", "unknown flag", "unknown shorthand", "invalid argument", "required flag", "accepts ", "requires ", "flag needs"} {
		if strings.HasPrefix(err.Error(), start) {
			return true
		}
	}
	return false
}

// interruptible is a context that the first interrupt ends. The second ends
// the process.
func interruptible(stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			if f, ok := stderr.(*os.File); ok && track.IsTerminal(f) {
				fmt.Fprintln(stderr) // off the progress line
			}
			fmt.Fprintln(stderr, "interrupted: saving and stopping; once more stops at once")
			cancel()
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(exitInterrupted)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

type app struct {
	stdout, stderr io.Writer
	h              Handlers
	common         Common
}

// notice prints a line on standard error unless --quiet.
func (a *app) notice(format string, args ...any) {
	if !a.common.Quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// print prints a handler's result as --json asks.
func (a *app) print(result any, err error) error {
	if err != nil || !a.common.JSON || result == nil {
		return err
	}
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(result)
}

// run adapts a handler to cobra. options returns the filled options.
func run[O any](a *app, f func(context.Context, O) (any, error), options func() (O, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		a.common.Notice, a.common.In, a.common.Out = a.notice, cmd.InOrStdin(), a.stdout
		o, err := options()
		if err != nil {
			return usageError{err}
		}
		if f == nil {
			return fmt.Errorf("%s is not part of this build", cmd.CommandPath())
		}
		return a.print(f(cmd.Context(), o))
	}
}
