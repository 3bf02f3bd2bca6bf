//go:build !unix

package mapped

import "os"

// File maps nothing here: data is nil.
func File(*os.File, int64) (data []byte, unmap func() error) {
	return nil, func() error { return nil }
}
