// Package export writes a trained model as a folder that Hugging Face's
// transformers loads, or as a GGUF file that llama.cpp loads, and reads it back before
// it says that it did. It also reads GGUF files of others.
//
// # The folder
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
// Everything else has no class in transformers: several passes of the blocks, the two-matrix MLPs, a capped
// logit, a window shorter than the context. Such a model is refused with an
// *UnsupportedError that names every reason. A document mask is not a reason: a
// text that is generated is one document.
//
// # The file
//
//	Spec             architecture   what differs
//	plain            llama          rows of q_proj and k_proj in pairs, see below
//	QKNorm           qwen3          attn_q_norm, attn_k_norm
//	Loops above 1    nanbeige       num_loops; the final norm between passes; an exit gate is left out
//
// Names are llama.cpp's; matrices of blocks have one type, embedding and head another,
// norms are float32; a tied head is not stored. A matrix whose rows are no whole blocks
// is F16. llama and nanbeige rotate the pairs (2j, 2j+1) of a head and not its halves:
// with D rows to a head, row 2j+s of a head in the file is row s·D/2+j of the model.
//
// A matrix of a ternary model is written as code·scale, in TQ2_0, TQ1_0 and Q2_0 blocks
// with the scale as binary16, or with GGUFOptions.Exact as blocks of scale 1 beside a
// float32 tensor, blk.N.attn_q.scale, by which llama.cpp multiplies the product.
//
// The vocabulary comes from the same tokenizer.json. llama.cpp cuts texts by one of a
// list of patterns: gpt-2, llama-bpe and qwen2 are written; llama-bpe ignores merges for
// whole pieces, so it is checked that this changes no token.
//
// llama.cpp rounds what a matrix multiplies to blocks of int8 (GGUFModel.Operand). With
// that rounding a float64 computation gives its logits but for the order of sums; in
// F16 it may sum in binary16, and with Q4_1 it uses binary16 sums of the activations.
//
// The proof beside a file says what was equal when it had been read back.
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
