// Package asuser runs the tests of a package again as a user without rights.
package asuser
