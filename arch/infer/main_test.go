package infer

import (
	"testing"

	"github.com/gomlx/compute"

	"github.com/nanochat-go/nanochat/arch/internal/graphtest"
)

// backend computes the training graph that the engine is compared with;
// GOMLX_BACKEND chooses it.
var backend compute.Backend

func TestMain(m *testing.M) { graphtest.Main(m, &backend) }
