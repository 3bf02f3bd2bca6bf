// Package command is what the commands of the trainer do: it wires the
// libraries to the configuration and to the run directory.
//
// # A run directory
//
//	config.toml      the effective configuration; training from it repeats the run
//	manifest.json    backend, machine, version, data
//	data/            tokenizer and token shards, package data
//	tokenizer.json   the same tokenizer
//	checkpoints/     package checkpoint
//	metrics.jsonl    a line for each step and evaluation
//	events.out.*     the same for TensorBoard
//	samples/, eval/  what the model wrote and how it was judged
//	export/          the model for other programs
//	report.html      all of it to look at
//	lock             held while a process works on the run
//
// A run has begun when config.toml is there; what is written before that can
// be made again.
package command
