// Package cargo checks whole packages in the sandbox: cargo check, build, test
// and clippy, offline, with vendored dependencies.
//
// # Method
//
// The files of the package, its vendor folder included, are copied into an empty
// directory of the sandbox, without target and .git. There
//
//	cargo COMMAND --offline --message-format=json
//
// runs with an environment of its own: no HOME, no configuration of the caller,
// CARGO_HOME and the target directory inside. When there is a vendor folder and
// no configuration that says so, crates.io is replaced by it. Build scripts and
// procedural macros are programs of the sandbox like the compiler: no network,
// no file outside, the limits of all processes together.
//
// The compiler's messages are taken out of cargo's and sorted as those of
// package rustc. The verdict is pass when the command succeeds; compile_error
// with the first error, or with the status panic when a build script fails;
// wrong_answer when a test fails; rejected when cargo cannot begin, for want of
// a dependency or because of the manifest.
//
// # Cache
//
// The key of a verdict is all files, the command, the compiler and the limits:
// a package that did not change is not compiled again.
package cargo
