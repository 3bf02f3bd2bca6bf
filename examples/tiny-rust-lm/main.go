package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/nanochat-go/nanochat/arch/generate"
	"github.com/nanochat-go/nanochat/arch/infer"
	"github.com/nanochat-go/nanochat/arch/lm"
	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/evalrust/rustgen"
	"github.com/nanochat-go/nanochat/hub/bpe"
	"github.com/nanochat-go/nanochat/optim"
	"github.com/nanochat-go/nanochat/optim/adamw"
	"github.com/nanochat-go/nanochat/optim/muon"
	"github.com/nanochat-go/nanochat/optim/schedule"
	"github.com/nanochat-go/nanochat/systems/minato"
	"github.com/nanochat-go/nanochat/systems/shard"
)

const (
	batch, length = 8, 96
	bos, eos      = "<|bos|>", "<|eos|>"
)

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func main() {
	log.SetFlags(0)
	steps := 400
	if len(os.Args) > 1 {
		must(fmt.Sscan(os.Args[1], &steps))
	}
	dir := must(os.MkdirTemp("", "tiny-rust-lm"))
	defer os.RemoveAll(dir)
	tok, set := prepare(dir)
	defer set.Close()

	cfg := lm.Config{VocabSize: tok.VocabSize(), NumLayers: 2, Dim: 64, NumHeads: 2, Context: length, Ternary: true, DocumentMask: true}
	store := train(cfg, set, steps)
	judge(tok, sample(cfg, store, tok))
}

// prepare makes two megabytes of small Rust functions, each of which compiles,
// a tokenizer, and a shard: every document is BOS, its ids, EOS.
func prepare(dir string) (*bpe.Tokenizer, *shard.Set) {
	gen := must(rustgen.New(rustgen.Config{Level: 1, Seed: 1}))
	var docs [][]byte
	for total := 0; total < 2<<20; total += len(docs[len(docs)-1]) {
		docs = append(docs, gen.AppendText(nil))
	}
	tok := must(bpe.Train(slices.Values(docs), bpe.Config{VocabSize: 512, Split: bpe.Llama3, Special: []string{bos, eos}}))
	first, _ := tok.ID(bos)
	last, _ := tok.ID(eos)
	path := filepath.Join(dir, "train"+shard.Extension)
	w := must(shard.Create(path, shard.Header{VocabSize: tok.VocabSize(), BOS: first, EOS: last}))
	for i, ids := range tok.EncodeBatch(docs, 0) {
		must(0, w.Add(append(append([]int32{first}, ids...), last), len(docs[i])))
	}
	must(0, w.Close())
	return tok, must(shard.OpenSet(path))
}

// train returns the trained weights: Muon for the matrices of the blocks, AdamW
// for the rest, loss, gradients and update in one compiled step.
func train(cfg lm.Config, set *shard.Set, steps int) *model.Store {
	m := must(lm.New(cfg))
	store := model.NewStore()
	must(0, m.InitStore(store, 1))
	var params []optim.Param
	for _, p := range m.Params() {
		params = append(params, optim.Param{Name: p.Name, Shape: p.Shape, Class: string(p.Class), FanIn: p.FanIn, FanOut: p.FanOut})
	}
	opt := must(optim.New(params, optim.Config{Clip: 1, Groups: []optim.Group{
		{Class: []string{string(lm.Matrix)}, Rule: muon.New().WithScale(muon.Original), LR: 0.02},
		{Rule: adamw.New(), LR: 0.01},
	}}))
	opt.InitState(store)
	backend := must(compute.NewWithConfig("go:parallelism=-1")) // the default setting can deadlock
	step := must(model.NewExec(backend, store, func(scope *model.Scope, in []*Node) *Node {
		nats, count := m.Loss(scope, in[0], in[1], in[2], in[3])
		loss := Div(nats, count)
		opt.Apply(scope, opt.Gradients(scope, loss), loss)
		return loss
	}))
	loader := must(minato.New(set, minato.Config{Batch: batch, Length: length, Seed: 1}))
	defer loader.Close()
	plan := schedule.Config{Kind: "wsd", Decay: "linear", Warmup: 10, Length: 0.5}
	for i := range steps {
		must(0, opt.SetMultiplier(store, plan.Multiplier(i, float64(i)/float64(steps))))
		b := must(loader.Next(context.Background()))
		in := func(v []int32) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(v, batch, length) }
		loss := must(step.Call1(in(b.Tokens), in(b.Targets), in(b.Positions), in(b.Segments)))
		if i%50 == 0 || i == steps-1 {
			fmt.Printf("step %3d  loss %.3f\n", i, tensors.ToScalar[float32](loss))
		}
	}
	return store
}

// sample draws 32 documents on the CPU engine.
func sample(cfg lm.Config, store *model.Store, tok *bpe.Tokenizer) [][]int32 {
	engine := must(infer.New(cfg, infer.FromGraph(cfg, func(name string) ([]float32, error) {
		return tensors.CopyFlatData[float32](must(store.GetVariable("/" + name).Value()))
	})))
	defer engine.Close()
	first, _ := tok.ID(bos)
	last, _ := tok.ID(eos)
	prompts := slices.Repeat([][]int32{{first}}, 32)
	var rows [][]int32
	for _, r := range must(generate.Generate(context.Background(), engine, prompts, generate.Options{Temperature: 0.7, Seed: 1, Stop: []int32{last}}, nil)) {
		rows = append(rows, r.IDs)
	}
	return rows
}

// judge asks rustc how many of the documents compile.
func judge(tok *bpe.Tokenizer, rows [][]int32) {
	var texts []string
	for _, ids := range rows {
		texts = append(texts, string(tok.Decode(ids)))
	}
	fmt.Printf("\n%s\n", texts[0])
	compiler, err := rustc.New(rustc.Options{})
	if err != nil {
		fmt.Println("not judged:", err)
		return
	}
	rate := rustc.Tally(must(rustc.JudgeSamples(context.Background(), compiler, texts, 0)))
	fmt.Printf("%d of %d samples compile\n", rate.Compiled, rate.Samples)
}
