// Package checkpoint saves and loads the state of a run so that a crash at any
// moment costs no more than the steps since the last checkpoint.
//
// # Layout
//
// Below the run's checkpoints folder:
//
//	step-00001200/
//	    model.safetensors       weights as Hugging Face stores them
//	    optimizer.safetensors   the optimizer's variables
//	    state.json              step, state of every component, sizes and
//	                            SHA-256 of the two files, its own hash
//
// # Writing
//
// The folder is written under a temporary name beside its place, every file and
// then the folder are synced, and one rename makes it appear. A reader
// therefore sees a whole checkpoint or none; what a killed writer leaves behind
// is removed when the folder is opened again. Before writing, the free space of
// the disk is compared with what will be written. Older checkpoints are pruned
// only after the new one is in place.
//
// # Loading
//
// There is no pointer file: the newest folder wins. Its hashes are verified; if
// they do not hold, the next older one is tried, and the caller gets a warning
// that says what was wrong with which file.
package checkpoint
