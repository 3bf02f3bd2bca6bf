//go:build !unix

package checkpoint

import "math"

// freeBytes knows nothing here: a full disk shows when writing fails.
func freeBytes(string) (uint64, error) { return math.MaxUint64, nil }
