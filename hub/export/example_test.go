package export_test

import (
	"errors"
	"fmt"

	"github.com/nanochat-go/nanochat/hub/export"
)

// A model that transformers cannot compute is refused with every reason.
func ExampleHF() {
	spec := export.Spec{VocabSize: 1024, NumLayers: 4, Dim: 128, NumHeads: 4, NumKVHeads: 2, HeadDim: 32, HiddenDim: 512, Context: 256,
		MLP: "relu2", SoftCap: 15, RopeTheta: 10000, NormEps: 1e-5}
	_, err := export.HF("model", spec, nil, export.Options{})
	var unsupported *export.UnsupportedError
	if errors.As(err, &unsupported) {
		for _, reason := range unsupported.Reasons {
			fmt.Println(reason)
		}
	}
	// Output:
	// the two-matrix ReLU² MLP ("relu2")
	// a logit soft-cap (15)
}
