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
// freed results of earlier steps stay resident. One more, in XLA_FLAGS, is about the
// order of operations: the default one favours width, which brings the intermediate
// values of many matrices into being at once. A setting that is in the environment
// already stands.
//
// # Memory
//
// A training step on XLA writes new values of weights and optimizer state over the
// old ones. GoMLX and go-xla have no words for that, so the backend is wrapped: see
// inPlace for how it finds out what replaces what.
package backend
