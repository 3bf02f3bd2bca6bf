package export

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// specialIDs are the ids of the special tokens, nil for none.
type specialIDs struct{ bos, eos, pad *int32 }

// tokenizerFile is the part of tokenizer.json that is checked.
type tokenizerFile struct {
	Added []struct {
		ID      int32  `json:"id"`
		Content string `json:"content"`
	} `json:"added_tokens"`
	Model struct {
		Vocab map[string]int32 `json:"vocab"`
	} `json:"model"`
}

// addedToken is an entry of added_tokens_decoder.
type addedToken struct {
	Content    string `json:"content"`
	LStrip     bool   `json:"lstrip"`
	Normalized bool   `json:"normalized"`
	RStrip     bool   `json:"rstrip"`
	SingleWord bool   `json:"single_word"`
	Special    bool   `json:"special"`
}

type tokenizerConfig struct {
	Class   string                `json:"tokenizer_class"`
	Length  int                   `json:"model_max_length"`
	BOS     *string               `json:"bos_token"`
	EOS     *string               `json:"eos_token"`
	PAD     *string               `json:"pad_token"`
	UNK     *string               `json:"unk_token"`
	Added   map[string]addedToken `json:"added_tokens_decoder"`
	CleanUp bool                  `json:"clean_up_tokenization_spaces"`
}

type generationConfig struct {
	BOS *int32 `json:"bos_token_id,omitempty"`
	EOS *int32 `json:"eos_token_id,omitempty"`
	PAD *int32 `json:"pad_token_id,omitempty"`
}

// readTokenizer checks tokenizer.json against the model and looks up the
// special tokens.
func (o Options) readTokenizer(s Spec) (ids specialIDs, c tokenizerConfig, err error) {
	var f tokenizerFile
	if err := json.Unmarshal(o.Tokenizer, &f); err != nil {
		return ids, c, fmt.Errorf("export: tokenizer.json: %w", err)
	}
	used := map[int32]bool{}
	for _, id := range f.Model.Vocab {
		used[id] = true
	}
	special := map[string]int32{}
	c = tokenizerConfig{Class: "PreTrainedTokenizerFast", Length: s.Context, Added: map[string]addedToken{}}
	for _, a := range f.Added {
		used[a.ID] = true
		special[a.Content] = a.ID
		c.Added[strconv.Itoa(int(a.ID))] = addedToken{Content: a.Content, Special: true}
	}
	for id := range int32(len(used)) {
		if !used[id] {
			return ids, c, fmt.Errorf("export: tokenizer.json: %d ids, but none of them is %d: they must count from 0", len(used), id)
		}
	}
	if len(used) == 0 || len(used) > s.VocabSize {
		return ids, c, fmt.Errorf("export: tokenizer.json has %d tokens, the model has %d", len(used), s.VocabSize)
	}
	for _, t := range []struct {
		role, content string
		id            **int32
		name          **string
	}{{"BOS", o.BOS, &ids.bos, &c.BOS}, {"EOS", o.EOS, &ids.eos, &c.EOS}, {"PAD", o.PAD, &ids.pad, &c.PAD}} {
		if t.content == "" {
			continue
		}
		id, ok := special[t.content]
		if !ok {
			return ids, c, fmt.Errorf("export: %s token %q is not among the added tokens of tokenizer.json", t.role, t.content)
		}
		*t.id, *t.name = &id, &t.content
	}
	return ids, c, nil
}
