// Package disk writes files whole or not at all.
package disk
