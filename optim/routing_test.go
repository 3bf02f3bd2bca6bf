package optim_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/muon"
)

// Mutation: letting the last group that fits take a parameter, or dropping the
// call of idle in assign, fails here.

// model is a small list of parameters of every class.
var modelParams = []optim.Param{
	{Name: "model/embed_tokens", Shape: []int{10, 4}, Class: "embedding", FanIn: 0, FanOut: 1},
	{Name: "model/layers.0/q_proj", Shape: []int{4, 4}, Class: "matrix", FanIn: 0, FanOut: 1},
	{Name: "model/layers.0/norm", Shape: []int{4}, Class: "vector", FanIn: -1, FanOut: -1},
	{Name: "model/layers.1/q_proj", Shape: []int{4, 4}, Class: "matrix", FanIn: 0, FanOut: 1},
	{Name: "model/layers.1/norm", Shape: []int{4}, Class: "vector", FanIn: -1, FanOut: -1},
}

func TestRouting(t *testing.T) {
	momentum := 0.5
	o, err := optim.New(modelParams, optim.Config{Groups: []optim.Group{
		{Match: []string{"*layers.1*proj"}, Rule: adamw.New(), LR: 3, WeightDecay: 0.25},
		{Class: []string{"matrix"}, Rule: muon.New(), LR: 2, Momentum: &momentum},
		{Match: []string{"model.*.norm", "nothing"}, Class: []string{"embedding"}, Rule: adamw.New(), LR: 1},
	}})
	require.NoError(t, err)
	require.Equal(t, ""+
		"parameter              shape   class      rule   lr  decay  state    bytes\n"+
		"model/embed_tokens     [10 4]  embedding  adamw  1   0      float32  320\n"+
		"model/layers.0/q_proj  [4 4]   matrix     muon   2   0      float32  64\n"+
		"model/layers.0/norm    [4]     vector     adamw  1   0      float32  32\n"+
		"model/layers.1/q_proj  [4 4]   matrix     adamw  3   0.25   float32  128\n"+
		"model/layers.1/norm    [4]     vector     adamw  1   0      float32  32\n", o.Table())
	require.Equal(t, "muon", o.RuleOf("model/layers.0/q_proj"))
	require.Empty(t, o.RuleOf("lm_head"))
}

func TestRoutingErrors(t *testing.T) {
	all := optim.Group{Rule: adamw.New(), LR: 1}
	matrices := optim.Group{Class: []string{"matrix"}, Rule: muon.New(), LR: 1}
	match := func(globs ...string) optim.Group { return optim.Group{Match: globs, Rule: adamw.New(), LR: 1} }
	one := 1.0
	for name, c := range map[string]struct {
		cfg  optim.Config
		want string
	}{
		"no groups":          {optim.Config{}, "no groups: want at least one"},
		"no rule":            {optim.Config{Groups: []optim.Group{{LR: 1}}}, "group 0 has no rule"},
		"no rate":            {optim.Config{Groups: []optim.Group{{Rule: adamw.New()}}}, "group 0: learning rate 0, want a number above 0"},
		"NaN rate":           {optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: math.NaN()}}}, "learning rate NaN"},
		"negative decay":     {optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 1, WeightDecay: -1}}}, "weight decay -1"},
		"momentum":           {optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 1, Momentum: &one}}}, "momentum 1, want [0, 1)"},
		"bad glob":           {optim.Config{Groups: []optim.Group{match("[")}}, `pattern "["`},
		"negative clip":      {optim.Config{Groups: []optim.Group{all}, Clip: -1}, "clip -1"},
		"clip of a group":    {optim.Config{Groups: []optim.Group{{Rule: adamw.New(), LR: 1, Clip: math.Inf(1)}}}, "group 0: clip +Inf"},
		"orphan":             {optim.Config{Groups: []optim.Group{matrices}}, `no group takes model/embed_tokens (class "embedding")`},
		"rule refuses":       {optim.Config{Groups: []optim.Group{{Rule: muon.New(), LR: 1}}}, "group 0: muon: model/layers.0/norm has shape [4], want a matrix"},
		"glob of nothing":    {optim.Config{Groups: []optim.Group{match("*o_proj"), all}}, `group 0 matches no parameter: match ["*o_proj"]`},
		"class of nothing":   {optim.Config{Groups: []optim.Group{{Class: []string{"conv"}, Rule: adamw.New(), LR: 1}, all}}, "group 0 matches no parameter"},
		"behind all":         {optim.Config{Groups: []optim.Group{all, matrices}}, "group 1 takes no parameter, earlier groups have them all: put it before them"},
		"glob behind class":  {optim.Config{Groups: []optim.Group{matrices, match("*q_proj"), all}}, "group 1 takes no parameter"},
		"two groups for all": {optim.Config{Groups: []optim.Group{all, all, matrices}}, "group 1 takes no parameter"},
	} {
		_, err := optim.New(modelParams, c.cfg)
		require.ErrorContains(t, err, c.want, name)
	}
	_, err := optim.New(modelParams, optim.Config{Groups: []optim.Group{{Rule: muon.New(), LR: 1}}})
	var refused *optim.UnsupportedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 0, refused.Group)
	require.Equal(t, "model/layers.0/norm", refused.Param)
	_, err = optim.New(append(modelParams, modelParams[0]), optim.Config{Groups: []optim.Group{all}})
	require.ErrorContains(t, err, "parameter model/embed_tokens is listed twice")

	for name, groups := range map[string][]optim.Group{
		"the last for all may be idle":          {{Class: []string{"matrix", "vector", "embedding"}, Rule: adamw.New(), LR: 1}, all},
		"names overrule a class":                {match("*q_proj"), matrices, all},
		"names that overrule everything before": {match("*"), matrices, all},
	} {
		_, err := optim.New(modelParams, optim.Config{Groups: groups})
		require.NoError(t, err, name)
	}
}
