// Package cache keeps results by the content that they are of.
//
// # Method
//
// The key of a result is the SHA-256 of the JSON of everything that it depends
// on. Results lie in a directory as JSON, in a file named by the key, which is
// written aside and renamed: a reader sees a whole result or none, and a process
// that is killed leaves at most a file that is never read. Several processes may
// use one directory. A file that cannot be understood counts as none.
package cache
