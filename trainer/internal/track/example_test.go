package track_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nanochat-go/nanochat/trainer/internal/track"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	run, err := track.Open(track.Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	run.Step(track.Step{Position: track.Position{Step: 1, Tokens: 2048}, Loss: 2.5})
	run.Log(track.KindVal, track.Position{Step: 1}, track.Values{track.ValBPB: 1.9})
	if err := run.Close(); err != nil {
		fmt.Println(err)
		return
	}
	records, err := track.Read(filepath.Join(dir, track.MetricsFile))
	fmt.Println(len(records), records[1].Values[track.TrainLoss], records[2].Values[track.ValBPB], err)
	// Output: 3 2.5 1.9 <nil>
}
