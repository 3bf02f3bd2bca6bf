// Command tiny-rust-lm composes the libraries by hand: generated Rust, a
// tokenizer, shards, packed batches, a ternary transformer, Muon and AdamW,
// sampling, and rustc as the judge.
package main
