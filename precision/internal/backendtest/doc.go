// Package backendtest opens the backend of a test binary: the one that GOMLX_BACKEND
// names, or the Go backend with one operation at a time, which cannot deadlock.
package backendtest
