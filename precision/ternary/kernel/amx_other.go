//go:build !(linux && amd64)

package kernel

// amxRoom is for processors that have tiles.
type amxRoom struct{}

var _ = Scratch{}.amx
