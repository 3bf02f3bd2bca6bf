package command

import "github.com/nanochat-go/nanochat/trainer/internal/cli"

// Handlers are the functions behind the command line.
func Handlers() cli.Handlers {
	return cli.Handlers{
		Quickstart:      Train,
		Train:           Train,
		DataPrepare:     DataPrepare,
		DataStats:       DataStats,
		DataCrates:      DataCrates,
		TokenizerTrain:  TokenizerTrain,
		TokenizerEncode: TokenizerEncode,
		TokenizerDecode: TokenizerDecode,
		EvalBPB:         EvalBPB,
		EvalRust:        EvalRust,
		Generate:        Generate,
		Plan:            Plan,
		Compare:         Compare,
		Config:          Config,
		ExportHF:        ExportHF,
		ExportGGUF:      ExportGGUF,
		Report:          Report,
		Backends:        Backends,
		BenchTrain:      BenchTrain,
		BenchTokenizer:  BenchTokenizer,
		BenchGrid:       BenchGrid,
		BenchOptim:      BenchOptim,
		BenchMemory:     BenchMemory,
		BenchPrecision:  BenchPrecision,
		BenchKernels:    BenchKernels,
		BenchDecode:     BenchDecode,
		JudgeHumanEval:  JudgeHumanEval,
		JudgeCheck:      JudgeCheck,
		JudgeCargo:      JudgeCargo,
		JudgeProbe:      JudgeProbe,
	}
}
