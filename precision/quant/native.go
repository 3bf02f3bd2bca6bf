package quant

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"github.com/nanochat-go/nanochat/precision/policy"
)

// NotNativeError says why a backend cannot compute a policy without emulation.
type NotNativeError struct {
	Backend string
	Missing []string // each a format and what it would need
}

// Error names what is missing.
func (e *NotNativeError) Error() string {
	return fmt.Sprintf("quant: backend %s has no native products for this policy: %s; emulation gives their values, not their speed", e.Backend, strings.Join(e.Missing, "; "))
}

// CheckNative returns a *NotNativeError unless the backend multiplies every format
// of a table itself. This package emulates all formats but float32; native products
// would be chosen here.
func CheckNative(b compute.Backend, t policy.Table) error {
	var missing []string
	for _, c := range t {
		_, quantizers := c.Recipe.Operands()
		for _, q := range quantizers {
			if q.IsZero() || q.Direct() {
				continue
			}
			if m := fmt.Sprintf("%s: %s", q.Format, lacks(b.Capabilities(), q.Format)); !slices.Contains(missing, m) {
				missing = append(missing, m)
			}
		}
	}
	if missing == nil {
		return nil
	}
	slices.Sort(missing)
	return &NotNativeError{Backend: b.Name(), Missing: missing}
}

// lacks is what a format would need.
func lacks(has compute.Capabilities, f policy.Format) string {
	types := map[policy.Format]dtypes.DType{policy.BFloat16: dtypes.BFloat16, policy.Int8: dtypes.Int8, policy.E4M3: dtypes.F8E4M3FN, policy.E5M2: dtypes.F8E5M2,
		policy.E2M1: dtypes.F4E2M1FN, policy.MXFP4: dtypes.F4E2M1FN, policy.MXFP8: dtypes.F8E4M3FN, policy.MXFP8E5M2: dtypes.F8E5M2, policy.NVFP4: dtypes.F4E2M1FN}
	d, ok := types[f]
	switch {
	case !ok:
		return "no tensor type holds it"
	case !has.DTypes[d]:
		return fmt.Sprintf("no tensors of %s", d)
	case f.MX() || f == policy.NVFP4:
		return "GoMLX has no product with block scales"
	}
	return fmt.Sprintf("products of %s with float32 sums are not used yet", d)
}
