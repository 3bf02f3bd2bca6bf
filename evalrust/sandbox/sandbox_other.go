//go:build !linux || !(amd64 || arm64)

package sandbox

import (
	"context"
	"errors"
)

// Init must be the first call in main. Here it does nothing.
func Init() {}

// Box contains programs, on Linux.
type Box struct{}

// Job is a directory of files and the commands that work on it.
type Job struct{}

var errNone = errors.New("programs are contained on Linux (amd64, arm64) only; use a virtual machine or a container with Linux")

// New returns an *UnavailableError.
func New(Options) (*Box, error) {
	return nil, &UnavailableError{[]Attempt{{Backend: "namespaces", Error: errNone.Error()}}}
}

// Info says what contains the programs.
func (b *Box) Info() Info { return Info{} }

// Workers is how many commands run at a time.
func (b *Box) Workers() int { return 0 }

// Close does nothing.
func (b *Box) Close() error { return nil }

// Job returns an error.
func (b *Box) Job(context.Context) (*Job, error) { return nil, errNone }

// Close does nothing.
func (j *Job) Close() {}

// Dir is empty.
func (j *Job) Dir() string { return "" }

// Scratch is empty.
func (j *Job) Scratch() string { return "" }

// Run returns an error.
func (j *Job) Run(context.Context, Step) (Result, []File, error) { return Result{}, nil, errNone }
