package command

import (
	"encoding/json"
	"os"
	"time"

	"github.com/nanochat-go/nanochat/trainer/internal/run"
)

// console is a tracker that prints plain lines and appends metrics.jsonl.
type console struct {
	print func(format string, args ...any)
	file  *os.File
	last  time.Time
	flops float64 // per token over the backend's peak; 0 if unknown
}

func newConsole(dir runDir, print func(string, ...any)) (*console, error) {
	f, err := os.OpenFile(dir.file("metrics.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	return &console{print: print, file: f}, err
}

func (c *console) write(v any) {
	line, err := json.Marshal(v)
	if err == nil {
		_, err = c.file.Write(append(line, '\n'))
	}
	if err != nil {
		c.print("metrics.jsonl: %v", err)
	}
}

func (c *console) Step(r run.Record) {
	c.write(map[string]any{"step": r.Step, "loss": r.Loss, "lr": r.LR, "grad_norm": r.GradNorm, "tokens": r.Tokens, "tokens_per_second": r.TokensPerS, "skipped": r.Skipped})
	if time.Since(c.last) < 2*time.Second {
		return
	}
	c.last = time.Now()
	eta := time.Duration(0)
	if r.Share > 0 {
		eta = time.Duration(float64(r.Elapsed) * (1 - r.Share) / r.Share)
	}
	c.print("step %d  loss %.3f  rate %.2f  %.0f tok/s  MFU %.0f%%  data wait %.0f%%  %.0f%% done, %s to go", r.Step, r.Loss, r.LR, r.TokensPerS,
		100*c.flops*r.TokensPerS, 100*r.WaitShare, 100*r.Share, eta.Round(time.Second))
}

func (c *console) Val(p run.Progress, nats, bpb float64) {
	c.write(map[string]any{"step": p.Step, "val_loss": nats, "val_bpb": bpb})
	c.print("step %d  validation %.4f bits per byte, %.3f nats per token", p.Step, bpb, nats)
}

func (c *console) Notice(format string, args ...any) { c.print(format, args...) }
