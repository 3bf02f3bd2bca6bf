// Package export writes a trained model as a folder that Hugging Face's
// transformers loads, and reads it back before it says that it did.
//
// # Layout
//
//	config.json             architecture, see below
//	model.safetensors       float32, linears as [out, in], metadata format=pt;
//	                        a tied head is not stored
//	tokenizer.json          the caller's bytes
//	tokenizer_config.json   special tokens, context, no clean-up of spaces
//	generation_config.json  ids of the special tokens
//
// Names are those that the model trained with; RoPE is the half-split form, so
// no matrix is permuted.
//
// # Which class
//
//	Spec                            class               what differs
//	QKNorm false                    LlamaForCausalLM    head_dim stated
//	QKNorm true                     Qwen3ForCausalLM    q_norm and k_norm before RoPE
//	Ternary, with Dequantise        as above            each matrix W of a block is stored
//	                                                    as code·scale; activations are not
//	                                                    rounded by who loads it
//	Ternary, without                as above            W is stored as trained, and
//	                                                    quantization_config asks for
//	                                                    ternary weights and int8 activations
//	                                                    (bitnet, autobitlinear, online)
//
// Everything else has no class in transformers: the two-matrix MLPs, a capped
// logit, a window shorter than the context. Such a model is refused with an
// *UnsupportedError that names every reason. A document mask is not a reason: a
// text that is generated is one document.
//
// # Safety
//
// The folder is built beside its destination, synced, read back (each tensor's
// bytes by SHA-256, config.json parsed into the Spec it came from) and renamed.
// An existing folder is replaced only with Options.Overwrite, and only when it
// holds nothing that an export does not write.
//
// # Caveats
//
// One file for all weights; transformers shards at 5 GB, readers accept more.
// Loading the form with quantization_config needs the accelerate package.
package export
