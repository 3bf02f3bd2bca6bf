package config

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/arch/mhc"
	"github.com/nanochat-go/nanochat/arch/mtp"
	"github.com/nanochat-go/nanochat/optim/galore"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/schedule"
	"github.com/nanochat-go/nanochat/precision/policy"

	"github.com/nanochat-go/nanochat/trainer/internal/run"
)

// specials is the number of special tokens in every tokenizer that is trained.
const specials = 3

// Validate reports every value that is out of range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	oneOf := func(key, value string, allowed ...string) {
		check(slices.Contains(allowed, value), "%s = %q, want one of %q", key, value, allowed)
	}
	c.checkData(check, oneOf)
	check(c.Tokenizer.Vocab >= 256+specials && c.Tokenizer.Vocab <= 1<<20, "tokenizer.vocab = %d, want %d to %d", c.Tokenizer.Vocab, 256+specials, 1<<20)
	oneOf("tokenizer.split", c.Tokenizer.Split, "gpt2", "cl100k", "llama3")
	if err := c.LM(c.Tokenizer.Vocab).Validate(); err != nil {
		errs = append(errs, modelErrors(err)...)
	}
	check(!c.Model.MHC.Enabled || c.Model.MHC.Streams != 1, "model.mhc.streams = 1, want 2 or more: one stream is the plain residual, model.mhc.enabled = false")
	check(!c.Model.MHC.Enabled || c.Model.MHC.Iterations != 0 && c.Model.MHC.OffDiagonal != 0, "model.mhc.iterations = %d and model.mhc.off_diagonal = %g, want neither 0", c.Model.MHC.Iterations, c.Model.MHC.OffDiagonal)
	c.checkObjective(check, oneOf)
	check(c.Train.Batch > 0, "train.batch = %d, want more than 0", c.Train.Batch)
	if err := c.Budget().Validate(); err != nil {
		errs = append(errs, fmt.Errorf("[train]: %w", err))
	}
	oneOf("train.backend", c.Train.Backend, "auto", "xla", "go")
	c.checkPrecision(check, oneOf)
	c.checkOptim(check, oneOf)
	check(c.Checkpoint.Every >= 0 && c.Checkpoint.Keep >= 1, "checkpoint.every = %d, want 0 or more; checkpoint.keep = %d, want 1 or more", c.Checkpoint.Every, c.Checkpoint.Keep)
	check(c.Eval.Every >= 0 && c.Eval.ValTokens >= 0 && c.Eval.Samples >= 0 && c.Eval.StepSamples >= 0 && c.Eval.Temperature >= 0, "[eval]: numbers below 0")
	for _, f := range c.Export.Formats {
		oneOf("export.formats", f, "hf", "gguf")
	}
	return errors.Join(errs...)
}

// rules are the names of the optimizers' rules.
var rules = []string{"muon", "adamw", "lion", "sgd"}

// SharedLogits is the model.mtp.kind without heads.
const SharedLogits = "shared"

type checker func(ok bool, format string, args ...any)

func (c Config) checkData(check checker, oneOf func(key, value string, allowed ...string)) {
	check(len(c.Data.Sources) > 0, "data.sources is empty: give a directory, a list of crates, a parquet file or rustgen")
	for i, s := range c.Data.Sources {
		set := 0
		for _, on := range []bool{s.Rustgen != nil, s.Dir != "", s.Crates != "", s.Parquet != ""} {
			if on {
				set++
			}
		}
		check(set == 1, "data.sources[%d]: want exactly one of rustgen, dir, crates and parquet", i)
		check(len(s.Ext) == 0 || s.Dir != "", "data.sources[%d]: ext goes with dir", i)
		check(s.Column == "" || s.Parquet != "", "data.sources[%d]: column goes with parquet", i)
		if r := s.Rustgen; r != nil {
			check(r.Level >= 1 && r.Level <= 5 && r.Megabytes > 0, "data.sources[%d]: rustgen level %d and megabytes %g, want level 1 to 5 and more than 0", i, r.Level, r.Megabytes)
		}
	}
	check(c.Data.ValFraction > 0 && c.Data.ValFraction < 1, "data.val_fraction = %g, want between 0 and 1", c.Data.ValFraction)
	check(c.Data.MaxBytes >= 0, "data.max_bytes = %d, want 0 (any) or more", c.Data.MaxBytes)
	oneOf("data.split_by", c.Data.SplitBy, "document", "origin")
	oneOf("data.dedup", c.Data.Dedup, "exact", "none")
}

func (c Config) checkObjective(check checker, oneOf func(key, value string, allowed ...string)) {
	l, m := c.Model.Loop, c.Model.MTP
	check(l.Loops >= 1, "model.loop.loops = %d, want 1 or more", l.Loops)
	oneOf("model.loop.gate", l.Gate, "ouro", "uniform", "last")
	check(l.Beta >= 0 && l.BetaEnd >= 0, "model.loop.beta = %g and model.loop.beta_end = %g, want 0 or more", l.Beta, l.BetaEnd)
	oneOf("model.mtp.kind", m.Kind, lm.Parallel, lm.Sequential, SharedLogits)
	check(m.Heads >= 1, "model.mtp.heads = %d, want 1 or more", m.Heads)
	check(!m.Enabled || m.Heads < c.Model.Context, "model.mtp.heads = %d, want fewer than the %d tokens of model.context", m.Heads, c.Model.Context)
	check(len(m.Weights) == m.Heads, "model.mtp.weights has %d values for %d heads (model.mtp.heads), want one for each", len(m.Weights), m.Heads)
	for i, w := range m.Weights {
		check(w >= 0, "model.mtp.weights[%d] = %g, want 0 or more", i, w)
	}
	if err := mtp.Curriculum(m.Curriculum).Validate(); err != nil {
		check(false, "model.mtp.curriculum: %v", err)
	}
	check(!(m.Enabled && l.Enabled && m.Kind == SharedLogits), "model.mtp.kind = %q scores the next token's logits in another way than model.loop: enable one of the two", m.Kind)
}

func (c Config) checkOptim(check checker, oneOf func(key, value string, allowed ...string)) {
	o := c.Optim
	oneOf("optim.rule", o.Rule, rules...)
	oneOf("optim.state", o.State, "float32", "bfloat16", "linear8", "dynamic8")
	check(o.StateBlock >= 2, "optim.state_block = %d, want 2 or more", o.StateBlock)
	check(o.State != "linear8" || o.Rule != "adamw", "optim.state = \"linear8\" would lose adamw's small second moments: use \"dynamic8\"")
	oneOf("optim.space.kind", o.Space.Kind, "full", "galore", "q-galore", "random", "foam")
	oneOf("optim.space.moments", o.Space.Moments, string(galore.Keep), string(galore.Reset), string(galore.Rotate))
	check(o.Space.Rank >= 1 && o.Space.Every >= 0, "optim.space: rank %d and every %d, want 1 and 0 or more", o.Space.Rank, o.Space.Every)
	check(o.Space.Every > 0 || o.Space.Kind != "q-galore", "optim.space.every = 0, but q-galore wants a period that it can double")
	check(o.Space.Scale > 0, "optim.space.scale = %g, want more than 0", o.Space.Scale)
	check(o.Space.Level >= 0 && o.Space.Level <= 30, "optim.space.level = %d, want 0 to 30", o.Space.Level)
	oneOf("optim.scale", o.Scale, string(muon.Original), string(muon.MatchRMS), string(muon.Spectral), string(muon.NoScale))
	oneOf("optim.orth_dtype", o.OrthDType, "float32", "bfloat16")
	check(o.LR > 0 && o.OtherLR > 0, "optim.lr = %g and optim.other_lr = %g, want more than 0", o.LR, o.OtherLR)
	check(o.Momentum >= 0 && o.Momentum < 1, "optim.momentum = %g, want [0, 1)", o.Momentum)
	check(o.MomentumStart >= 0 && o.MomentumStart < 1 && o.MomentumWarmup >= 0, "optim.momentum_start = %g, want [0, 1); optim.momentum_warmup = %d, want 0 or more",
		o.MomentumStart, o.MomentumWarmup)
	check(o.WeightDecay >= 0 && o.Clip >= 0, "optim.weight_decay = %g and optim.clip = %g, want 0 or more", o.WeightDecay, o.Clip)
	check(o.Accumulate >= 1, "optim.accumulate = %d, want 1 or more", o.Accumulate)
	check(o.HealthEvery >= 0, "optim.health_every = %d, want 0 (none) or more", o.HealthEvery)
	if err := c.LRSchedule().Validate(); err != nil {
		check(false, "[optim]: %v", err)
	}
	for i, g := range o.Groups {
		oneOf(fmt.Sprintf("optim.groups[%d].rule", i), g.Rule, rules...)
		check(g.LR > 0 && g.WeightDecay >= 0 && len(g.Match) > 0, "optim.groups[%d]: want match, lr above 0 and weight_decay 0 or more", i)
		for _, glob := range g.Match {
			_, err := path.Match(glob, "")
			check(err == nil, "optim.groups[%d]: pattern %q: %v", i, glob, err)
		}
	}
}

func (c Config) checkPrecision(check checker, oneOf func(key, value string, allowed ...string)) {
	p := c.Precision
	oneOf("precision.mode", p.Mode, "emulate", "native")
	ternary := p.Recipe == "" && c.Model.Ternary || p.Recipe == "ternary"
	check(ternary == c.Model.Ternary, "precision.recipe = %q with model.ternary = %t: a ternary model, which is exported and served as one, is trained by the recipe ternary and no other",
		p.Recipe, c.Model.Ternary)
	check(p.ForwardHigh >= 0 && p.ForwardHigh < 1, "precision.forward_high_after = %g, want 0 to less than 1", p.ForwardHigh)
	if _, err := c.Linears(c.LM(c.Tokenizer.Vocab)); err != nil {
		check(false, "[precision]: %w", err)
	}
}

// Linears is the precision of every linear of a model.
func (c Config) Linears(m lm.Config) (policy.Table, error) {
	p := c.Precision
	if p.Recipe == "" {
		p.Recipe = "f32"
		if c.Model.Ternary {
			p.Recipe = "ternary"
		}
	}
	return policy.Policy{Recipe: p.Recipe, Recipes: p.Recipes, Rules: p.Modules, KeepFirst: p.KeepFirst, KeepLast: p.KeepLast,
		HighPrecision: p.HighPrecision}.Resolve(m.Linears())
}

// LateLinears is Linears after precision.forward_high_after, nil if it never changes.
func (c Config) LateLinears(m lm.Config) (policy.Table, error) {
	table, err := c.Linears(m)
	if err != nil || c.Precision.ForwardHigh == 0 {
		return nil, err
	}
	high, err := policy.Policy{Recipe: c.Precision.HighPrecision, Recipes: c.Precision.Recipes}.Resolve(m.Linears())
	if err != nil {
		return nil, err
	}
	return table.WithForward(high[0].Recipe), nil
}

// modelKeys are the keys of [model] whose name is not that of lm.Config's field.
var modelKeys = map[string]string{"vocab_size": "tokenizer.vocab", "num_layers": "model.layers", "num_heads": "model.heads",
	"num_kv_heads": "model.kv_heads", "hidden_dim": "model.hidden"}

// modelErrors names the keys of what lm.Config.Validate found.
func modelErrors(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range joined.Unwrap() {
			errs = append(errs, modelErrors(e)...)
		}
		return errs
	}
	var field *lm.FieldError
	if !errors.As(err, &field) {
		return []error{fmt.Errorf("[model]: %w", err)}
	}
	key := modelKeys[field.Field]
	if key == "" {
		key = "model." + field.Field
	}
	return []error{fmt.Errorf("%s: %s", key, field.Reason)}
}

// LM is the model's configuration for a vocabulary.
func (c Config) LM(vocab int) lm.Config {
	m := c.Model
	var loop lm.Loop
	if m.Loop.Enabled {
		loop = lm.Loop{Loops: m.Loop.Loops, Gate: m.Loop.Gate == "ouro"}
	}
	var heads lm.MTP
	if m.MTP.Enabled && m.MTP.Kind != SharedLogits {
		heads = lm.MTP{Heads: m.MTP.Heads, Kind: m.MTP.Kind}
	}
	return lm.Config{Loop: loop, MTP: heads, SandwichNorm: m.SandwichNorm, VocabSize: vocab, NumLayers: m.Layers, Dim: m.Dim, NumHeads: m.Heads, NumKVHeads: m.KVHeads, HeadDim: m.HeadDim,
		HiddenDim: m.Hidden, Context: m.Context, MLP: m.MLP, Tied: m.Tied, Ternary: m.Ternary, QKNorm: m.QKNorm, Window: m.Window,
		QKScale: m.QKScale, SubLN: m.SubLN, NoGain: m.NoGain, EmbedNorm: m.EmbedNorm, Smear: m.Smear, ValueEmbed: m.ValueEmbed,
		ResidualScalars: m.Residuals, Backout: m.Backout, Init: m.Init, WindowPattern: m.Pattern, NormEps: m.NormEps, RopeScaling: lm.RopeScaling(m.RopeScaling),
		DocumentMask: m.DocumentMask, SoftCap: m.SoftCap, RopeTheta: m.RopeTheta, LossChunk: m.LossChunk, Remat: m.Remat, MHC: m.MHC.config()}
}

// config is what the model reads, nothing when there is one stream.
func (m MHC) config() mhc.Config {
	if !m.Enabled {
		return mhc.Config{}
	}
	return mhc.Config{Streams: m.Streams, Mixing: m.Mixing, Iterations: m.Iterations, OffDiagonal: m.OffDiagonal}
}

// Budget is the end of the run.
func (c Config) Budget() run.Budget {
	return run.Budget{Steps: c.Train.Steps, Tokens: c.Train.Tokens, Time: c.Train.Time.Std()}
}

// LRSchedule is the learning rate's schedule.
func (c Config) LRSchedule() schedule.Config {
	o := c.Optim
	return schedule.Config{Kind: o.Schedule, Decay: o.Decay, Warmup: o.Warmup, Length: o.DecayLength, Floor: o.Floor}
}
