package corpus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// cargoTarget keeps cargo from fetching what only other systems depend on. It
// decides nothing about the listed crates themselves.
const cargoTarget = "x86_64-unknown-linux-gnu"

// cargoCache is the folders, one for each registry, in which cargo keeps the
// .crate files it has downloaded.
type cargoCache struct{ folders []string }

func openCargoCache() (cargoCache, error) {
	home := os.Getenv("CARGO_HOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return cargoCache{}, fmt.Errorf("corpus: cargo's cache: %w: set CARGO_HOME", err)
		}
		home = filepath.Join(user, ".cargo")
	}
	cache := filepath.Join(home, "registry", "cache")
	entries, err := os.ReadDir(cache) // sorted
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cargoCache{}, fmt.Errorf("corpus: cargo's cache: %w", err)
	}
	var c cargoCache
	for _, e := range entries {
		c.folders = append(c.folders, filepath.Join(cache, e.Name()))
	}
	return c, nil
}

// files are the archives of a crate, one for each registry that has it.
func (c cargoCache) files(crate CrateInfo) []string {
	var found []string
	for _, dir := range c.folders {
		path := filepath.Join(dir, crate.Origin()+".crate")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			found = append(found, path)
		}
	}
	return found
}

func (c cargoCache) has(crate CrateInfo) bool { return len(c.files(crate)) > 0 }

// find returns the crate's archive, the one with the listed SHA-256 if there
// is one.
func (c cargoCache) find(crate CrateInfo) (archive, error) {
	files := c.files(crate)
	if len(files) == 0 {
		return archive{}, fmt.Errorf("cargo has fetched %s but its cache does not hold %s.crate: sources replaced by a directory are not supported", crate.Origin(), crate.Origin())
	}
	want, got := crate.SHA256, ""
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			return archive{}, err
		}
		sum := sumOf(raw)
		if want == "" && got != "" && sum != got {
			return archive{}, fmt.Errorf("two registries hold different files %s.crate: give the SHA-256 of the one you want", crate.Origin())
		}
		if got = sum; want == "" || sum == want {
			crate.SHA256 = sum
			if crate.License == "" {
				if crate.License, err = licenseOf(raw, crate.Origin()); err != nil {
					return archive{}, fmt.Errorf("%s: %w", path, err)
				}
			}
			if want != "" {
				return archive{crate, path}, nil
			}
		}
	}
	if want != "" {
		return archive{}, fmt.Errorf("%s has SHA-256 %s, listed is %s: correct the list, or delete the file to have cargo fetch it again", files[0], got, want)
	}
	return archive{crate, files[0]}, nil
}

func sumOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// fetch has cargo put the crates into its cache. Crates that cannot go into
// one project together, such as two patch versions of one, are fetched apart.
func (c *crates) fetch(ctx context.Context, items []listed) error {
	program, err := exec.LookPath("cargo")
	if err != nil {
		return fmt.Errorf("corpus: %d of the %d crates in %s are not in cargo's cache (%s is not), and cargo is not on the PATH: install Rust with rustup",
			len(items), len(c.items), c.path, items[0].Origin())
	}
	message, err := cargoFetch(ctx, program, items)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("corpus: fetching the crates of %s: %w", c.path, ctx.Err())
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("corpus: running %s: %w", program, err)
	}
	if message == "" {
		message = err.Error()
	}
	if strings.Contains(message, "failed to select a version for `") && len(items) > 1 {
		half := len(items) / 2
		if err := c.fetch(ctx, items[:half]); err != nil {
			return err
		}
		return c.fetch(ctx, items[half:])
	}
	return fmt.Errorf("corpus: %s%s", c.path, c.diagnose(message, items))
}

var (
	unknownCrate   = regexp.MustCompile("^no matching package (?:named )?`([^`]+)` found")
	unknownVersion = regexp.MustCompile("^failed to select a version for the requirement `([^ `]+) = \"=([^\"]+)\"`; *([^;]*)")
)

// diagnose turns what cargo said into what to do, with the line of the list.
func (c *crates) diagnose(message string, items []listed) string {
	offline := strings.Contains(message, "offline mode")
	if m := unknownCrate.FindStringSubmatch(message); m != nil && !offline {
		for _, i := range items {
			if i.Name == m[1] {
				return fmt.Sprintf(":%d: cargo knows no crate %s: correct the name", i.line, i.Name)
			}
		}
	}
	if m := unknownVersion.FindStringSubmatch(message); m != nil && !offline {
		for _, i := range items {
			if i.Name == m[1] && i.Version == m[2] {
				return fmt.Sprintf(":%d: cargo knows no version %s of %s, %s: correct the version", i.line, i.Version, i.Name, m[3])
			}
		}
	}
	if offline {
		return fmt.Sprintf(": cargo is in offline mode and its cache lacks %d crates, %s first: go online once", len(items), items[0].Origin())
	}
	return fmt.Sprintf(": cargo cannot fetch %d crates, %s first: %s: check the network and cargo's settings", len(items), items[0].Origin(), message)
}

// cargoFetch runs cargo in a scratch project that depends on the crates. When
// cargo fails, message is what it says.
func cargoFetch(ctx context.Context, program string, items []listed) (message string, err error) {
	dir, err := os.MkdirTemp("", "crates-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	var toml strings.Builder
	// A workspace of its own, whatever lies in the folders above.
	toml.WriteString("[package]\nname = \"scratch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\n")
	for k, i := range items {
		// Renamed, so that two versions of a crate can be there.
		fmt.Fprintf(&toml, "c%d = { package = %q, version = %q, default-features = false }\n", k, i.Name, "="+i.Version)
	}
	manifest := filepath.Join(dir, "Cargo.toml")
	if err := os.WriteFile(manifest, []byte(toml.String()), 0o666); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "lib.rs"), nil, 0o666); err != nil {
		return "", err
	}
	// Run where the user is, so that the .cargo/config.toml there counts.
	cmd := exec.CommandContext(ctx, program, "fetch", "--manifest-path", manifest, "--target", cargoTarget)
	cmd.Env = append(os.Environ(), "CARGO_TERM_COLOR=never", "CARGO_TERM_PROGRESS_WHEN=never")
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Run()
	return cargoMessage(stderr.String()), err
}

var scratchPackage = regexp.MustCompile("(required by| as a dependency of| of)? ?package `scratch [^`]*`")

// cargoMessage is cargo's complaint in one line: what follows "error:",
// without the notes about the scratch project.
func cargoMessage(stderr string) string {
	_, text, ok := strings.Cut("\n"+stderr, "\nerror: ")
	if !ok {
		text = stderr
	}
	var parts []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		line = scratchPackage.ReplaceAllString(line, "")
		if line == "" || line == "Caused by:" || strings.HasPrefix(line, "location searched:") {
			continue
		}
		parts = append(parts, line)
	}
	const longest = 400
	s := strings.Join(parts, "; ")
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}
