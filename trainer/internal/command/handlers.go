package command

import "github.com/nanochat-go/nanochat/trainer/internal/cli"

// Handlers are the functions behind the command line.
func Handlers() cli.Handlers {
	return cli.Handlers{
		Quickstart:      nil,
		Train:           Train,
		DataPrepare:     nil,
		DataStats:       nil,
		DataCrates:      nil,
		TokenizerTrain:  nil,
		TokenizerEncode: nil,
		TokenizerDecode: nil,
		EvalBPB:         nil,
		EvalRust:        nil,
		Generate:        nil,
		Plan:            nil,
		Config:          nil,
		ExportHF:        nil,
		Backends:        nil,
		BenchTrain:      nil,
		BenchTokenizer:  nil,
	}
}
