package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/nanochat-go/nanochat/precision/policy"
)

// Mutation: decoding without DisallowUnknownFields makes TestErrorsNameTheKey
// fail.

func TestPresetsLoad(t *testing.T) {
	require.ElementsMatch(t, []string{"quickstart", "crates"}, Presets())
	for _, name := range Presets() {
		c, err := Load(name, "", nil)
		require.NoError(t, err, name)
		require.Zero(t, c.Train.Steps, "a preset's budget replaces the default")
	}
	_, err := Load("quickstrat", "", nil)
	require.ErrorContains(t, err, "there are crates, quickstart")
}

func TestErrorsNameTheKey(t *testing.T) {
	cases := []struct{ text, want string }{
		{"[model]\nlayers = 2\nlayer = 3\n", `:3: unknown key "model.layer"; the nearest is "model.layers"`},
		{"[modle]\ndim = 3\n", `:1: unknown key "modle"`},
		{"[model]\nlayers = \"two\"\n", ":2: key model.layers: want a whole number, not a TOML string"},
		{"[model]\nternary = 1\n", ":2: key model.ternary: want true or false, not a TOML integer"},
		{"[optim]\nrule = 1\n", ":2: key optim.rule: want a string"},
		{"[optim]\nlr = \"fast\"\n", ":2: key optim.lr: want a number"},
		{"seed = 1.5\n", ":1: key seed: "},
		{"[train]\ntime = \"3 minutes\"\n", `"3 minutes" is not a duration`},
		{"[train\n", ":1: "},
		{"[data]\nsources = []\n", "data.sources is empty"},
		{"[model]\nheads = 3\nkv_heads = 2\n", "model.kv_heads: 3 query heads over 2 key-value heads, want a whole number of query heads"},
		{"[model]\nhead_dim = 5\n", "model.head_dim: head dimension 5, want a positive even number"},
		{"[model]\nlayers = 0\n", "model.layers: 0 layers, want at least 1"},
		{"[model]\nmlp = \"gelu\"\n", `model.mlp: MLP "gelu", want one of ["swiglu" "relu2glu" "relu2" "silu"]`},
		{"[model]\nqk_scale = 1.2\n", "model.qk_scale: QK scale 1.2 without QK-norm"},
		{"[model]\nwindow_pattern = \"LM\"\n", `model.window_pattern: window pattern "LM", want letters S (window) and L (all)`},
		{"[model]\ninit = \"zero\"\n", `model.init: initial values "zero", want "" or "nanochat"`},
		{"[model.rope_scaling]\nkind = \"linear\"\n", "model.rope_scaling.factor: RoPE scaling factor 0, want more than 0"},
		{"[model]\nremat = -1\n", "model.remat: -1 sublayers recomputed together"},
		{"[train]\nsteps = 0\n", "at least one of steps, tokens and time"},
		{"[optim]\nstate = \"int8\"\n", `optim.state = "int8", want one of ["float32" "bfloat16" "linear8" "dynamic8"]`},
		{"[optim.space]\nkind = \"low\"\n", `optim.space.kind = "low", want one of ["full" "galore" "q-galore" "random" "foam"]`},
		{"[optim.space]\nrank = 0\n", "optim.space: rank 0 and every 200, want 1 and 0 or more"},
		{"[optim.space]\nkind = \"q-galore\"\nevery = 0\n", "q-galore wants a period"},
		{"[optim.space]\nevery = -1\n", "and every -1, want 1 and 0 or more"},
		{"[optim.space]\nscale = 0.0\n", "optim.space.scale = 0, want more than 0"},
		{"[optim.space]\nlevel = 31\n", "optim.space.level = 31, want 0 to 30"},
		{"[optim]\nstate_block = 1\n", "optim.state_block = 1, want 2 or more"},
		{"[optim]\nstate = \"linear8\"\nrule = \"adamw\"\n", `optim.state = "linear8" would lose adamw's small second moments`},
		{"[optim]\north_dtype = \"float16\"\n", `optim.orth_dtype = "float16", want one of ["float32" "bfloat16"]`},
		{"[optim]\nhealth_every = -1\n", "optim.health_every = -1, want 0 (none) or more"},
		{"[optim]\nmomentum_start = 1.0\n", "optim.momentum_start = 1, want [0, 1)"},
		{"[optim]\nmomentum_warmup = -1\n", "optim.momentum_warmup = -1, want 0 or more"},
		{"[optim]\nrule = \"adam\"\n", `optim.rule = "adam", want one of ["muon" "adamw" "lion" "sgd"]`},
		{"[tokenizer]\nvocab = 100\n", "tokenizer.vocab = 100, want 259"},
		{"[model.loop]\nloops = 0\n", "model.loop.loops = 0, want 1 or more"},
		{"[model.loop]\ngate = \"rust\"\n", `model.loop.gate = "rust", want one of ["ouro" "uniform" "last"]`},
		{"[model.loop]\nbeta = -1.0\n", "model.loop.beta = -1"},
		{"[model.mtp]\nenabled = true\nheads = 256\n", "model.mtp.heads = 256, want fewer than the 256 tokens of model.context"},
		{"[model.mtp]\nheads = 0\n", "model.mtp.heads = 0, want 1 or more"},
		{"[model.mtp]\nheads = 3\n", "model.mtp.weights has 2 values for 3 heads"},
		{"[model.mtp]\nweights = [1, -1]\n", "model.mtp.weights[1] = -1"},
		{"[model.mtp]\nkind = \"meta\"\n", `model.mtp.kind = "meta", want one of ["parallel" "sequential" "shared"]`},
		{"[model.mtp]\ncurriculum = \"up\"\n", `curriculum "up"`},
		{"[model.mtp]\nkind = \"shared\"\nenabled = true\n[model.loop]\nenabled = true\n", "enable one of the two"},
		{"[model.moe]\nenabled = true\n", "unknown key"},
		{"[model.mhc]\nlanes = 2\n", "unknown key"},
		{"[model.mhc]\nenabled = true\nstreams = 5\n", `model.mhc.streams: 5 streams with mixing "birkhoff", want at most 4`},
		{"[model.mhc]\nenabled = true\nstreams = 1\n", "model.mhc.streams = 1, want 2 or more"},
		{"[model.mhc]\nenabled = true\nmixing = \"wild\"\n", `model.mhc.mixing: mixing "wild", want one of`},
		{"[model.mhc]\nenabled = true\niterations = 0\n", "model.mhc.iterations = 0"},
		{"[model.mhc]\nenabled = true\noff_diagonal = 2.0\n", "model.mhc.off_diagonal: initial logit 2"},
	}
	for _, c := range cases {
		path := filepath.Join(t.TempDir(), "run.toml")
		require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
		_, err := Load("", path, nil)
		require.ErrorContains(t, err, c.want)
	}
	_, err := Load("", "", []string{"model.dim=0", "train.batch=0"})
	require.ErrorContains(t, err, "dimension 0")
	require.ErrorContains(t, err, "train.batch = 0")
}

func TestSet(t *testing.T) {
	c, err := Load("quickstart", "", []string{
		"model.layers=2", "train.steps = 7", "optim.rule=adamw", `optim.lr=1e-3`, "model.ternary=false", `export.formats=[]`,
		`data.sources=[{dir="x"}]`, "tokenizer.path=a b.json",
	})
	require.NoError(t, err)
	require.Equal(t, 2, c.Model.Layers)
	require.Equal(t, 7, c.Train.Steps)
	require.Zero(t, c.Train.Time, "one budget replaces the other")
	require.Equal(t, "adamw", c.Optim.Rule)
	require.False(t, c.Model.Ternary)
	require.Empty(t, c.Export.Formats)
	require.Equal(t, []Source{{Dir: "x"}}, c.Data.Sources)
	require.Equal(t, "a b.json", c.Tokenizer.Path)
	for setting, want := range map[string]string{
		"model.layers": "key=value", "model.layer=2": `the nearest is "model.layers"`, "model.layers=x": "--set model.layers=x: key model.layers: want a whole number", "model=3": "unknown key",
	} {
		_, err := Load("", "", []string{setting})
		require.ErrorContains(t, err, want)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Default()
		c.Seed = rapid.Int64().Draw(t, "seed")
		c.Model.Ternary = rapid.Bool().Draw(t, "ternary")
		c.Optim.LR = rapid.Float64Range(1e-9, 1).Draw(t, "lr")
		c.Train.Steps, c.Train.Time = 0, Duration(rapid.Int64Range(1, 1e15).Draw(t, "time"))
		c.Tokenizer.Path = rapid.String().Filter(func(s string) bool { return !strings.ContainsRune(s, 0xfffd) }).Draw(t, "path")
		c.Data.Sources = append(c.Data.Sources, Source{Parquet: "p", Column: "text"}, Source{Dir: "d"})
		c.Optim.Groups = []Group{{Match: []string{"*embed*"}, Rule: "adamw", LR: 1}}
		c.Precision.Recipes = map[string]policy.Recipe{"mine": policy.MustBuiltin(rapid.SampledFrom(policy.Names()).Draw(t, "recipe"))}
		c.Precision.Modules = []policy.Rule{{Match: []string{"*mlp*"}, Recipe: "mine"}}
		var again Config
		require.NoError(t, again.merge(c.TOML(), "text"))
		require.Equal(t, c, again)
		require.Equal(t, c.Hash(), again.Hash())
	})
}

func TestReferenceIsTheDefault(t *testing.T) {
	var c Config
	require.NoError(t, c.merge(Reference(), "reference"))
	require.Equal(t, Default(), c)
	for _, key := range Keys() {
		name := key[strings.LastIndex(key, ".")+1:]
		if name != "groups" && name != "recipes" && name != "modules" { // absent by default
			require.Contains(t, string(Reference()), name+" = ", key)
		}
	}
	require.NotContains(t, string(Reference()), "\n\n\n")
}

func TestPrecision(t *testing.T) {
	table := func(set ...string) policy.Table {
		c, err := Load("", "", set)
		require.NoError(t, err)
		table, err := c.Linears(c.LM(1024))
		require.NoError(t, err)
		return table
	}
	const up = "model.layers.%d.mlp.up_proj.weight"
	at := func(table policy.Table, block int) policy.Recipe { return table.Recipe(fmt.Sprintf(up, block)) }
	require.True(t, at(table(), 0).IsZero())
	require.Equal(t, policy.MustBuiltin("ternary"), at(table("model.ternary=true"), 0))
	require.Equal(t, policy.MustBuiltin("nvfp4"), at(table("precision.recipe=nvfp4"), 2))
	require.Equal(t, policy.MustBuiltin("bf16"), at(table("precision.recipe=nvfp4"), 3)) // the last of four: its paper's share
	require.Equal(t, policy.MustBuiltin("nvfp4"), at(table("precision.recipe=nvfp4", "precision.keep_last_blocks=0"), 3))
	require.Equal(t, policy.MustBuiltin("mxfp8"), at(table("precision.recipe=nvfp4", "precision.keep_first_blocks=1", "precision.high_precision=mxfp8"), 0))

	late, err := Default().LateLinears(Default().LM(1024))
	require.NoError(t, err)
	require.Nil(t, late)
	c, err := Load("", "", []string{"precision.recipe=nvfp4", "precision.forward_high_after=0.8"})
	require.NoError(t, err)
	late, err = c.LateLinears(c.LM(1024))
	require.NoError(t, err)
	require.Equal(t, policy.MustBuiltin("nvfp4").WithForward(policy.MustBuiltin("bf16")), at(late, 0))

	file := filepath.Join(t.TempDir(), "c.toml")
	require.NoError(t, os.WriteFile(file, []byte(`
[precision]
recipe = "fp8_row"
[precision.recipes.mine]
fprop = { x = "e4m3:row", w = "nvfp4:16x16" }
[[precision.modules]]
match = ["*mlp*"]
recipe = "mine"
`), 0o644))
	c, err = Load("", file, nil)
	require.NoError(t, err)
	mine, err := c.Linears(c.LM(1024))
	require.NoError(t, err)
	require.Equal(t, "nvfp4:16x16:rne", at(mine, 0).Fprop.W.String())
	require.Equal(t, policy.MustBuiltin("fp8_row"), mine.Recipe("model.layers.0.self_attn.q_proj.weight"))

	for set, want := range map[string]string{
		"precision.recipe=nvfp5":               `[precision]: policy: recipe "nvfp5" is unknown`,
		"precision.recipe=ternary":             "a ternary model, which is exported and served as one",
		"precision.keep_last_blocks=9":         "9 blocks kept of 4",
		"precision.forward_high_after=1":       "precision.forward_high_after = 1",
		"precision.mode=real":                  `precision.mode = "real"`,
		"precision.modules=[{match=[\"*x\"]}]": "no linear matches",
		"precision.high_precision=f16":         "", // nothing is kept
	} {
		_, err := Load("", "", []string{set})
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
	_, err = Load("", "", []string{"precision.recipe=nvfp4", "model.ternary=true"})
	require.ErrorContains(t, err, "trained by the recipe ternary and no other")
	_, err = Load("", "", []string{"precision.recipe=mxfp8", "model.hidden=100"})
	require.ErrorContains(t, err, "dgrad.dy: mxfp8:1x32:rne:rceil: 100 values along the product are no multiple of 32")
}

// TestReadmeExample: the configuration in the README resolves.
func TestReadmeExample(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(readme), "```toml\n[precision]")
	require.True(t, ok)
	text, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	file := filepath.Join(t.TempDir(), "c.toml")
	require.NoError(t, os.WriteFile(file, []byte("[precision]"+text), 0o644))
	c, err := Load("", file, nil)
	require.NoError(t, err)
	table, err := c.Linears(c.LM(1024))
	require.NoError(t, err)
	require.Equal(t, "mine", table[4].Name)
	require.Equal(t, "e5m2:row:sr", table[4].Recipe.Dgrad.DY.String())
}

// TestModelKeysAct: every key of [model] reaches the model.
func TestModelKeysAct(t *testing.T) {
	var check func(v reflect.Value, path string, set func(change func(v reflect.Value)) Config)
	check = func(v reflect.Value, path string, set func(change func(v reflect.Value)) Config) {
		for i := range v.NumField() {
			name := path + v.Type().Field(i).Name
			if name == "Loop" || name == "MTP" { // they act on what is trained too: TestObjective of package command
				continue
			}
			at := func(change func(v reflect.Value)) Config { return set(func(v reflect.Value) { change(v.Field(i)) }) }
			if v.Field(i).Kind() == reflect.Struct { // a technique, whose keys act when it is enabled
				check(v.Field(i), name+".", func(change func(v reflect.Value)) Config {
					return at(func(v reflect.Value) {
						if e := v.FieldByName("Enabled"); e.IsValid() {
							e.SetBool(true)
						}
						change(v)
					})
				})
				continue
			}
			base := set(func(reflect.Value) {}).LM(1024)
			c := at(func(v reflect.Value) {
				switch v.Kind() {
				case reflect.Bool:
					v.SetBool(!v.Bool())
				case reflect.Int:
					v.SetInt(v.Int() + 3)
				case reflect.Float64:
					v.SetFloat(v.Float() + 0.5)
				case reflect.String:
					v.SetString(v.String() + "S")
				}
			})
			require.NotEqual(t, base, c.LM(1024), name)
		}
	}
	check(reflect.ValueOf(Default().Model), "", func(change func(v reflect.Value)) Config {
		c := Default()
		change(reflect.ValueOf(&c.Model).Elem())
		return c
	})
}
