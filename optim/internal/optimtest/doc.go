// Package optimtest runs optimizers on gradients that a test supplies, on the
// backend that GOMLX_BACKEND names.
package optimtest
