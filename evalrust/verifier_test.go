package evalrust_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/evalrust"
	"github.com/nanochat-go/nanochat/evalrust/rustgen"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

func TestSpeed(t *testing.T) {
	v, err := evalrust.NewVerifier(evalrust.Options{NoCache: true})
	require.NoError(t, err)
	defer v.Close()
	g, err := rustgen.New(rustgen.Config{Seed: 1, Level: 3})
	require.NoError(t, err)
	var src []evalrust.Source
	for i := range 100 {
		src = append(src, evalrust.Source{Text: string(g.At(uint64(i)).Text)})
	}
	s := time.Now()
	for _, x := range src[:30] {
		got, err := v.Check(t.Context(), x)
		require.NoError(t, err)
		require.Equal(t, evalrust.Pass, got.Class, got.Reason)
	}
	t.Log("single", time.Since(s)/30)
	s = time.Now()
	all, err := v.CheckAll(t.Context(), src)
	require.NoError(t, err)
	for _, x := range all {
		require.Equal(t, evalrust.Pass, x.Class, x.Reason)
	}
	t.Log("batch", time.Since(s)/100)
	s = time.Now()
	for range 5 {
		x, err := v.Check(t.Context(), evalrust.Source{Text: "fn main() { println!(\"hi\"); }", Mode: evalrust.Execute})
		require.NoError(t, err)
		require.Equal(t, evalrust.Pass, x.Class)
		t.Log(x)
	}
	t.Log("exec", time.Since(s)/5)
}
