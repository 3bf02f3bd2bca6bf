package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Tables is the configuration as nested tables with the keys of the file.
func (c Config) Tables() map[string]any {
	var tables map[string]any
	if err := toml.Unmarshal(c.TOML(), &tables); err != nil {
		panic(fmt.Sprintf("config: %v", err)) // TOML has written it
	}
	return tables
}

// Entry is one key of the reference.
type Entry struct {
	Key     string `json:"key"`
	Default any    `json:"default"` // nil for a key that is absent by default
	Meaning string `json:"meaning"`
}

// Entries lists every key with its default and what it means.
func Entries() []Entry {
	var all []Entry
	defaults := Default().Tables()
	walk("", reflect.TypeFor[Config](), func(key string, f reflect.StructField) {
		table, name := defaults, key
		if head, rest, ok := strings.Cut(key, "."); ok {
			table, name = defaults[head].(map[string]any), rest
		}
		all = append(all, Entry{Key: key, Default: table[name], Meaning: f.Tag.Get("doc")})
	})
	return all
}
