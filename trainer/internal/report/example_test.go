package report_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nanochat-go/nanochat/trainer/internal/report"
)

func ExampleWriteFile() {
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	data := report.Data{
		Title:    "a run",
		Headline: []report.Fact{{Name: "Validation", Value: "1.04", Note: "bits per byte"}},
		Plots: []report.Plot{{Title: "Loss", XLabel: "step", YLabel: "nats per token",
			Series: []report.Series{{Name: "training", X: []float64{1, 2, 3}, Y: []float64{3, 2, 1.5}}}}},
	}
	fmt.Println(report.WriteFile(filepath.Join(dir, "report.html"), data))
	// Output: <nil>
}
