package policy

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Mutation: dropping a token of String, the first rule winning instead of the last,
// or counting kept blocks from the wrong end fails here.

func TestBuiltinRecipes(t *testing.T) {
	require.Len(t, Names(), 14)
	for _, name := range Names() {
		r, err := Builtin(name)
		require.NoError(t, err)
		require.NoError(t, r.Validate(), name)
		require.Equal(t, name == "f32", r.IsZero(), name)
	}
	_, err := Builtin("nvfp5")
	require.ErrorContains(t, err, `"nvfp5" is unknown, want one of ["bf16" "f32"`)
	require.Panics(t, func() { MustBuiltin("nvfp5") })
	for name, random := range map[string]bool{"bf16": false, "mxfp8": false, "mxfp4_bwd": true, "nvfp4": true, "int8": true, "mxfp4_nearest": false} {
		require.Equal(t, random, MustBuiltin(name).Random(), name)
	}
}

// TestText: what a quantiser writes it reads.
func TestText(t *testing.T) {
	for _, name := range Names() {
		_, quantizers := MustBuiltin(name).Operands()
		for _, q := range quantizers {
			text, err := q.MarshalText()
			require.NoError(t, err)
			var again Quantizer
			require.NoError(t, again.UnmarshalText(text))
			require.Equal(t, q.String(), again.String())
			require.Equal(t, q.IsZero(), again.IsZero())
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		pick := func(what string, words ...string) string { return rapid.SampledFrom(words).Draw(t, what) }
		text := pick("same", "", "same/") + pick("format", "e2m1", "e4m3", "e5m2", "int8") + ":" + pick("block", "tensor", "row", "1x16", "8x8") +
			":" + pick("round", "rne", "sr") + pick("scale", "", ":pow2") + pick("outliers", "", ":occ0.99", ":pad")
		q, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, text, q.String())
	})
	for _, text := range []string{"f32", "same", "bf16:rne", "same/mxfp4:1x32:sr34:rht32fresh", "nvfp4:16x16:rne", "mxfp4:1x32:rne:quest:had32", "e2m1:row:rne:dge5", "ternary:tensor:rne"} {
		q, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, text, q.String())
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                      `format "" is unknown`,
		"fp4":                   `format "fp4" is unknown, want one of [f32 bf16 e2m1`,
		"f32:row":               "f32 takes no settings",
		"same/f32":              "f32 takes no settings",
		"e4m3:0x4":              `"0x4" is unknown`,
		"e4m3:row:1x32":         `"1x32" belongs behind the format`,
		"e4m3:rnd":              `"rnd" is unknown, want a block`,
		"e4m3:2x4":              "tensor, row, 1xN or NxN",
		"bf16:row":              "bf16 has no scales",
		"bf16:pow2":             "bf16 has no scales",
		"ternary:row":           "one scale for the tensor",
		"ternary:sr":            "round to nearest",
		"mxfp4:1x16":            "blocks of mxfp4 are 1x32",
		"mxfp4:pow2":            "pow2 is for scales of float32",
		"nvfp4:1x32":            "1x16 or 16x16",
		"nvfp4:16x16:sr":        "round to nearest",
		"nvfp4:rceil":           "nvfp4 has no scale rule rceil",
		"mxfp8:quest":           "mxfp8 has no scale rule quest",
		"mxfp4:quest:sr":        "quest rounds to nearest",
		"nvfp4:sr34":            "sr34 is for MX formats",
		"mxfp4:rht48":           "power of two",
		"nvfp4:16x16:rht16":     "turns a tile away",
		"e4m3:row:dge5":         "e2m1 with a scale for each row",
		"e2m1:row:occ0.3":       "not between 0.5 and 1",
		"e2m1:row:occ0.9:had32": "clamped or spread",
		"mxfp4:rht32:pad":       "pad does not go with",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, want, text)
	}
	var q Quantizer
	require.Error(t, q.UnmarshalText([]byte("fp4")))
}

func TestValidate(t *testing.T) {
	q := func(text string) Quantizer { return must(text) }
	for want, r := range map[string]Recipe{
		"fprop.x: there is no forward product":     {Fprop: Fprop{X: q("same")}},
		"dgrad.dy: there is no forward product":    {Dgrad: Dgrad{DY: q("same")}},
		"wgrad.x: ternary is for weights":          {Wgrad: Wgrad{X: q("ternary")}},
		"fprop.w: outliers are clamped in fprop.x": {Fprop: Fprop{W: q("e2m1:row:occ0.9")}},
		"fprop.x: the gradient estimator":          {Fprop: Fprop{X: q("e2m1:row:dge5")}},
		"wgrad.x: quest":                           {Wgrad: Wgrad{X: q("mxfp4:quest")}},
		"fprop.w: e4m3:row:sr: random rounding":    {Fprop: Fprop{W: q("e4m3:row:sr")}},
		"wgrad: the transform is on both operands": {Wgrad: Wgrad{X: q("mxfp4:rht32"), DY: q("mxfp4:had32")}},
		"dgrad: no hardware multiplies E5M2":       {Dgrad: Dgrad{W: q("mxfp8_e5m2"), DY: q("mxfp8_e5m2")}},
		"dgrad.w: f32: after a transform in fprop": {Fprop: Fprop{X: q("mxfp4:had32"), W: q("mxfp4:had32")}},
	} {
		require.ErrorContains(t, r.Validate(), want)
	}
}

// model is the linears of n blocks and a head.
func model(n int) (linears []Linear) {
	for i := range n {
		for _, name := range []string{"self_attn.q_proj", "mlp.up_proj"} {
			linears = append(linears, Linear{Path: "model.layers." + string(rune('0'+i)) + "." + name + ".weight", In: 64, Out: 128, Block: i})
		}
	}
	return append(linears, Linear{Path: "lm_head.weight", In: 64, Out: 1000, Block: -1})
}

func TestResolve(t *testing.T) {
	custom := map[string]Recipe{"mine": {Fprop: Fprop{W: must("e4m3:row")}}}
	p := Policy{Recipe: "nvfp4", Recipes: custom, KeepFirst: 1, KeepLast: Default, HighPrecision: "f32", Rules: []Rule{
		{Match: []string{"*mlp*"}, Recipe: "mine"}, {Match: []string{"*.2.mlp*", "nothing*"}, Recipe: "mxfp8"}}}
	table, err := p.Resolve(model(8))
	require.NoError(t, err)
	names := map[string]string{}
	for _, c := range table {
		names[strings.TrimSuffix(strings.TrimPrefix(c.Path, "model.layers."), ".weight")] = c.Name + " by " + c.Why
	}
	require.Equal(t, "f32 by first 1 blocks", names["0.self_attn.q_proj"])
	require.Equal(t, "nvfp4 by recipe", names["1.self_attn.q_proj"])
	require.Equal(t, "nvfp4 by recipe", names["6.self_attn.q_proj"])
	require.Equal(t, "f32 by last 1 blocks", names["7.self_attn.q_proj"]) // 13 % of 8, rounded
	require.Equal(t, "mine by rule 1", names["7.mlp.up_proj"])
	require.Equal(t, "mxfp8 by rule 2", names["2.mlp.up_proj"])
	require.Equal(t, "f32 by outside of blocks", names["lm_head"])
	require.Equal(t, custom["mine"], table.Recipe("model.layers.0.mlp.up_proj.weight"))
	require.Panics(t, func() { table.Recipe("no such weight") })
	require.True(t, table.Random())

	p.HighPrecision, p.Recipe, p.Rules = "", "mxfp8", nil
	table, err = p.Resolve(model(8))
	require.NoError(t, err)
	require.Equal(t, "bf16", table[0].Name)
	require.Equal(t, "mxfp8", table[15].Name) // the recipe keeps none
	require.False(t, table.Random())
	p.KeepFirst, p.KeepLast = 0, 0.3
	table, err = p.Resolve(model(8))
	require.NoError(t, err)
	require.Equal(t, []string{"mxfp8", "mxfp8", "bf16"}, []string{table[0].Name, table[11].Name, table[12].Name})
}

func TestResolveErrors(t *testing.T) {
	good := Policy{Recipe: "mxfp8", KeepFirst: Default, KeepLast: Default}
	for want, change := range map[string]func(p *Policy){
		`recipe "x" is unknown, want one of ["bf16"`:                                          func(p *Policy) { p.Recipe = "x" },
		`lm_head.weight: recipe y: policy: recipe "y" is unknown`:                             func(p *Policy) { p.HighPrecision = "y" },
		"policy: 9 blocks kept of 2":                                                          func(p *Policy) { p.KeepLast = 9 },
		"policy: 1.5 blocks kept of 2":                                                        func(p *Policy) { p.KeepFirst = 1.5 },
		`rule 1: no linear matches ["*router*"]`:                                              func(p *Policy) { p.Rules = []Rule{{Match: []string{"*router*"}, Recipe: "f32"}} },
		"rule 1: \"[\": syntax error":                                                         func(p *Policy) { p.Rules = []Rule{{Match: []string{"["}, Recipe: "f32"}} },
		"dgrad.dy: mxfp8:1x32:rne:rceil: 1000 values along the product are no multiple of 32": func(p *Policy) { p.HighPrecision = "mxfp8" },
		"fprop.w: e4m3:128x128:rne: 1000 values across the product are no multiple of 128": func(p *Policy) {
			p.Recipes = map[string]Recipe{"tiles": {Fprop: Fprop{W: must("e4m3:128x128")}}}
			p.HighPrecision = "tiles"
		},
	} {
		p := good
		change(&p)
		_, err := p.Resolve(model(2))
		require.ErrorContains(t, err, want)
	}
	good.HighPrecision = "fp8_block" // pads
	_, err := good.Resolve(model(2))
	require.NoError(t, err)
}

// TestBits by hand.
func TestBits(t *testing.T) {
	for text, want := range map[string]float64{
		"f32": 32, "same": 32, "bf16": 16, "mxfp4": 4.25, "mxfp8": 8.25, "nvfp4": 4.5 + 32.0/8192, "nvfp4:16x16": 4 + 8.0/256 + 32.0/8192,
		"e4m3:tensor": 8 + 32.0/8192, "e4m3:row": 8 + 32.0/128, "int8:1x64": 8.5, "e2m1:64x64": 4 + 32.0/4096, "ternary": 2 + 32.0/8192,
	} {
		q := must(text)
		require.InDelta(t, want, q.Bits(64, 128), 1e-12, text)
	}
	table, err := Policy{Recipe: "mxfp4_nearest", KeepLast: 1}.Resolve([]Linear{{"a.0.w", 64, 64, 0}, {"a.1.w", 64, 128, 1}})
	require.NoError(t, err)
	require.InDelta(t, (4.25+2*16)/3, table.Bits(), 1e-12)
	require.Zero(t, Table(nil).Bits())
}

func TestPrint(t *testing.T) {
	table, err := Policy{Recipe: "nvfp4", KeepFirst: Default, KeepLast: Default}.Resolve(model(4))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, table.Print(&out))
	require.Equal(t, `weights                                 shape    blocks  recipe  bits  because
model.layers.*.self_attn.q_proj.weight  64x128   0-2     nvfp4   4.04  recipe
model.layers.*.mlp.up_proj.weight       64x128   0-2     nvfp4   4.04  recipe
model.layers.*.self_attn.q_proj.weight  64x128   3       bf16    16    last 1 blocks
model.layers.*.mlp.up_proj.weight       64x128   3       bf16    16    last 1 blocks
lm_head.weight                          64x1000  -       bf16    16    outside of blocks

recipe  fprop x         fprop w          dgrad dy       dgrad w  wgrad dy             wgrad x
bf16    bf16:rne        bf16:rne         bf16:rne       same     bf16:rne             same
nvfp4   nvfp4:1x16:rne  nvfp4:16x16:rne  nvfp4:1x16:sr  same     nvfp4:1x16:sr:rht16  nvfp4:1x16:rne:rht16
`, out.String())
}

// TestWithForward: only the forward product changes, and what it lent to the others
// stays quantised.
func TestWithForward(t *testing.T) {
	high := MustBuiltin("bf16")
	r := MustBuiltin("nvfp4").WithForward(high)
	require.Equal(t, high.Fprop, r.Fprop)
	require.Equal(t, "nvfp4:16x16:rne", r.Dgrad.W.String())
	require.Equal(t, MustBuiltin("nvfp4").Wgrad, r.Wgrad)
	require.NoError(t, r.Validate())
	for _, name := range Names() {
		require.NoError(t, MustBuiltin(name).WithForward(high).Validate(), name)
	}
	r = operands("e2m1:row:occ0.9", "e2m1:row:dge5", "f32", "same", "f32", "same").WithForward(high)
	require.Equal(t, "e2m1:row:rne", r.Dgrad.W.String())
	require.Equal(t, "e2m1:row:rne", r.Wgrad.X.String())

	table, err := Policy{Recipe: "nvfp4", KeepLast: 1, HighPrecision: "f32"}.Resolve(model(2))
	require.NoError(t, err)
	late := table.WithForward(high)
	require.Equal(t, high.Fprop, late[0].Recipe.Fprop)
	require.True(t, late[3].Recipe.IsZero())
	require.Equal(t, MustBuiltin("nvfp4"), table[0].Recipe, "the table itself stays")
}
