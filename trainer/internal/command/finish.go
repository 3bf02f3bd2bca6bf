package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nanochat-go/nanochat/hub/export"

	"github.com/nanochat-go/nanochat/trainer/internal/cli"
)

// finish samples and exports the model of the last checkpoint, as it is on the
// disk.
func (t *trainer) finish(ctx context.Context, r *TrainResult) (*judged, error) {
	m, err := openTrained(t.dir.path, t.rec.Warn)
	if err != nil {
		return nil, err
	}
	defer m.close()
	var j *judged
	if n := t.cfg.Eval.Samples; n > 0 {
		s := sampling{n: n, temperature: t.cfg.Eval.Temperature, seed: t.cfg.Seed}
		t.rec.Phase(fmt.Sprintf("sampling %d programs", n))
		if j, err = m.judgedSamples(ctx, t.judge, s); err != nil {
			return nil, err
		}
		if t.judge != nil {
			t.rec.Phase("comparing with the training text")
			if err := j.compare(ctx, t.data); err != nil {
				return nil, err
			}
			rust := j.result(m.Step, s)
			r.Rust = &rust
			t.rec.judged(t.loop.Progress, j)
			if err := writeJSON(t.dir.rateFile(), rust); err != nil {
				return nil, err
			}
		}
		if err := t.dir.writeSamples(m.Step, j); err != nil {
			return nil, err
		}
	}
	for _, format := range t.cfg.Export.Formats {
		t.rec.Phase("exporting " + format)
		switch format {
		case "hf":
			r.Export, err = m.exportHF(t.dir.exportDir("hf"), m.LM.Ternary, true)
		case "gguf":
			r.GGUF, err = m.exportGGUF(cli.ExportGGUFOptions{Out: t.dir.exportDir("gguf"), Overwrite: true})
		}
		var unsupported *export.UnsupportedError
		if errors.As(err, &unsupported) {
			t.rec.Warn("not exported: %v", err)
		} else if err != nil {
			return nil, err
		}
	}
	return j, nil
}

// writeSamples writes one file for each sample, its verdict in the first line.
func (r runDir) writeSamples(step int, j *judged) error {
	dir := r.samplesDir(step)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, text := range j.Texts {
		if j.Samples != nil {
			text = "// " + j.verdict(i) + "\n" + text
		}
		if err := writeWhole(filepath.Join(dir, fmt.Sprintf("%03d.rs", i)), []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// conclude says what came out and what to type next.
func (t *trainer) conclude(o cli.TrainOptions, r *TrainResult) {
	if r.Interrupted {
		o.Notice("stopped at step %d; go on with: go run ./trainer train --run %s --resume", r.Steps, r.Run)
		return
	}
	o.Notice("")
	o.Notice("trained   %d steps on %d tokens, %.0f a second: %.4f bits per byte on validation text", r.Steps, r.Tokens, r.TokensPerSecond, r.ValBPB)
	if r.Skipped > 0 {
		o.Notice("skipped   %d updates with a loss or gradient that was not finite", r.Skipped)
	}
	if r.Rust != nil {
		o.Notice("samples   %s", r.Rust.summary())
	}
	if r.Export != nil {
		o.Notice("exported  %s", r.Export.summary())
	}
	if r.GGUF != nil {
		for _, line := range r.GGUF.summary() {
			o.Notice("exported  %s", line)
		}
	}
	o.Notice("report    %s", r.Report)
	o.Notice("")
	o.Notice("next:")
	for _, n := range nextSteps(r.Run) {
		o.Notice("  %s\n      %s", n.Name, n.Value)
	}
}

// summary says in one line what was exported.
func (r *ExportResult) summary() string {
	s := fmt.Sprintf("%s: %s with %d parameters", r.Dir, r.Class, r.Parameters)
	if r.Dequantised {
		s += ", ternary weights as the values they stand for"
	}
	return s + "; read back and compared"
}
