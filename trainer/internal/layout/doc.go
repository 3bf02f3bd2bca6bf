// Package layout holds the tests that keep the workspace in the shape its
// documents describe. It has no code of its own.
//
// # Rules
//
//   - Arrows: a module imports only the sibling modules that the table in
//     arrows_test.go allows; a library imports neither the trainer nor the
//     examples, and no library links a PJRT plugin outside its tests.
//   - Sizes: a Go file outside tests has at most 600 lines and a function at
//     most 60.
//   - Documents: every package has a doc.go that carries its package comment
//     (a command may use main.go), and every module a README and a CHANGELOG.
//
// The tests find the workspace by walking up to go.work and are skipped, with
// that reason, when the module is used outside it.
package layout
