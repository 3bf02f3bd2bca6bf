package command

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/optim/foam"
	"github.com/nanochat-go/nanochat/optim/galore"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/orthogonal"
	"github.com/nanochat-go/nanochat/optim/schedule"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// TestOptimizerSettings: what [optim] says is what the table of the optimizer
// shows for a matrix and for the rest.
func TestOptimizerSettings(t *testing.T) {
	for want, set := range map[string][]string{
		`q_proj.weight .* matrix +muon +0.02 +0 +float32 +65536\n`:           nil,
		`q_proj.weight .* matrix +lion +0.5 +0.25 +`:                         {"optim.rule=lion", "optim.lr=0.5", "optim.weight_decay=0.25"},
		`q_proj.weight .* matrix +sgd +0.02 +0 +float32 +65536\n`:            {"optim.rule=sgd"},
		`q_proj.weight .* matrix +muon .* bfloat16 +32768\n`:                 {"optim.state=bfloat16"},
		`q_proj.weight .* matrix +muon .* linear8/128 +16896\n`:              {"optim.state=linear8", "optim.state_block=128"},
		`q_proj.weight .* matrix +adamw .* dynamic8/256 +33280\n`:            {"optim.state=dynamic8", "optim.rule=adamw"},
		`q_proj.weight .* matrix +muon .* galore-8:float32 +8192\n`:          {"optim.space.kind=galore", "optim.space.rank=8"},
		`q_proj.weight .* matrix +muon .* galore-8-lazy:float32 +5148\n`:     {"optim.space.kind=q-galore", "optim.space.rank=8"},
		`q_proj.weight .* matrix +muon .* random-8:float32 +8192\n`:          {"optim.space.kind=random", "optim.space.rank=8"},
		`q_proj.weight .* matrix +adamw .* foam-3:float32 +16384\n`:          {"optim.space.kind=foam", "optim.space.level=3", "optim.rule=adamw"},
		`embed_tokens.weight .* embedding +adamw +0.016 +0 +float32 +`:       {"optim.state=linear8", "optim.space.kind=foam"},
		`q_proj.weight .* matrix +adamw +0.1 +0.5 +float32 +131072\n(.|\n)*`: {`optim.groups=[{match=["*q_proj*"], rule="adamw", lr=0.1, weight_decay=0.5}]`},
	} {
		c, err := config.Load("crates", "", append([]string{"model.dim=128", "model.layers=1"}, set...))
		require.NoError(t, err)
		require.NoError(t, c.Validate())
		opt, err := optimizer(c, c.LM(4096).WithDefaults().Params())
		require.NoError(t, err)
		require.Regexp(t, want, opt.Table(), "%v", set)
	}
}

func TestSpaceSettings(t *testing.T) {
	s := config.Space{Kind: "galore", Rank: 8, Every: 7, Moments: "reset", Scale: 0.5, Level: 3}
	require.Equal(t, galore.New(8).WithEvery(7).WithMoments(galore.Reset).WithScale(0.5), space(s))
	s.Kind = "q-galore"
	require.Equal(t, galore.Q(8).WithEvery(7).WithMoments(galore.Reset).WithScale(0.5), space(s))
	s.Kind = "random"
	require.Equal(t, galore.Random(8).WithEvery(7).WithMoments(galore.Reset).WithScale(0.5), space(s))
	s.Kind = "foam"
	require.Equal(t, foam.New(3).WithScale(0.5), space(s))
	s.Kind = "full"
	require.Nil(t, space(s))
}

func TestOrthogonalizerSettings(t *testing.T) {
	require.Equal(t, muon.New().WithScale(muon.Original), rule("muon", config.Default().Optim))
	want := muon.New().WithScale(muon.Spectral).WithOrthogonalizer(orthogonal.Classic(5).WithDType(dtypes.BFloat16))
	require.Equal(t, want, rule("muon", config.Optim{Scale: "spectral", OrthDType: "bfloat16"}))
	small := orthogonal.Classic(5)
	small.Rolled = true
	for kind, p := range map[string]orthogonal.Preset{"foam": orthogonal.Classic(5), "galore": small} {
		require.Equal(t, muon.New().WithScale(muon.Spectral).WithOrthogonalizer(p), rule("muon", config.Optim{Scale: "spectral", Space: config.Space{Kind: kind}}))
	}
}

// TestMomentumSettings: the warm-up ends at the momentum that the matrices have
// without one, and is theirs, behind the named groups.
func TestMomentumSettings(t *testing.T) {
	for want, set := range map[schedule.Momentum][]string{
		{}:                                   nil,
		{Start: 0.85, End: 0.95, Steps: 300}: {"optim.momentum_warmup=300"},
		{Start: 0.5, End: 0.8, Steps: 20}:    {"optim.momentum_warmup=20", "optim.momentum_start=0.5", "optim.momentum=0.8"},
		{Start: 0.85, End: 0.99, Steps: 7}:   {"optim.momentum_warmup=7", "optim.rule=lion"},
	} {
		c, err := config.Load("crates", "", append(set, `optim.groups=[{match=["*q_proj*"], rule="adamw", lr=0.1}]`))
		require.NoError(t, err)
		got := momentum(c)
		if want.Steps == 0 {
			require.Nil(t, got)
			continue
		}
		require.Equal(t, map[int]schedule.Momentum{1: want}, got)
		opt, err := optimizer(c, c.LM(4096).WithDefaults().Params())
		require.NoError(t, err)
		store := model.NewStore()
		opt.InitState(store)
		v := store.GetVariable("/optim/group.1.complement")
		require.Equal(t, float32(1-want.End), tensors.ToScalar[float32](v.MustValue()), "the group's own momentum")
	}
}
