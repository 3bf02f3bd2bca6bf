// Package recipe names optimizers that are made of the parts of this module, so
// that a program can choose one by a flag or a hyperparameter.
//
// # Method
//
// A recipe says how the matrices inside a model are updated; embeddings, heads
// and vectors get AdamW, or the same rule beside sgd, lion and lion8, with float32
// state.
//
//	name          matrices
//	muon          Muon
//	muon8         Muon, momentum in int8 blocks
//	normuon       NorMuon
//	adamw8        AdamW, moments in an 8-bit code book
//	sgd           SGD with momentum 0.9
//	lion          Lion
//	lion8         Lion, momentum in int8 blocks
//	galore        AdamW in GaLore's subspace
//	galore-muon8  Muon in GaLore's subspace, int8 blocks, bfloat16 projector
//	q-galore      AdamW in GaLore's subspace, 8-bit code book, int8 projector, renewed lazily
//	fira          AdamW in GaLore's subspace, and the rest of the gradient
//	apollo        APOLLO
//	apollo-mini   APOLLO-Mini
//	foam          AdamW in FOAM's folded state
//
// # Inputs
//
// Hyperparameters of the store that Register's constructors read, besides
// GoMLX's learning_rate and those of optim.Builder: galore_rank (int, 128),
// galore_every (int, 200), foam_level (int, 2), state_block (int, 256).
//
// GoMLX has an optimizer called sgd already, without momentum; Register leaves
// the name to it, and New finds this one.
//
// # State
//
// As the packages of the parts say; Optimizer.Table shows it.
package recipe
