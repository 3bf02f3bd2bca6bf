package looplm

import (
	"testing"

	"github.com/gomlx/compute"

	"github.com/nanochat-go/nanochat/arch/internal/graphtest"
)

// backend is the one backend of the test binary; GOMLX_BACKEND chooses it.
var backend compute.Backend

func TestMain(m *testing.M) { graphtest.Main(m, &backend) }
