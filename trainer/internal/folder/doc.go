// Package folder opens a model in the layout of Hugging Face: config.json, the
// weights in one safetensors file or several, and tokenizer.json.
//
// # What is read
//
//	config.json               architecture, see lm.ConfigFromHF
//	model.safetensors, or     float16, bfloat16 or float32; every tensor of the
//	the files of its index    model, and none that the model would not use
//	tokenizer.json            byte-level BPE, see package bpe; it may be absent
//	tokenizer_config.json     add_bos_token
//	generation_config.json    eos_token_id, one or a list; else that of config.json
//
// # Begin and end of a text
//
// The token of bos_token_id begins a text when add_bos_token says so, when the
// post-processor of tokenizer.json adds it, or when it is this project's own
// <|bos|>, which begins every document in training. The tokens of eos_token_id
// end one.
package folder
