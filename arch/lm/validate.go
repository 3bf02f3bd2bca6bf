package lm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// FieldError says what is wrong with one field of a Config.
type FieldError struct {
	Field  string // name in JSON, with dots inside of tables
	Reason string // value and rule
}

func (e *FieldError) Error() string { return "lm: " + e.Field + ": " + e.Reason }

// Validate reports every reason why the configuration describes no model, each a
// *FieldError, joined by errors.Join. It looks at the configuration as WithDefaults completes it.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var errs []error
	check := func(ok bool, field, format string, args ...any) {
		if !ok {
			errs = append(errs, &FieldError{field, fmt.Sprintf(format, args...)})
		}
	}
	check(c.VocabSize > 0, "vocab_size", "vocabulary size %d, want at least 1", c.VocabSize)
	check(c.NumLayers > 0, "num_layers", "%d layers, want at least 1", c.NumLayers)
	check(c.Dim > 0, "dim", "dimension %d, want at least 1", c.Dim)
	check(c.NumHeads > 0, "num_heads", "%d heads, want at least 1", c.NumHeads)
	check(c.Context > 0, "context", "context %d, want at least 1 token", c.Context)
	check(c.HiddenDim > 0, "hidden_dim", "hidden dimension %d, want at least 1", c.HiddenDim)
	check(c.HeadDim > 0 && c.HeadDim%2 == 0, "head_dim", "head dimension %d, want a positive even number (RoPE rotates pairs)", c.HeadDim)
	check(c.NumKVHeads > 0 && c.NumHeads%max(c.NumKVHeads, 1) == 0,
		"num_kv_heads", "%d query heads over %d key-value heads, want a whole number of query heads for each", c.NumHeads, c.NumKVHeads)
	check(slices.Contains(mlps, c.MLP), "mlp", "MLP %q, want one of %q", c.MLP, mlps)
	check(c.Window >= 0, "window", "window %d, want 0 (all) or more", c.Window)
	check(c.LossChunk >= 0, "loss_chunk", "loss chunk %d, want 0 (all at once) or more", c.LossChunk)
	check(c.SoftCap >= 0, "soft_cap", "soft cap %g, want 0 (off) or more", c.SoftCap)
	check(c.RopeTheta > 0, "rope_theta", "RoPE theta %g, want more than 0", c.RopeTheta)
	check(c.Loop.Loops >= 0, "loop.loops", "%d loops, want 1 or more (0: not a looped model)", c.Loop.Loops)
	check(c.Loop.Loops > 0 || c.Loop == (Loop{}), "loop.loops", "a loop with 0 passes, want at least 1")
	check(c.Remat >= 0, "remat", "%d sublayers recomputed together, want 0 (none) or more", c.Remat)
	check(c.QKScale >= 0, "qk_scale", "QK scale %g, want more than 0 (0: 1)", c.QKScale)
	check(c.QKScale == 0 || c.QKNorm, "qk_scale", "QK scale %g without QK-norm, want both or neither", c.QKScale)
	check(strings.Trim(c.WindowPattern, "SL") == "", "window_pattern", "window pattern %q, want letters S (window) and L (all)", c.WindowPattern)
	check(!c.Backout || c.Passes() == 1, "backout", "backout with %d loops, want one: it belongs to a stack that runs once", c.Passes())
	check(c.Init == "" || c.Init == InitNanoChat, "init", "initial values %q, want \"\" or %q", c.Init, InitNanoChat)
	check(c.MTP.Heads >= 0, "mtp.heads", "%d MTP heads, want 0 or more", c.MTP.Heads)
	check(c.MTP.Heads == 0 || c.MTP.Heads < c.Context, "mtp.heads", "%d MTP heads in a context of %d: head k needs k tokens more than the next one", c.MTP.Heads, c.Context)
	check(c.MTP == (MTP{}) || c.MTP.Kind == Parallel || c.MTP.Kind == Sequential, "mtp.kind", "MTP kind %q, want %q or %q", c.MTP.Kind, Parallel, Sequential)
	check(c.MTP.Heads > 0 || c.MTP == (MTP{}), "mtp.heads", "MTP kind %q without heads", c.MTP.Kind)
	check(c.NormEps > 0, "norm_eps", "norm epsilon %g, want more than 0", c.NormEps)
	c.RopeScaling.validate(check)
	c.MHC.Check(func(ok bool, field, format string, args ...any) { check(ok, "mhc."+field, format, args...) })
	return errors.Join(errs...)
}

func (r RopeScaling) validate(check func(ok bool, field, format string, args ...any)) {
	switch r.Kind {
	case "":
		check(r == RopeScaling{}, "rope_scaling.kind", "RoPE scaling %+v has no kind, want %q or %q", r, ScalingLinear, ScalingLlama3)
	case ScalingLinear:
		check(r.Factor > 0, "rope_scaling.factor", "RoPE scaling factor %g, want more than 0", r.Factor)
	case ScalingLlama3:
		check(r.Factor > 0, "rope_scaling.factor", "RoPE scaling factor %g, want more than 0", r.Factor)
		check(r.LowFreq > 0 && r.HighFreq > r.LowFreq, "rope_scaling.low_freq", "RoPE scaling between frequency factors %g and %g, want 0 < low < high", r.LowFreq, r.HighFreq)
		check(r.Original > 0, "rope_scaling.original", "RoPE scaling from a context of %d, want at least 1 token", r.Original)
	default:
		check(false, "rope_scaling.kind", "RoPE scaling %q, want %q or %q", r.Kind, ScalingLinear, ScalingLlama3)
	}
}
