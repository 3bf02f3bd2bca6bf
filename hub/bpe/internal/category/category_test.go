package category

import (
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// Mutation: writing at+n-1 for at+n in init, or dropping 0x85 from Space, makes
// TestAgreesWithStandardLibrary fail.

// TestAgreesWithStandardLibrary compares all code points with the tables of the
// Go release, which may be of an older or a newer Unicode version: only what
// one of the two does not know yet may differ.
func TestAgreesWithStandardLibrary(t *testing.T) {
	known := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		c := Of(r)
		name := names[2*c : 2*c+2]
		require.Equal(t, unicode.IsSpace(r), Space(r), "%U", r)
		if c == Cn {
			continue
		}
		// Between versions a character may move inside its group, not out of it.
		for _, group := range []string{"L", "M", "N", "P", "S", "Z"} {
			there := unicode.Is(unicode.Categories[group], r)
			if there {
				known++
				require.Equal(t, group, name[:1], "%U", r)
			}
		}
	}
	require.Greater(t, known, 140000)
}

// TestVersion has letters that Unicode 16 has and 15 lacks, and one that came
// with 17.
func TestVersion(t *testing.T) {
	require.Equal(t, Lu, Of(0xa7cb))
	require.Equal(t, Lo, Of(0x105c0))
	require.Equal(t, Lo, Of(0x2ebf0))
	require.Equal(t, Cn, Of(0xa7ce))
	require.Equal(t, Cn, Of(-1))
	require.Equal(t, Cn, Of(0x110000))
	require.Equal(t, Co, Of(0x10fffd))
}

func TestNamed(t *testing.T) {
	letters, ok := Named("L")
	require.True(t, ok)
	for c := range count {
		require.Equal(t, Lu <= c && c <= Lo, letters.Has(c))
	}
	one, ok := Named("Nd")
	require.True(t, ok)
	require.Equal(t, Set(1)<<Nd, one)
	_, ok = Named("Greek")
	require.False(t, ok)
	_, ok = Named("")
	require.False(t, ok)
}

func BenchmarkOf(b *testing.B) {
	runes := []rune{'a', 'é', '日', '🦀', '𠀀'}
	n := 0
	for b.Loop() {
		for _, r := range runes {
			n += int(Of(r))
		}
	}
	_ = n
}
