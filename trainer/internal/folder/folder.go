package folder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/hub/safetensors"

	"github.com/nanochat-go/nanochat/trainer/internal/data"
	"github.com/nanochat-go/nanochat/trainer/internal/run"
)

// ConfigFile is what makes a directory a model's folder.
const ConfigFile = "config.json"

// Folder is an open model.
type Folder struct {
	LM        lm.Config
	Tokenizer *bpe.Tokenizer // nil when the folder has none
	Begin     []int32        // ids that begin every text
	Stop      []int32        // ids that end one

	weights *safetensors.Folder
}

// Is says whether dir is laid out as a model's folder.
func Is(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ConfigFile))
	return err == nil
}

// Open opens the model in dir. Close it after use.
func Open(dir string) (*Folder, error) {
	text, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return nil, err
	}
	f := &Folder{}
	if f.LM, err = lm.ConfigFromHF(text); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if err := f.readTokens(dir, text); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if f.weights, err = safetensors.OpenFolder(dir); err != nil {
		return nil, err
	}
	if err := f.LM.CheckNames(f.weights.Names()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), f.Close())
	}
	return f, nil
}

// Source serves the weights.
func (f *Folder) Source() lm.Source { return run.FileSource{Weights: f.weights} }

// Close releases the files.
func (f *Folder) Close() error { return f.weights.Close() }

// specials are the special tokens of a config.json or generation_config.json.
type specials struct {
	BOS json.RawMessage `json:"bos_token_id"`
	EOS json.RawMessage `json:"eos_token_id"`
}

// readTokens reads the tokenizer and which tokens begin and end a text.
func (f *Folder) readTokens(dir string, config []byte) error {
	var c, generation specials
	if err := json.Unmarshal(config, &c); err != nil {
		return fmt.Errorf("%s: %w", ConfigFile, err)
	}
	if err := optional(dir, "generation_config.json", &generation); err != nil {
		return err
	}
	stop := ids(generation.EOS)
	if stop == nil {
		stop = ids(c.EOS)
	}
	f.Stop = stop
	raw, err := os.ReadFile(filepath.Join(dir, "tokenizer.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.Tokenizer, err = bpe.Parse(raw); err != nil {
		return err
	}
	if n := f.Tokenizer.VocabSize(); n > f.LM.VocabSize {
		return fmt.Errorf("tokenizer.json has %d tokens, the model %d", n, f.LM.VocabSize)
	}
	var settings struct {
		AddBOS *bool `json:"add_bos_token"`
	}
	if err := optional(dir, "tokenizer_config.json", &settings); err != nil {
		return err
	}
	bos := ids(c.BOS)
	if len(bos) != 1 {
		return nil
	}
	own, isOwn := f.Tokenizer.ID(data.BOS)
	begins := isOwn && own == bos[0] || templateAdds(raw, bos[0])
	if settings.AddBOS != nil {
		begins = *settings.AddBOS
	}
	if begins {
		f.Begin = bos
	}
	return nil
}

// optional decodes a file that may be absent.
func optional(dir, name string, into any) error {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// ids reads an id, a list of ids or null.
func ids(raw json.RawMessage) []int32 {
	var one int32
	var many []int32
	switch {
	case len(raw) == 0 || string(raw) == "null":
	case json.Unmarshal(raw, &many) == nil:
		return many
	case json.Unmarshal(raw, &one) == nil:
		return []int32{one}
	}
	return nil
}

// templateAdds says whether the post-processor of a tokenizer.json puts the
// token at the beginning of a text.
func templateAdds(tokenizer []byte, id int32) bool {
	type step struct {
		Special *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
	}
	type processor struct {
		Single   []step `json:"single"`
		Specials map[string]struct {
			IDs []int32 `json:"ids"`
		} `json:"special_tokens"`
		Processors []json.RawMessage `json:"processors"`
	}
	var f struct {
		Post json.RawMessage `json:"post_processor"`
	}
	if json.Unmarshal(tokenizer, &f) != nil {
		return false
	}
	queue := []json.RawMessage{f.Post}
	for len(queue) > 0 {
		var p processor
		if d := json.NewDecoder(bytes.NewReader(queue[0])); d.Decode(&p) == nil {
			queue = append(queue, p.Processors...)
			if len(p.Single) > 0 && p.Single[0].Special != nil {
				first := p.Specials[p.Single[0].Special.ID].IDs
				if len(first) > 0 && first[0] == id {
					return true
				}
			}
		}
		queue = queue[1:]
	}
	return false
}
