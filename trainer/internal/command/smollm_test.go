package command

import (
	"os"
	"testing"
)

// TestLlamaCPPForeign: a model that others made, SmolLM2-135M-Instruct in Q4_1 for one,
// gives the same text here and in llama.cpp, which has sums of activations in binary16
// for the least values of Q4_1: logits differ by more than by their rounding.
func TestLlamaCPPForeign(t *testing.T) {
	path := os.Getenv("PEER_GGUF")
	if path == "" {
		t.Skip("PEER_GGUF does not name a GGUF file")
	}
	compareWithLlamaCPP(t, path, 20, 16, 0.03)
}
