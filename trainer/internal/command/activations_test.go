package command

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/arch/estimate"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// Mutation: leaving the scores out of estimate.Train, or counting all layers
// with remat, makes TestActivationMemory fail.

var printTable = flag.Bool("activations.print", false, "print the table of measured and estimated activation memory")

const activations = "../../../docs/results/arch-memory.json"

// measuredMemory is docs/results/arch-memory.json.
type measuredMemory struct {
	Settings []string `json:"settings"` // of every model
	Rows     [2]int   `json:"rows"`     // of the two runs of each
	Result   []struct {
		Name     string   `json:"name"`
		Set      []string `json:"set"`
		Resident [2]int64 `json:"resident"` // peak of the process, bench memory --here
		Compiler [2]int64 `json:"compiler"` // temporaries of the step, by XLA
	} `json:"result"`
}

// TestActivationMemory: what another row of a batch costs, by estimate, is
// within 15 % of what it adds to the peak of a training process. Weights,
// gradients, state and the program are in both runs alike and cancel.
func TestActivationMemory(t *testing.T) {
	text, err := os.ReadFile(activations)
	if os.IsNotExist(err) {
		t.Skip("the module alone: no docs/results")
	}
	require.NoError(t, err)
	var m measuredMemory
	require.NoError(t, json.Unmarshal(text, &m))
	require.GreaterOrEqual(t, len(m.Result), 8)
	log, err := os.ReadFile("../../../docs/log.md")
	require.NoError(t, err)
	table := "| Model | KiB a token estimated | resident | apart | XLA's temporaries |\n|---|---|---|---|---|\n"
	for _, r := range m.Result {
		c, err := config.Load("", "", append(m.Settings, r.Set...))
		require.NoError(t, err)
		model := c.LM(c.Tokenizer.Vocab).WithDefaults()
		tokens := float64((m.Rows[1] - m.Rows[0]) * model.Context)
		of := func(rows int) int64 { return estimate.Train(model, rows, model.Context).PerBatch() }
		want := float64(r.Resident[1]-r.Resident[0]) / tokens
		got := float64(of(m.Rows[1])-of(m.Rows[0])) / tokens
		require.InEpsilon(t, want, got, 0.15, r.Name)
		table += fmt.Sprintf("| %s | %.1f | %.1f | %+.1f %% | %.1f |\n", r.Name, got/1024, want/1024, 100*(got/want-1), float64(r.Compiler[1]-r.Compiler[0])/tokens/1024)
	}
	if *printTable {
		fmt.Print(table)
	}
	require.True(t, strings.Contains(string(log), table), "docs/log.md has another table: go test -run ActivationMemory -activations.print")
}
