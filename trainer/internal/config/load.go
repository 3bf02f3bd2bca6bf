package config

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

//go:embed presets/*.toml
var presets embed.FS

// Presets lists the names of the embedded presets.
func Presets() []string {
	var names []string
	files, _ := fs.Glob(presets, "presets/*.toml")
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".toml"))
	}
	return names
}

// Load builds the effective configuration from a preset ("" for none), a file
// ("" for none) and settings of the form key=value.
func Load(preset, file string, set []string) (Config, error) {
	c := Default()
	if preset != "" {
		text, err := presets.ReadFile("presets/" + preset + ".toml")
		if err != nil {
			return c, fmt.Errorf("no preset %q: there are %s", preset, strings.Join(Presets(), ", "))
		}
		if err := c.mergeBudget(text, "preset "+preset); err != nil {
			return c, err
		}
	}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return c, fmt.Errorf("reading the configuration: %w: name a file that exists, or make one with trainer config", err)
		}
		if err := c.mergeBudget(text, file); err != nil {
			return c, err
		}
	}
	if slices.ContainsFunc(set, setsBudget) {
		c.Train.Steps, c.Train.Tokens, c.Train.Time = 0, 0, 0
	}
	for _, s := range set {
		if err := c.Set(s); err != nil {
			return c, err
		}
	}
	return c, c.Validate()
}

// budgetKeys are the limits of a run. A source of settings that has one of
// them replaces all limits of the sources before it.
var budgetKeys = []string{"steps", "tokens", "time"}

// setsBudget says whether a setting key=value is a limit of the run.
func setsBudget(setting string) bool {
	key, _, _ := strings.Cut(setting, "=")
	name, ok := strings.CutPrefix(strings.TrimSpace(key), "train.")
	return ok && slices.Contains(budgetKeys, name)
}

// mergeBudget is merge for a whole file.
func (c *Config) mergeBudget(text []byte, name string) error {
	var given struct {
		Train map[string]any
	}
	_ = toml.Unmarshal(text, &given) // merge reports errors
	for _, key := range budgetKeys {
		if _, ok := given.Train[key]; ok {
			c.Train.Steps, c.Train.Tokens, c.Train.Time = 0, 0, 0
		}
	}
	return c.merge(text, name)
}

// merge decodes text over c. A list in text replaces the one before it.
func (c *Config) merge(text []byte, name string) error {
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	where := func(line int) string { // a setting has no lines
		if strings.HasPrefix(name, setPrefix) {
			return name
		}
		return fmt.Sprintf("%s:%d", name, line)
	}
	err := d.Decode(c)
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		var errs []error
		for _, e := range unknown.Errors {
			line, _ := e.Position()
			errs = append(errs, unknownKey(where(line), strings.Join(e.Key(), ".")))
		}
		return errors.Join(errs...)
	case errors.As(err, &wrong):
		line, _ := wrong.Position()
		return wrongValue(where(line), strings.Join(wrong.Key(), "."), strings.TrimPrefix(wrong.Error(), "toml: "))
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

var wrongType = regexp.MustCompile(`^cannot decode TOML (\w+) into struct field \S+ of type (\S+)$`)

// goTypes names the types of keys for people.
var goTypes = map[string]string{"int": "a whole number", "int64": "a whole number", "float64": "a number", "bool": "true or false", "string": "a string in quotes"}

// wrongValue says what is wrong with the value of a key, or with the file when
// there is no key yet.
func wrongValue(where, key, reason string) error {
	if key == "" {
		return fmt.Errorf("%s: %s", where, reason)
	}
	if m := wrongType.FindStringSubmatch(reason); m != nil && goTypes[m[2]] != "" {
		reason = fmt.Sprintf("want %s, not a TOML %s", goTypes[m[2]], m[1])
	}
	return fmt.Errorf("%s: key %s: %s", where, key, reason)
}

// unknownKey names a key that does not exist and the one that was probably
// meant.
func unknownKey(where, key string) error {
	nearest, best := "", 1<<30
	for _, k := range Keys() {
		if d := distance(key, k); d < best {
			nearest, best = k, d
		}
	}
	return fmt.Errorf("%s: unknown key %q; the nearest is %q", where, key, nearest)
}

// setPrefix begins the name of a setting in errors.
const setPrefix = "--set "

// Set applies one setting key=value. The value is TOML; a bare word is taken as
// a string.
func (c *Config) Set(setting string) error {
	key, value, ok := strings.Cut(setting, "=")
	if !ok {
		return fmt.Errorf("--set %s: want key=value", setting)
	}
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	where := setPrefix + setting
	if !slices.Contains(Keys(), key) {
		return unknownKey(where, key)
	}
	parts := strings.Split(key, ".")
	table := ""
	if len(parts) > 1 {
		table = "[" + strings.Join(parts[:len(parts)-1], ".") + "]\n"
	}
	text := func(v string) []byte { return []byte(table + parts[len(parts)-1] + " = " + v + "\n") }
	var probe map[string]any
	v := value
	if toml.Unmarshal(text(v), &probe) != nil {
		v = fmt.Sprintf("%q", value)
	}
	return c.merge(text(v), where)
}

// Keys lists every key that a file may have, dotted.
func Keys() []string {
	var keys []string
	walk("", reflect.TypeFor[Config](), func(key string, _ reflect.StructField) { keys = append(keys, key) })
	return keys
}

// walk calls visit for every leaf of a configuration struct.
func walk(prefix string, t reflect.Type, visit func(key string, f reflect.StructField)) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		if f.Type.Kind() == reflect.Struct {
			walk(prefix+name+".", f.Type, visit)
			continue
		}
		visit(prefix+name, f)
	}
}

// distance is the Levenshtein distance; a shared last part counts as near.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// TOML is the configuration as a file that Load reads back to the same value.
func (c Config) TOML() []byte {
	var b bytes.Buffer
	e := toml.NewEncoder(&b)
	e.SetIndentTables(false)
	if err := e.Encode(c); err != nil {
		panic(fmt.Sprintf("config: %v", err)) // every field has a TOML form
	}
	return b.Bytes()
}

// Hash identifies the configuration.
func (c Config) Hash() string {
	sum := sha256.Sum256(c.TOML())
	return hex.EncodeToString(sum[:])
}

// Reference is a file with every key, its default and what it means.
func Reference() []byte {
	docs := map[string]string{}
	walk("", reflect.TypeFor[Config](), func(key string, f reflect.StructField) { docs[key] = f.Tag.Get("doc") })
	var b bytes.Buffer
	table := ""
	for line := range strings.Lines(string(Default().TOML())) {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "[[") {
			table = strings.Trim(text, "[]") + "."
		}
		if name, _, ok := strings.Cut(text, " = "); ok && docs[table+name] != "" {
			fmt.Fprintf(&b, "# %s\n", docs[table+name])
		}
		b.WriteString(line)
	}
	return b.Bytes()
}
