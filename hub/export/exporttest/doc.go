// Package exporttest runs stock llama.cpp beside an exported file, so that tests
// compare what it computes.
//
// It needs Node and the package node-llama-cpp 3 in the folder that the environment
// variable NODE_LLAMA_CPP_DIR names; without them tests are skipped.
package exporttest
