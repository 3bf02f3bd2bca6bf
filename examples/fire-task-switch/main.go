package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
)

func main() {
	runs := flag.String("runs", filepath.Join("runs", "fire"), "folder of the runs; those that are there are not repeated")
	only := flag.String("task", "", "image or language; both if empty")
	out := flag.String("json", "", "file for the results")
	commit := flag.String("commit", "", "to be written into the results")
	cpu := flag.String("cpu", "", "to be written into the results")
	flag.Parse()
	r := results{
		Readme: "examples/fire-task-switch/README.md", What: "held-out accuracy (image) and loss in nats a byte (language) after a task switch",
		Command: "GOEXPERIMENT=simd go run ./examples/fire-task-switch", Commit: *commit, Date: time.Now().Format(time.DateOnly),
		Machine: fmt.Sprintf("%s, %s/%s, %s", *cpu, runtime.GOOS, runtime.GOARCH, runtime.Version()),
		Spread:  "half is half the width of the 95 % t interval over n seeds; gains are paired by seed",
	}
	some, err := chosen(*only)
	if err == nil {
		err = r.fill(os.Stderr, archive(*runs), some)
	}
	for i := 0; err == nil && i < len(some); i++ {
		fmt.Println(r.table(some[i]))
	}
	if err == nil && *out != "" {
		var text []byte
		if text, err = json.MarshalIndent(r, "", " "); err == nil {
			err = os.WriteFile(*out, append(text, '\n'), 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fire-task-switch:", err)
		os.Exit(1)
	}
}

// chosen returns the task of a name, or all for the empty one.
func chosen(name string) ([]*task, error) {
	if name == "" {
		return tasks, nil
	}
	i := slices.IndexFunc(tasks, func(t *task) bool { return t.name == name })
	if i < 0 {
		return nil, fmt.Errorf("no task %q, want image or language", name)
	}
	return tasks[i : i+1], nil
}

// fill makes the runs of the tasks that the archive lacks and sums all up. It
// says on w what it has.
func (r *results) fill(w io.Writer, a archive, tasks []*task) error {
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(string(a), 0o755); err != nil {
		return err
	}
	for _, t := range tasks {
		runs := map[string][]record{} // by arm: seed 0 at every rate, then the others at the best
		for seed := range uint64(t.seeds + 1) {
			if err := everyArm(w, backend, t, a, seed, runs); err != nil {
				return fmt.Errorf("%s, seed %d: %w", t.name, seed, err)
			}
		}
		r.summarise(t, runs)
	}
	return nil
}

// everyArm adds the runs of one seed.
func everyArm(w io.Writer, backend compute.Backend, t *task, a archive, seed uint64, runs map[string][]record) error {
	var b *bench // made when a run is missing
	for _, arm := range arms {
		grid := t.rates
		if seed > 0 {
			grid = []float64{best(t, runs[arm.name][:len(t.rates)]).Rate}
		}
		for _, rate := range grid {
			x, found, err := a.load(t, arm.name, seed, rate)
			if err == nil && !found {
				if b == nil {
					if b, err = newBench(backend, t, seed); err != nil {
						return err
					}
				}
				if x, err = b.run(arm, seed, rate); err == nil {
					err = a.save(t, x)
				}
			}
			if err != nil {
				return fmt.Errorf("%s at %g: %w", arm.name, rate, err)
			}
			fmt.Fprintf(w, "%s seed %d %s at %g: %s %.4f -> %.4f -> %.4f\n", t.name, seed, arm.name, rate, t.word(), t.figure(x.Warm), t.figure(x.Switched), t.figure(x.End))
			runs[arm.name] = append(runs[arm.name], x)
		}
	}
	return nil
}
