// Package backend opens the engine that runs graphs: XLA on a PJRT plugin, or
// GoMLX's pure-Go backend.
//
// # Choice
//
// "xla" and "go" mean what they say and fail with what to do about it. "auto"
// is XLA when it is linked and a plugin is found, otherwise Go. The choice and
// its reason are always reported; there is no silent fallback. When no plugin
// is found but the machine is online, one is downloaded first, with a message
// and a time limit, unless GOMLX_NO_AUTO_INSTALL is set.
//
// # The Go backend
//
// It always runs as go:parallelism=-1, because its default settings can
// deadlock, and with GOMLX_FUSION=0. Its products are several times faster in a
// build with GOEXPERIMENT=simd, which no flag or directive can ask for; so the
// program builds itself once more with that variable, into the user's cache
// directory, and continues there with GODEBUG=cpu.fma=off (without it the
// exponential of such a build is a hundred times slower on some processors).
// When that is not possible it continues as it is and says why.
//
// # XLA
//
// On Linux the program starts itself once more with two settings of glibc
// (GLIBC_TUNABLES): huge pages, which made a training step faster by a sixth to a
// quarter, and two heaps for all threads instead of one for each, without which
// freed results of earlier steps stay resident. Nothing in XLA_FLAGS measured
// better than its defaults.
//
// # Memory
//
// go-xla does not tell the compiler which results replace which variables, so a
// step holds the old and the new values of weights and optimizer state at once:
// twice their planned bytes, in which gradients and activations find room.
package backend
