package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) tokenizer() *cobra.Command {
	return group("tokenizer", "Byte-level BPE: train, encode, decode", a.tokenizerTrain(), a.tokenizerEncode(), a.tokenizerDecode())
}

func (a *app) tokenizerTrain() *cobra.Command {
	var o TokenizerTrainOptions
	c := &cobra.Command{
		Use: "train", Short: "Train a tokenizer on files or directories", Args: cobra.NoArgs,
		Long: `train learns a byte-level BPE tokenizer and writes it as a tokenizer.json, the format
of Hugging Face. Every file of a directory counts that is UTF-8 text, whatever its
name. The text decides how large a vocabulary it supports; the error says the limit.`,
		Example: `  trainer tokenizer train --text src --vocab 4096 --out tokenizer.json`,
		RunE:    run(a, a.h.TokenizerTrain, func() (TokenizerTrainOptions, error) { o.Common = a.common; return o, nil }),
	}
	c.Flags().StringArrayVar(&o.Text, "text", nil, "read the file or directory `PATH`; may be repeated")
	c.Flags().IntVar(&o.Vocab, "vocab", 4096, "`NUMBER` of ids, 256 bytes and 3 special tokens included")
	c.Flags().StringVar(&o.Split, "split", "llama3", "cut text into pieces as `NAME` does: gpt2, cl100k or llama3")
	c.Flags().IntVar(&o.Threads, "threads", 0, "count on `N` threads (0: one per processor)")
	c.Flags().StringVar(&o.Out, "out", "tokenizer.json", "write `FILE`, which must be new")
	_ = c.MarkFlagRequired("text")
	return c
}

// tokenizerFlag is the flag of the commands that use a tokenizer.
func tokenizerFlag(c *cobra.Command, o *TokenizerOptions) {
	c.Flags().StringVar(&o.Tokenizer, "tokenizer", "tokenizer.json", "use the tokenizer `FILE`; a run directory holds one")
}

func (a *app) tokenizerEncode() *cobra.Command {
	var o TokenizerOptions
	c := &cobra.Command{
		Use: "encode TEXT", Short: "Print the ids of a text", Args: cobra.ExactArgs(1),
		Long: `encode prints the ids of a text in one line. The text is the argument, or standard
input when that is -. Special tokens in it are text like any other unless --special
is given.`,
		Example: `  trainer tokenizer encode --tokenizer runs/first/tokenizer.json "fn main() {"
  trainer tokenizer encode - < main.rs`,
		PreRun: func(_ *cobra.Command, args []string) { o.Input = args[0] },
		RunE:   run(a, a.h.TokenizerEncode, func() (TokenizerOptions, error) { o.Common = a.common; return o, nil }),
	}
	tokenizerFlag(c, &o)
	c.Flags().BoolVar(&o.Special, "special", false, "recognise special tokens in the text")
	return c
}

func (a *app) tokenizerDecode() *cobra.Command {
	var o TokenizerOptions
	c := &cobra.Command{
		Use: "decode ID...", Short: "Print the text of ids", Args: cobra.MinimumNArgs(1),
		Long: `decode prints the text of ids. They are the arguments, or standard input when there
is one argument and it is -.`,
		Example: `  trainer tokenizer decode 73 82 297
  trainer tokenizer encode "fn main() {" | trainer tokenizer decode -`,
		PreRun: func(_ *cobra.Command, args []string) { o.Input = strings.Join(args, " ") },
		RunE:   run(a, a.h.TokenizerDecode, func() (TokenizerOptions, error) { o.Common = a.common; return o, nil }),
	}
	tokenizerFlag(c, &o)
	return c
}
