package vjp

import (
	"testing"

	"github.com/gomlx/compute"

	"github.com/nanochat-go/nanochat/precision/internal/backendtest"
)

// backend is the one backend of the test binary; GOMLX_BACKEND chooses it.
var backend compute.Backend

func TestMain(m *testing.M) { backendtest.Main(m, &backend) }
