package data

import (
	"fmt"

	"github.com/nanochat-go/nanochat/systems/corpus"
	"github.com/nanochat-go/nanochat/systems/parquetdata"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// special makes the source that needs a library of its own.
func special(s config.Source) (corpus.Source, error) {
	if s.Parquet != "" {
		return parquetdata.Open(s.Parquet, parquetdata.Config{Column: s.Column})
	}
	return nil, fmt.Errorf("data source %+v is not understood", s)
}
