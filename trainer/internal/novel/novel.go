package novel

import (
	"hash/maphash"
	"iter"

	"github.com/nanochat-go/nanochat/evalrust/extract"
	"github.com/nanochat-go/nanochat/evalrust/rustlex"
)

var seed = maphash.MakeSeed()

// fingerprint is the hash of a source's tokens without comments and layout.
func fingerprint(source string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, t := range rustlex.Code(source) {
		h.WriteString(t.Text)
		h.WriteByte(0)
	}
	return h.Sum64()
}

// functions are the fingerprints of the items of a source that hold functions.
func functions(source string) []uint64 {
	var prints []uint64
	for _, item := range extract.Items(source) {
		if item.Functions > 0 {
			prints = append(prints, fingerprint(source[item.Start:item.End]))
		}
	}
	return prints
}

// Unseen says of each source whether it holds functions and none of them
// occurs in the documents. The documents' first error ends the search.
func Unseen(sources []string, documents iter.Seq2[[]byte, error]) ([]bool, error) {
	holders := map[uint64][]int{}
	unseen := make([]bool, len(sources))
	for i, s := range sources {
		prints := functions(s)
		unseen[i] = len(prints) > 0
		for _, p := range prints {
			holders[p] = append(holders[p], i)
		}
	}
	for text, err := range documents {
		if err != nil {
			return nil, err
		}
		if len(holders) == 0 {
			break
		}
		for _, p := range functions(string(text)) {
			for _, i := range holders[p] {
				unseen[i] = false
			}
			delete(holders, p)
		}
	}
	return unseen, nil
}
