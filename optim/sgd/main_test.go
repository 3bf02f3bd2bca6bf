package sgd_test

import (
	"testing"

	"github.com/nanochat-go/nanochat/optim/internal/optimtest"
)

func TestMain(m *testing.M) { optimtest.Main(m) }
