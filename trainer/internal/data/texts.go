package data

import (
	"context"
	"iter"
)

// Texts yields the training documents as text, special tokens left out.
func (p *Prepared) Texts(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		special := map[int32]bool{}
		for _, name := range p.Tokenizer.Special() {
			id, _ := p.Tokenizer.ID(name)
			special[id] = true
		}
		for i := range p.Train.NumDocs() {
			err := ctx.Err()
			var ids []int32
			if err == nil {
				ids, err = p.Train.Doc(i)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			kept := ids[:0:0]
			for _, id := range ids {
				if !special[id] {
					kept = append(kept, id)
				}
			}
			if !yield(p.Tokenizer.Decode(kept), nil) {
				return
			}
		}
	}
}
