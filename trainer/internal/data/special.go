package data

import (
	"fmt"

	"github.com/nanochat-go/nanochat/systems/corpus"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// special makes the sources that need another program or format.
func special(s config.Source) (corpus.Source, error) {
	return nil, fmt.Errorf("data source %+v is not understood", s)
}
