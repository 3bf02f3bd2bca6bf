package orthogonal

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
)

// DTypeError says that the products of a preset cannot be computed in its
// DType.
type DTypeError struct {
	DType   dtypes.DType
	Backend string // name of the backend, "" if none has the type
	Reason  string
}

func (e *DTypeError) Error() string {
	if e.Backend == "" {
		return fmt.Sprintf("orthogonal: products in %s: %s", e.DType, e.Reason)
	}
	return fmt.Sprintf("orthogonal: products in %s on backend %q: %s", e.DType, e.Backend, e.Reason)
}

// goBackend is what the Go backend calls itself.
const goBackend = "Go Backend"

// Supports returns a *DTypeError if the backend cannot serve the preset.
func (p Preset) Supports(backend compute.Backend) error {
	switch p.DType {
	case dtypes.InvalidDType, dtypes.Float32:
		return nil
	case dtypes.BFloat16:
		if backend.Name() == goBackend {
			return &DTypeError{p.DType, backend.Name(), "it converts the elements of 16-bit products one by one, which is slower than float32; use float32, or XLA"}
		}
		return nil
	}
	return &DTypeError{DType: p.DType, Reason: "want float32 or bfloat16"}
}

// WithDType returns the preset with products in the given type.
func (p Preset) WithDType(t dtypes.DType) Preset { p.DType = t; return p }

// operands is the type of the products for a matrix of type t.
func (p Preset) operands(t dtypes.DType) dtypes.DType {
	if p.DType == dtypes.InvalidDType {
		return t
	}
	return p.DType
}
