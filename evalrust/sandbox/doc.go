// Package sandbox runs programs that are not trusted.
package sandbox
