package bpe_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/nanochat-go/nanochat/hub/bpe"
)

func ExampleTrain() {
	docs := slices.Values([][]byte{[]byte("low lower lowest low lower"), []byte("low low")})
	tok, err := bpe.Train(docs, bpe.Config{VocabSize: 261, Special: []string{"<|bos|>"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ids := tok.Encode(nil, []byte(" lower"))
	for _, id := range ids {
		fmt.Printf("%q ", tok.Token(id))
	}
	fmt.Println(string(tok.Decode(ids)))
	_, err = bpe.Train(docs, bpe.Config{VocabSize: 1000})
	fmt.Println(err)
	// Output:
	// " lowe" "r"  lower
	// bpe: the text supports 5 merges and with them a vocabulary of at most 261 tokens, 1000 were asked for: lower the vocabulary size or give more text
}

func ExampleLoad() {
	docs := slices.Values([][]byte{[]byte("fn main() { main() }")})
	tok, err := bpe.Train(docs, bpe.Config{VocabSize: 260, Split: bpe.GPT2})
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "tokenizer.json")
	if err := tok.WriteFile(path); err != nil {
		fmt.Println(err)
		return
	}
	loaded, err := bpe.Load(path)
	fmt.Println(err, loaded.Split(), loaded.VocabSize(), loaded.Hash() == tok.Hash())
	// Output: <nil> gpt2 260 true
}

// Special tokens are read as such only on request.
func ExampleTokenizer_EncodeSpecial() {
	docs := slices.Values([][]byte{[]byte("let let let")})
	tok, err := bpe.Train(docs, bpe.Config{VocabSize: 260, Special: []string{"<|bos|>"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	text := []byte("<|bos|>let")
	fmt.Println(len(tok.Encode(nil, text)), len(tok.EncodeSpecial(nil, text)))
	// Output: 8 2
}
