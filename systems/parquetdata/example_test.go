package parquetdata_test

import (
	"context"
	"fmt"

	"github.com/nanochat-go/nanochat/systems/parquetdata"
)

func Example() {
	files, err := parquetdata.Open("testdata/numbers.parquet", parquetdata.Config{Column: "body"})
	if err != nil {
		panic(err)
	}
	for d, err := range files.Documents(context.Background()) {
		fmt.Printf("%s %s %v\n", d.ID, d.Text, err)
	}
	_, err = parquetdata.Open("testdata/numbers.parquet", parquetdata.Config{Column: "text"})
	fmt.Println(err)
	// Output:
	// numbers.parquet#0 a <nil>
	// numbers.parquet#1 b <nil>
	// parquetdata: testdata/numbers.parquet has no column "text"; it has id, body, raw
}
