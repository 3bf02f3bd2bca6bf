package backend

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // "go"
)

// Names lists what can be asked for.
var Names = []string{"auto", "xla", "go"}

// Choice says which backend runs and why.
type Choice struct {
	Name   string `json:"backend"` // "xla" or "go"
	Reason string `json:"reason"`
	SIMD   bool   `json:"simd"` // of the Go backend
}

func (c Choice) String() string {
	name := c.Name
	if c.Name == "go" && c.SIMD {
		name += " (simd)"
	}
	return "backend " + name + ": " + c.Reason
}

// xlaLink is what the XLA part of the program offers, nil when it is not linked.
var xlaLink *link

type link struct {
	install func() error
	wrap    func(compute.Backend) compute.Backend // for updates in place
}

// pluginPatterns match the file names of PJRT CPU plugins.
var pluginPatterns = []string{"pjrt_c_api_cpu*_plugin.so", "pjrt-plugin-cpu*.so", "pjrt_plugin_cpu*.so",
	"pjrt_c_api_cpu*_plugin.dylib", "pjrt_c_api_cpu*_plugin.dll"}

// pluginDirs are the directories that are searched for plugins.
func pluginDirs() []string {
	if env := os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"); env != "" {
		return filepath.SplitList(env)
	}
	dirs := []string{"/usr/local/lib/go-xla", "/usr/local/lib/gomlx/pjrt"}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append([]string{filepath.Join(home, ".local/lib/go-xla"), filepath.Join(home, ".local/lib/gomlx/pjrt"),
			filepath.Join(home, "Library/Application Support/go-xla")}, dirs...)
	}
	for _, dir := range filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// Plugin returns the path of the CPU plugin that XLA would load, "" if none.
func Plugin() string {
	for _, dir := range pluginDirs() {
		for _, pattern := range pluginPatterns {
			if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) > 0 {
				return found[0]
			}
		}
	}
	return ""
}

// howToInstall says how to get a plugin.
const howToInstall = "`pip download --no-deps xla-cpu-pjrt`, unzip it, rename its .so to pjrt_c_api_cpu_plugin.so " +
	"and set PJRT_PLUGIN_LIBRARY_PATH to its folder; or run once while online without GOMLX_NO_AUTO_INSTALL"

// Choose decides between the backends without opening one. notice receives
// messages about downloads.
func Choose(ctx context.Context, name string, notice func(string)) (Choice, error) {
	if !slices.Contains(Names, name) {
		return Choice{}, fmt.Errorf("no backend %q: there are %s", name, strings.Join(Names, ", "))
	}
	if name == "go" {
		return Choice{Name: "go", Reason: "asked for"}, nil
	}
	why := xlaMissing(ctx, notice)
	switch {
	case why == "" && name == "xla":
		return Choice{Name: "xla", Reason: "asked for, plugin " + filepath.Base(Plugin())}, nil
	case why == "":
		return Choice{Name: "xla", Reason: "plugin " + filepath.Base(Plugin()) + " found"}, nil
	case name == "xla":
		return Choice{}, fmt.Errorf("no XLA: %s", why)
	}
	return Choice{Name: "go", Reason: "no XLA (" + firstClause(why) + ")"}, nil
}

func firstClause(s string) string {
	head, _, _ := strings.Cut(s, ": ")
	return head
}

// xlaMissing says why XLA cannot run, "" if it can. It may download a plugin.
func xlaMissing(ctx context.Context, notice func(string)) string {
	if xlaLink == nil {
		return "this program was built without it: build with cgo and without the tag noxla"
	}
	if Plugin() != "" {
		return ""
	}
	if _, off := os.LookupEnv("GOMLX_NO_AUTO_INSTALL"); off || !online(ctx) {
		return "no PJRT CPU plugin found: " + howToInstall
	}
	notice("downloading the XLA CPU plugin, at most 3 minutes")
	done := make(chan error, 1)
	go func() { done <- xlaLink.install() }()
	select {
	case err := <-done:
		if err == nil && Plugin() != "" {
			return ""
		}
		return fmt.Sprintf("downloading the plugin failed: %v; %s", err, howToInstall)
	case <-time.After(3 * time.Minute):
		return "downloading the plugin took too long: " + howToInstall
	case <-ctx.Done():
		return "interrupted"
	}
}

// online reports within two seconds whether the plugin's host can be reached.
func online(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", "api.github.com:443")
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// Open chooses a backend and opens it. The process may be replaced by one with
// SIMD on the way, see the package comment; nothing else should have begun.
func Open(ctx context.Context, name string, reexec bool, notice func(string)) (compute.Backend, Choice, error) {
	choice, err := Choose(ctx, name, notice)
	if err != nil {
		return nil, choice, err
	}
	if choice.Name == "go" {
		choice.SIMD = simdBuild
		if reexec {
			if why := Relaunch(ctx, notice); why != "" {
				choice.Reason += "; without SIMD, " + why
			}
		}
		tuneCollector()
	} else if reexec {
		relaunchTuned()
	}
	b, err := create(choice.Name)
	if err != nil && choice.Name == "xla" {
		err = fmt.Errorf("opening XLA with plugin %s: %w: remove a broken plugin or choose --backend go", Plugin(), err)
	}
	return b, choice, err
}

// tuneCollector lets the heap grow to five times what is in use before it is
// collected, unless GOGC says otherwise: a collection empties the pools from
// which the Go backend takes its buffers.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// trim gives memory that the C library holds but nobody uses back to the
// system; nil where there is no such library.
var trim func()

// Release gives memory back to the system that was used but no longer is. Call
// it after the first step of a training: the host's copy of every variable and
// what the compiler needed are free by then, but would stay resident.
func Release() {
	debug.FreeOSMemory()
	if trim != nil {
		trim()
	}
}

// goBackendName is what the Go backend calls itself.
const goBackendName = "Go Backend"

// Shards is the number of independent parts into which a batch of so many
// tokens should be divided for a backend, see lm.WithShards. Most operations of
// the Go backend use one thread, but starting one costs what a few hundred
// elements do. The number does not depend on the machine, so that a seed gives
// the same weights on all.
func Shards(b compute.Backend, tokens int) int {
	const most, tokensOfOne = 4, 512
	if b.Name() == goBackendName {
		return max(1, min(most, tokens/tokensOfOne))
	}
	return 1
}

// create opens a backend; a panic, which a broken plugin causes, is an error.
func create(name string) (b compute.Backend, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	config := "go:parallelism=-1"
	if name == "xla" {
		config = "xla:cpu"
	}
	os.Setenv("GOMLX_FUSION", "0")
	if !slices.Contains(compute.List(), name) {
		return nil, errors.New("not linked")
	}
	// The Go backend prints its setting to standard output, where only results belong.
	out := os.Stdout
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stdout = null
		defer func() { os.Stdout = out; null.Close() }()
	}
	b, err = compute.NewWithConfig(config)
	if err == nil && name == "xla" {
		b = xlaLink.wrap(b)
	}
	return b, err
}

// Machine describes the machine in a few words.
func Machine() string {
	return fmt.Sprintf("%s/%s, %d threads, %s", runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), runtime.Version())
}
