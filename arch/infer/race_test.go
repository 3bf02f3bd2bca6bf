//go:build race

package infer

// GoMLX's Go backend does pointer arithmetic past the end of its buffers, which
// the checks that come with the race detector end the program for.
const raceDetector = true
