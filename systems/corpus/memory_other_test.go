//go:build !linux

package corpus_test

import "testing"

func limitData(t *testing.T, _ uint64) { t.Skip("the limit is set as on Linux") }

func resetPeak(*testing.T) {}

func peakResident(*testing.T) int64 { return 0 }

func cpuSeconds(*testing.T) float64 { return 0 }
