package data

import (
	"fmt"

	"github.com/nanochat-go/nanochat/systems/corpus"
	"github.com/nanochat-go/nanochat/systems/parquetdata"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// special makes the sources that need another program or format.
func special(s config.Source) (corpus.Source, error) {
	switch {
	case s.Crates != "":
		return corpus.Crates(s.Crates)
	case s.Parquet != "":
		return parquetdata.Open(s.Parquet, parquetdata.Config{Column: s.Column})
	}
	return nil, fmt.Errorf("data source %+v is not understood", s)
}
