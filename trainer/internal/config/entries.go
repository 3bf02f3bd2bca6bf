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

// Differences lists the keys in which two configurations differ.
func Differences(a, b Config) []string {
	var keys []string
	x, y := a.Tables(), b.Tables()
	for _, key := range Keys() {
		if !reflect.DeepEqual(lookup(x, key), lookup(y, key)) {
			keys = append(keys, key)
		}
	}
	return keys
}

// lookup is the value of a dotted key in nested tables, nil if it is absent.
func lookup(tables map[string]any, key string) any {
	head, rest, nested := strings.Cut(key, ".")
	if !nested {
		return tables[key]
	}
	inner, _ := tables[head].(map[string]any)
	return lookup(inner, rest)
}

// Entries lists every key with its default and what it means.
func Entries() []Entry {
	var all []Entry
	defaults := Default().Tables()
	walk("", reflect.TypeFor[Config](), func(key string, f reflect.StructField) {
		all = append(all, Entry{Key: key, Default: lookup(defaults, key), Meaning: f.Tag.Get("doc")})
	})
	return all
}
