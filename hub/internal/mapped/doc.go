// Package mapped maps files into memory for reading.
package mapped
