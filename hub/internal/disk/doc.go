// Package disk writes files whole or not at all and maps them into memory for
// reading.
package disk
