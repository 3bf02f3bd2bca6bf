// Package category knows the General_Category of every code point in Unicode
// 16.0, the version that the reference tokenizers split by.
//
// The standard library's tables follow the Go release. A token id must not: a
// letter that a new Unicode version adds would change how texts are split, and
// with that the ids, from one compiler to the next. So the categories are held
// here, as runs over all code points, and never change without a new version of
// this package.
package category
