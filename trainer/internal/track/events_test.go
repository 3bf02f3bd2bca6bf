package track

import (
	"encoding/hex"
	"hash/crc32"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Mutation: masking with >>17 and <<15, or swapping fields 8 and 9 of the text
// event, makes TestEvents_KnownBytes fail.

// TestEvents_KnownBytes compares with what the writer and the message classes of
// tensorboard 2.21.0 produce for the same four events.
func TestEvents_KnownBytes(t *testing.T) {
	at := func(seconds float64) time.Time { return time.UnixMicro(int64(seconds * 1e6)) }
	var got []byte
	for _, e := range [][]byte{
		versionEvent(at(1700000000.25)),
		sessionEvent(at(1700000000.25), 301),
		scalarEvent(at(1700000001.5), 300, Values{"train/loss": 2.25, "perf/mfu": 0.5}),
		textEvent(at(1700000002), 7, "samples", "fn f() {}"),
	} {
		got = appendRecord(got, e)
	}
	require.Equal(t, "1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe9"+
		"100000000000000095fbfe180900001040fc54d94110ad023a020801cb79b93b"+
		"3200000000000000241956ec0900006040fc54d94110ac022a240a0f0a08706572662f6d6675150000003f0a110a0a747261696e2f6c6f73731500001040a7fa81c4"+
		"3700000000000000e7e8ca590900008040fc54d94110072a2a0a280a0773616d706c6573421308071204120208014209666e20662829207b7d4a080a060a0474657874c3c18bdb",
		hex.EncodeToString(got))
}

func TestMasked(t *testing.T) {
	// CRC-32C of "123456789" is e3069283, the check value of the polynomial.
	require.Equal(t, uint32(0xe3069283), crc32.Checksum([]byte("123456789"), castagnoli))
	c := uint32(0xe3069283)
	require.Equal(t, c>>15|c<<17, masked([]byte("123456789"))-0xa282ead8)
}

// peerScript prints step, tag and value of what TensorBoard reads.
const peerScript = `
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1]); a.Reload()
for tag in sorted(a.Tags()["scalars"]):
    for e in a.Scalars(tag): print(tag, e.step, round(e.value, 6))
for tag in a.Tags()["tensors"]:
    for e in a.Tensors(tag): print(tag, e.step, e.tensor_proto.string_val[0].decode())
`

func TestEvents_TensorBoardReadsThem(t *testing.T) {
	python := os.Getenv("PEER_PYTHON")
	if python == "" {
		t.Skip("PEER_PYTHON is not set")
	}
	if out, err := exec.Command(python, "-c", "import tensorboard").CombinedOutput(); err != nil {
		t.Skipf("PEER_PYTHON has no tensorboard: %s", out)
	}
	dir := t.TempDir()
	r, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	for i := 1; i <= 4; i++ {
		r.Step(Step{Position: Position{Step: i}, Loss: float64(i) / 2})
	}
	r.Text("samples", Position{Step: 4}, "fn f() {}")
	require.NoError(t, r.Close())
	r, err = Open(Options{Dir: dir, Resume: true, Step: 2})
	require.NoError(t, err)
	r.Step(Step{Position: Position{Step: 3}, Loss: 7})
	require.NoError(t, r.Close())
	out, err := exec.Command(python, "-c", peerScript, dir).Output()
	require.NoError(t, err)
	var losses []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, TrainLoss) {
			losses = append(losses, strings.TrimSpace(line))
		}
	}
	require.Equal(t, []string{"train/loss 1 0.5", "train/loss 2 1.0", "train/loss 3 7.0"}, losses, "steps that are made again are dropped")
}

func TestEvents_NotFinite(t *testing.T) {
	e := scalarEvent(time.Unix(1, 0), 1, Values{"a": math.NaN(), "b": math.Inf(1), "c": 1e300})
	require.NotEmpty(t, e) // TensorBoard shows them as such
}

func TestCreateEvents_DistinctNames(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		e, err := createEvents(dir, time.Unix(1_700_000_000, 0))
		require.NoError(t, err)
		require.NoError(t, e.close())
	}
	files, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.1700000000.*"))
	require.NoError(t, err)
	require.Len(t, files, 3)
}
