// Package ref holds the number formats in float64, written from their
// specifications: grids are listed value by value, the nearest is searched, and
// nothing is derived from bits. The tests compare the codecs with it.
package ref
