package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Common are the flags of every command that runs something, and its streams.
type Common struct {
	JSON     bool
	Quiet    bool
	NoReexec bool
	// Notice prints a line for the user on standard error.
	Notice func(format string, args ...any)
	In     io.Reader // standard input
	Out    io.Writer // standard output, for results alone
}

// Printf prints a result as text on standard output. With --json it prints
// nothing, because the object that the command returns goes there instead.
func (c Common) Printf(format string, args ...any) {
	if !c.JSON && c.Out != nil {
		fmt.Fprintf(c.Out, format, args...)
	}
}

// ConfigOptions choose an effective configuration.
type ConfigOptions struct {
	Preset, File string
	Set          []string
}

// choosesData reports whether anything says where documents come from.
func (o ConfigOptions) choosesData() bool {
	return o.Preset != "" || o.File != "" || slices.ContainsFunc(o.Set, func(s string) bool {
		key, _, _ := strings.Cut(s, "=")
		return strings.TrimSpace(key) == "data.sources"
	})
}

// TrainOptions are the flags of train and of the journey without arguments.
type TrainOptions struct {
	Common
	ConfigOptions
	Run    string
	Resume bool
}

// DataOptions are the flags of data prepare and data stats.
type DataOptions struct {
	Common
	ConfigOptions
	Out string
}

// CratesOptions are the flags of data crates.
type CratesOptions struct {
	Common
	List, Out string
}

// TokenizerTrainOptions are the flags of tokenizer train.
type TokenizerTrainOptions struct {
	Common
	Text    []string
	Vocab   int
	Split   string
	Threads int
	Out     string
}

// TokenizerOptions are the flags of tokenizer encode and decode.
type TokenizerOptions struct {
	Common
	Tokenizer string
	Input     string // text, or ids separated by spaces; "-" reads standard input
	Special   bool   // recognise special tokens in the text
}

// EvalOptions are the flags of eval bpb and eval rust.
type EvalOptions struct {
	Common
	Run         string
	Data        []string
	Ext         []string
	Column      string
	Backend     string
	Samples     int
	Temperature float64
	MaxTokens   int
	Seed        int64
}

// GenerateOptions are the flags of generate.
type GenerateOptions struct {
	Common
	Run, Prompt string
	MaxTokens   int
	Temperature float64
	TopK        int
	TopP        float64
	Depth       int
	Exit        float64
	Draft       int
	DraftDepth  int
	Seed        int64
}

// ExportOptions are the flags of export hf.
type ExportOptions struct {
	Common
	Run, Out    string
	Dequantised bool
	Overwrite   bool
}

// ExportGGUFOptions are the flags of export gguf.
type ExportGGUFOptions struct {
	Common
	Run, Out  string
	Types     []string // of the matrices, one file each; none: by the model
	Embedding string   // type of embedding and head, "": by the type
	Name      string
	Exact     bool
	Overwrite bool
}

// ReportOptions are the flags of report.
type ReportOptions struct {
	Common
	Run string
}

// BenchTrainOptions are the flags of bench train.
type BenchTrainOptions struct {
	Common
	Layers, Dim, Heads, KVHeads, Vocab, Seq, Batch, Steps, Rank int
	MLP, Backend                                                string
	Ternary                                                     bool
	Optimizers                                                  []string
}

// BenchTokenizerOptions are the flags of bench tokenizer.
type BenchTokenizerOptions struct {
	Common
	Text    []string
	Vocab   int
	Threads int
}

// BenchMemoryOptions are the flags of bench memory.
type BenchMemoryOptions struct {
	Common
	ConfigOptions
	Optimizers []string
	Measure    bool
	Updates    int
	Here       bool // train with the one optimizer in this process
}

// Handlers are what the commands do. Each returns the object that --json
// prints; without --json the handler has told the user what there is to tell.
type Handlers struct {
	Quickstart      func(ctx context.Context, o TrainOptions) (any, error)
	Train           func(ctx context.Context, o TrainOptions) (any, error)
	DataPrepare     func(ctx context.Context, o DataOptions) (any, error)
	DataStats       func(ctx context.Context, o DataOptions) (any, error)
	DataCrates      func(ctx context.Context, o CratesOptions) (any, error)
	TokenizerTrain  func(ctx context.Context, o TokenizerTrainOptions) (any, error)
	TokenizerEncode func(ctx context.Context, o TokenizerOptions) (any, error)
	TokenizerDecode func(ctx context.Context, o TokenizerOptions) (any, error)
	EvalBPB         func(ctx context.Context, o EvalOptions) (any, error)
	EvalRust        func(ctx context.Context, o EvalOptions) (any, error)
	Generate        func(ctx context.Context, o GenerateOptions) (any, error)
	Plan            func(ctx context.Context, o TrainOptions) (any, error)
	Compare         func(ctx context.Context, o CompareOptions) (any, error)
	Config          func(ctx context.Context, o TrainOptions) (any, error)
	ExportHF        func(ctx context.Context, o ExportOptions) (any, error)
	ExportGGUF      func(ctx context.Context, o ExportGGUFOptions) (any, error)
	Report          func(ctx context.Context, o ReportOptions) (any, error)
	Backends        func(ctx context.Context, o Common) (any, error)
	BenchTrain      func(ctx context.Context, o BenchTrainOptions) (any, error)
	BenchTokenizer  func(ctx context.Context, o BenchTokenizerOptions) (any, error)
	BenchGrid       func(ctx context.Context, o BenchGridOptions) (any, error)
	BenchOptim      func(ctx context.Context, o BenchOptimOptions) (any, error)
	BenchMemory     func(ctx context.Context, o BenchMemoryOptions) (any, error)
	BenchPrecision  func(ctx context.Context, o BenchPrecisionOptions) (any, error)
	BenchKernels    func(ctx context.Context, o BenchKernelsOptions) (any, error)
	BenchDecode     func(ctx context.Context, o BenchDecodeOptions) (any, error)
	JudgeHumanEval  func(ctx context.Context, o JudgeOptions) (any, error)
	JudgeCheck      func(ctx context.Context, o JudgeOptions) (any, error)
	JudgeCargo      func(ctx context.Context, o JudgeOptions) (any, error)
	JudgeProbe      func(ctx context.Context, o JudgeOptions) (any, error)
}
