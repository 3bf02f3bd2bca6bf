// Package config holds the configuration of a run: one strict TOML file.
//
// # Layers
//
// The effective configuration is, from weak to strong: the defaults of
// Default, a preset (an embedded file that says what differs), a file, and
// single settings key=value as --set and the flags give them. It is written to
// the run directory, and training from that file repeats the run.
//
// # Strictness
//
// A key that does not exist, a value of the wrong type and a value out of range
// are errors that name file, line, key and the nearest valid key or the values
// accepted; all problems of a file are reported at once. Every key acts: there
// is none for what is not built.
//
// # Keys
//
// The tags `doc` beside the fields are the reference; Reference prints them
// with their defaults as a commented file.
package config
