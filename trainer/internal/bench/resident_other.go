//go:build !linux

package bench

import "errors"

var errNoResident = errors.New("the peak resident size of a step is read from /proc, which only Linux has")

func resident() (now, peak int64, err error) { return 0, 0, errNoResident }

func resetPeak() error { return errNoResident }
