package config

import (
	"fmt"
	"time"

	"github.com/nanochat-go/nanochat/arch/mhc"
	"github.com/nanochat-go/nanochat/arch/mtp"
	"github.com/nanochat-go/nanochat/precision/policy"
)

// Duration is a time.Duration that reads and writes as "90s" or "20m".
type Duration time.Duration

// UnmarshalText parses a Go duration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration like \"90s\" or \"20m\"", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the duration as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Config is the whole configuration.
type Config struct {
	Seed       int64      `toml:"seed" doc:"fixes data, split, order of batches, initial weights and samples"`
	Data       Data       `toml:"data"`
	Tokenizer  Tokenizer  `toml:"tokenizer"`
	Model      Model      `toml:"model"`
	Train      Train      `toml:"train"`
	Precision  Precision  `toml:"precision"`
	Optim      Optim      `toml:"optim"`
	Checkpoint Checkpoint `toml:"checkpoint"`
	Eval       Eval       `toml:"eval"`
	Export     Export     `toml:"export"`
}

// Data says where the documents come from.
type Data struct {
	Sources     []Source `toml:"sources,inline" doc:"list of { rustgen = { level = 2, megabytes = 16 } }, { dir = \"PATH\", ext = [\"rs\"] }, { crates = \"LIST\" } or { parquet = \"FILE\", column = \"text\" }"`
	ValFraction float64  `toml:"val_fraction" doc:"share of the documents held out for validation, by hash"`
	SplitBy     string   `toml:"split_by" doc:"\"document\" or \"origin\": what is held out together (origin: a crate, a folder)"`
	Dedup       string   `toml:"dedup" doc:"\"exact\" drops documents seen before, \"none\" keeps them"`
	MaxBytes    int      `toml:"max_bytes" doc:"longest document; 0: any"`
}

// Source is one source of documents: exactly one of Rustgen, Dir, Crates and
// Parquet is set.
type Source struct {
	Rustgen *Rustgen `toml:"rustgen,omitempty,inline"`
	Dir     string   `toml:"dir,omitempty"`
	Ext     []string `toml:"ext,omitempty,inline"` // endings of the files of Dir; default ["rs"]
	Crates  string   `toml:"crates,omitempty"`
	Parquet string   `toml:"parquet,omitempty"` // a file, a folder or a pattern
	Column  string   `toml:"column,omitempty"`  // default: content, text or code
}

// Rustgen is generated Rust of our own.
type Rustgen struct {
	Level     int     `toml:"level"`
	Megabytes float64 `toml:"megabytes"`
}

// Tokenizer says how text becomes ids.
type Tokenizer struct {
	Vocab int    `toml:"vocab" doc:"number of ids, the 256 bytes and 3 special tokens included"`
	Split string `toml:"split" doc:"\"gpt2\", \"cl100k\" or \"llama3\""`
	Path  string `toml:"path" doc:"use this tokenizer.json instead of training one"`
}

// Model is the transformer.
type Model struct {
	Layers       int     `toml:"layers" doc:"number of blocks"`
	Dim          int     `toml:"dim" doc:"width of the residual stream"`
	Heads        int     `toml:"heads" doc:"query heads"`
	KVHeads      int     `toml:"kv_heads" doc:"key-value heads; 0: as many as heads"`
	HeadDim      int     `toml:"head_dim" doc:"width of a head; 0: dim/heads"`
	Hidden       int     `toml:"hidden" doc:"width inside the MLP; 0: 8/3 of dim for swiglu, else 4 times dim"`
	Context      int     `toml:"context" doc:"tokens in a row"`
	MLP          string  `toml:"mlp" doc:"\"swiglu\", \"relu2glu\" (gated), \"relu2\" or \"silu\""`
	Tied         bool    `toml:"tied" doc:"the head is the embedding transposed"`
	Ternary      bool    `toml:"ternary" doc:"b1.58 linears inside the blocks"`
	QKNorm       bool    `toml:"qk_norm" doc:"norm queries and keys"`
	QKScale      float64 `toml:"qk_scale" doc:"factor on normed queries and keys; 0: none"`
	SubLN        bool    `toml:"sub_ln" doc:"norm what o_proj and down_proj read, as BitNet b1.58 2B4T"`
	NoGain       bool    `toml:"no_gain" doc:"norms without gains"`
	EmbedNorm    bool    `toml:"embed_norm" doc:"norm the embedding"`
	Smear        bool    `toml:"smear" doc:"add the embedding of the token before by a gate"`
	ValueEmbed   bool    `toml:"value_embed" doc:"tables that add to the values of every second layer by a gate"`
	Residuals    bool    `toml:"residual_scalars" doc:"a block reads a learned mix of the stream and the embedding"`
	Backout      bool    `toml:"backout" doc:"subtract a learned share of the middle layer's stream at the end"`
	Init         string  `toml:"init" doc:"initial values: \"\" or \"nanochat\""`
	SandwichNorm bool    `toml:"sandwich_norm" doc:"norm what a sublayer writes, too"`
	Window       int     `toml:"window" doc:"keys that a token sees; 0: all"`
	Pattern      string  `toml:"window_pattern" doc:"letters for the layers in turn: S sees window keys (0: a quarter of the context), L and the last layer all; \"\": window holds for all"`
	DocumentMask bool    `toml:"document_mask" doc:"attention stays within a document"`
	SoftCap      float64 `toml:"soft_cap" doc:"bound of the logits; 0: none"`
	RopeTheta    float64 `toml:"rope_theta" doc:"base of the rotary frequencies"`
	NormEps      float64 `toml:"norm_eps" doc:"what norms add to the mean square"`
	LossChunk    int     `toml:"loss_chunk" doc:"positions whose logits are alive at a time; 0: all"`
	Remat        int     `toml:"remat" doc:"sublayers, two to a block, that the backward pass recomputes together instead of keeping them; 0: none"`
	RopeScaling  Scaling `toml:"rope_scaling"`
	Loop         Loop    `toml:"loop"`
	MTP          MTP     `toml:"mtp"`
	MHC          MHC     `toml:"mhc"`
}

// Loop runs the blocks several times over with the same weights (LoopLM).
type Loop struct {
	Enabled bool    `toml:"enabled" doc:"run the blocks several times over"`
	Loops   int     `toml:"loops" doc:"passes"`
	Gate    string  `toml:"gate" doc:"how passes count in training: \"ouro\" (a gate learns where a token ends), \"uniform\" (all alike) or \"last\" (only the last)"`
	Beta    float64 `toml:"beta" doc:"of gate ouro: weight of the entropy of the exits at the beginning"`
	BetaEnd float64 `toml:"beta_end" doc:"the same at the end, linear between"`
}

// MTP predicts several tokens from one position.
type MTP struct {
	Enabled    bool      `toml:"enabled" doc:"predict several tokens from one position"`
	Kind       string    `toml:"kind" doc:"\"parallel\" (a block for each head, beside the last one), \"sequential\" (modules that read each other) or \"shared\" (the next token's logits, no parameters)"`
	Heads      int       `toml:"heads" doc:"tokens beyond the next that are predicted"`
	Weights    []float64 `toml:"weights" doc:"of their losses, one for each; the next token's is 1"`
	Curriculum string    `toml:"curriculum" doc:"\"constant\", \"forward\" (heads join one by one), \"reverse\" (they leave) or \"decay\" (they fade out)"`
}

// MHC gives the model several residual streams.
type MHC struct {
	Enabled     bool    `toml:"enabled" doc:"several residual streams that sublayers read, mix and write (hyper-connections)"`
	Streams     int     `toml:"streams" doc:"number of streams"`
	Mixing      string  `toml:"mixing" doc:"maps between the streams: \"birkhoff\" (doubly stochastic, exactly, up to 4 streams), \"sinkhorn\" (by iteration), \"sinkhorn_v4\" (as DeepSeek-V4's code) or \"free\" (no constraint)"`
	Iterations  int     `toml:"iterations" doc:"of sinkhorn"`
	OffDiagonal float64 `toml:"off_diagonal" doc:"initial logit of mixing; -8: hardly any, -4 lets it begin earlier"`
}

// Scaling stretches the rotary frequencies, see lm.RopeScaling.
type Scaling struct {
	Kind     string  `toml:"kind" doc:"\"\": none, \"linear\" or \"llama3\""`
	Factor   float64 `toml:"factor" doc:"that frequencies are divided by"`
	LowFreq  float64 `toml:"low_freq" doc:"of llama3: wavelengths above original/low_freq are stretched"`
	HighFreq float64 `toml:"high_freq" doc:"of llama3: those below original/high_freq are kept"`
	Original int     `toml:"original" doc:"of llama3: context of the first training"`
}

// Train says how long and on what to train.
type Train struct {
	Batch   int      `toml:"batch" doc:"rows in a step"`
	Steps   int      `toml:"steps" doc:"number of updates; the first of steps, tokens and time that is reached ends the run, 0: no such limit"`
	Tokens  int64    `toml:"tokens" doc:"number of tokens"`
	Time    Duration `toml:"time" doc:"training time, evaluation not counted, like \"20m\""`
	Backend string   `toml:"backend" doc:"\"auto\", \"xla\" or \"go\""`
}

// Precision says how the products of the linears inside blocks are computed. Weights,
// gradients and state are kept in float32.
type Precision struct {
	Recipe        string                   `toml:"recipe" doc:"of the linears inside blocks: \"f32\", \"bf16\", \"fp8_tensor\", \"fp8_row\", \"fp8_block\", \"mxfp8\", \"mxfp4_bwd\", \"mxfp4_quartet\", \"mxfp4_nearest\", \"nvfp4\", \"fp4_dge_occ\", \"fp4_fp8\", \"int8\" or one of precision.recipes; \"\": f32, or ternary with model.ternary"`
	Mode          string                   `toml:"mode" doc:"\"emulate\": values of the format carried in float32; \"native\": refuse to start unless the backend multiplies in the format"`
	KeepFirst     float64                  `toml:"keep_first_blocks" doc:"blocks at the beginning that have high_precision: a share below 1 or a number; -1: what the recipe's paper does"`
	KeepLast      float64                  `toml:"keep_last_blocks" doc:"the same at the end"`
	HighPrecision string                   `toml:"high_precision" doc:"recipe of those blocks"`
	ForwardHigh   float64                  `toml:"forward_high_after" doc:"share of the run after which forward products have high_precision, and backward ones stay; 0: never"`
	Recipes       map[string]policy.Recipe `toml:"recipes,omitempty" doc:"tables by name with fprop = { x, w }, dgrad = { dy, w }, wgrad = { dy, x }, see trainer/README.md"`
	Modules       []policy.Rule            `toml:"modules,omitempty" doc:"tables with match (globs on weights) and recipe; the last that matches wins"`
}

// Optim is the optimizer. Its rule serves the matrices inside the blocks;
// groups route everything else, the first that matches.
type Optim struct {
	Rule           string  `toml:"rule" doc:"\"muon\", \"adamw\", \"lion\" or \"sgd\" for the matrices"`
	LR             float64 `toml:"lr" doc:"learning rate of the matrices"`
	Momentum       float64 `toml:"momentum" doc:"momentum of the matrices; 0: the rule's default"`
	MomentumStart  float64 `toml:"momentum_start" doc:"momentum of the matrices at the first step, where momentum_warmup is set"`
	MomentumWarmup int     `toml:"momentum_warmup" doc:"steps over which their momentum goes from momentum_start to momentum; 0: it is constant"`
	WeightDecay    float64 `toml:"weight_decay" doc:"decoupled decay of the matrices"`
	Scale          string  `toml:"scale" doc:"update scale of muon: \"original\", \"match_rms\", \"spectral\" or \"none\""`
	OrthDType      string  `toml:"orth_dtype" doc:"products of muon's orthogonalisation: \"float32\" or \"bfloat16\", which the Go backend refuses"`
	OtherLR        float64 `toml:"other_lr" doc:"learning rate of embedding, head and norms (adamw) where no group matches"`
	Schedule       string  `toml:"schedule" doc:"\"wsd\", \"cosine\", \"linear\" or \"constant\""`
	Decay          string  `toml:"decay" doc:"shape of the decay of wsd: \"linear\", \"cosine\", \"sqrt\" or \"exponential\" (to a floor above 0)"`
	Warmup         int     `toml:"warmup" doc:"steps of linear warm-up"`
	DecayLength    float64 `toml:"decay_fraction" doc:"share of the run that wsd decays over"`
	Floor          float64 `toml:"floor" doc:"rate at the end, as a share of the peak"`
	Clip           float64 `toml:"clip" doc:"bound of the joint gradient norm; 0: none"`
	State          string  `toml:"state" doc:"how the state of the matrices is kept: \"float32\", \"bfloat16\", \"linear8\" (8-bit muon) or \"dynamic8\" (8-bit adamw)"`
	StateBlock     int     `toml:"state_block" doc:"values that share a scale in linear8 and dynamic8"`
	Accumulate     int     `toml:"accumulate" doc:"batches for each update"`
	HealthEvery    int     `toml:"health_every" doc:"steps between those that record the sizes of updates and weights and the error of stored momentum, by group; 0: none"`
	Space          Space   `toml:"space"`
	Groups         []Group `toml:"groups,omitempty" doc:"tables with match (globs), rule, lr, weight_decay"`
}

// Space says where the moments of the matrices live.
type Space struct {
	Kind    string  `toml:"kind" doc:"\"full\", \"galore\" (moments in a low-rank subspace), \"q-galore\" (the same with int8 projectors and lazy refreshes), \"random\" (the same in one drawn by chance) or \"foam\" (moments of block means)"`
	Scale   float64 `toml:"scale" doc:"factor on the learning rate of every space but full"`
	Rank    int     `toml:"rank" doc:"of galore, q-galore and random"`
	Every   int     `toml:"every" doc:"updates between refreshes of the subspace; 0: none after the first"`
	Moments string  `toml:"moments" doc:"what happens to moments at a refresh: \"keep\", \"reset\" or \"rotate\""`
	Level   int     `toml:"level" doc:"fold level of foam: blocks of 2^level weights"`
}

// Group routes parameters by name.
type Group struct {
	Match       []string `toml:"match"`
	Rule        string   `toml:"rule"`
	LR          float64  `toml:"lr"`
	WeightDecay float64  `toml:"weight_decay"`
}

// Checkpoint says when state is saved.
type Checkpoint struct {
	Every int  `toml:"every" doc:"steps between checkpoints; 0: only at the end"`
	Keep  int  `toml:"keep" doc:"how many of the newest to keep"`
	Best  bool `toml:"best" doc:"also keep the one with the best validation bits per byte"`
}

// Eval says when the model is tried out.
type Eval struct {
	Every       int     `toml:"every" doc:"steps between evaluations; 0: only at the end"`
	ValTokens   int     `toml:"val_tokens" doc:"validation tokens at each evaluation during training; 0: all"`
	Samples     int     `toml:"samples" doc:"programs sampled at the end"`
	StepSamples int     `toml:"step_samples" doc:"programs sampled and compiled at each evaluation before the end"`
	Temperature float64 `toml:"temperature" doc:"of those samples"`
	Compile     bool    `toml:"compile" doc:"check the samples with rustc"`
}

// Export says what is written at the end.
type Export struct {
	Formats []string `toml:"formats" doc:"list of \"hf\" and \"gguf\", or empty"`
}

// Default is the configuration that presets and files build on.
func Default() Config {
	return Config{
		Seed:      1,
		Data:      Data{Sources: []Source{{Rustgen: &Rustgen{Level: 2, Megabytes: 16}}}, ValFraction: 0.02, SplitBy: "document", Dedup: "exact", MaxBytes: 400_000},
		Tokenizer: Tokenizer{Vocab: 4096, Split: "llama3"},
		Model: Model{Layers: 4, Dim: 256, Heads: 4, Context: 256, MLP: "swiglu", DocumentMask: true, RopeTheta: 10000, NormEps: 1e-5,
			Loop: Loop{Loops: 4, Gate: "ouro", Beta: 0.1, BetaEnd: 0.05},
			MTP:  MTP{Kind: "parallel", Heads: 2, Weights: []float64{0.5, 0.25}, Curriculum: string(mtp.ConstantCurriculum)},
			MHC:  MHC{Streams: 4, Mixing: mhc.Birkhoff, Iterations: 20, OffDiagonal: -8}},
		Train:     Train{Batch: 8, Steps: 1000, Backend: "auto"},
		Precision: Precision{Mode: "emulate", KeepFirst: policy.Default, KeepLast: policy.Default, HighPrecision: "bf16"},
		Optim: Optim{Rule: "muon", MomentumStart: 0.85, State: "float32", StateBlock: 256,
			Space: Space{Kind: "full", Scale: 0.25, Rank: 64, Every: 200, Moments: "rotate", Level: 2},
			LR:    0.02, Scale: "original", OrthDType: "float32", OtherLR: 0.016, Schedule: "wsd", Decay: "linear", Warmup: 20, DecayLength: 0.5,
			Floor: 0, Clip: 1, Accumulate: 1},
		Checkpoint: Checkpoint{Every: 200, Keep: 3, Best: true},
		Eval:       Eval{Every: 200, ValTokens: 32768, Samples: 32, StepSamples: 8, Temperature: 0.8, Compile: true},
		Export:     Export{Formats: []string{"hf"}},
	}
}

// Std is the duration as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Extensions are the endings of the files that a directory gives.
func (s Source) Extensions() []string {
	if len(s.Ext) == 0 {
		return []string{"rs"}
	}
	return s.Ext
}
