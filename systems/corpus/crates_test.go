package corpus_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nanochat-go/nanochat/systems/corpus"
)

// Mutation: dropping "sum == want" from cargoCache.find fails
// TestCratesChecksum; os.Rename before writeManifest in FetchCrates fails
// TestFetchCratesInterrupted.

// TestMain lets this test binary play cargo: see fakeCargo.
func TestMain(m *testing.M) {
	if os.Getenv("FAKE_CARGO") != "" {
		fakeCargo()
	}
	os.Exit(m.Run())
}

// fakeCargo does what `cargo fetch` does, from the folder FAKE_CARGO, and
// answers with cargo 1.95's words when it cannot.
func fakeCargo() {
	fail := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "    Updating crates.io index\nerror: "+format+"\n", args...)
		os.Exit(101)
	}
	registry, cache := os.Getenv("FAKE_CARGO"), filepath.Join(os.Getenv("CARGO_HOME"), "registry", "cache", "test-0")
	log, err := os.OpenFile(filepath.Join(registry, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil || len(os.Args) != 6 || os.Args[1] != "fetch" || os.Args[2] != "--manifest-path" || os.Args[4] != "--target" {
		fail("unexpected arguments %q, log %v", os.Args, err)
	}
	manifest, err := os.ReadFile(os.Args[3])
	if err != nil {
		fail("%v", err)
	}
	wanted := regexp.MustCompile(`(?m)^c\d+ = \{ package = "(.*?)", version = "=(.*?)", default-features = false \}$`).FindAllStringSubmatch(string(manifest), -1)
	fmt.Fprintln(log, len(wanted))
	majors := map[string]string{}
	for _, w := range wanted {
		name, version := w[1], w[2]
		file := name + "-" + version + ".crate"
		switch name {
		case "slow":
			time.Sleep(time.Minute)
		case "offline":
			fail("no matching package named `%s` found\nlocation searched: crates.io index\nAs a reminder, you're using offline mode (--offline) which can sometimes cause surprising resolution failures", name)
		case "network":
			fail("failed to get `%s` as a dependency of package `scratch v0.0.0 (/tmp/x)`\n\nCaused by:\n  download of config.json failed\n\nCaused by:\n  [7] Could not connect to server", name)
		case "vanishing":
			continue
		}
		major, _, _ := strings.Cut(version, ".")
		if other := majors[name+major]; other != "" {
			fail("failed to select a version for `%s`.\n    ... required by package `scratch v0.0.0 (/tmp/x)`\nversions that meet the requirements `=%s` are: %s\n\nall possible versions conflict", name, version, version)
		}
		majors[name+major] = version
		if have, _ := filepath.Glob(filepath.Join(registry, name+"-*.crate")); len(have) == 0 {
			fail("no matching package named `%s` found\nlocation searched: crates.io index\nrequired by package `scratch v0.0.0 (/tmp/x)`", name)
		}
		raw, err := os.ReadFile(filepath.Join(registry, file))
		if err != nil {
			fail("failed to select a version for the requirement `%s = \"=%s\"`\ncandidate versions found which didn't match: 1.0.0\nlocation searched: crates.io index\nrequired by package `scratch v0.0.0 (/tmp/x)`", name, version)
		}
		if err := os.MkdirAll(cache, 0o700); err != nil {
			fail("%v", err)
		}
		if err := os.WriteFile(filepath.Join(cache, file), raw, 0o600); err != nil {
			fail("%v", err)
		}
	}
	os.Exit(0)
}

// cargoWorld is a registry, a cargo that serves it, and a cargo home.
type cargoWorld struct {
	t              *testing.T
	registry, home string
}

// newCargo puts the fake cargo alone on the PATH.
func newCargo(t *testing.T) cargoWorld {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the test's cargo is a symbolic link")
	}
	w := cargoWorld{t, t.TempDir(), t.TempDir()}
	self, err := os.Executable()
	require.NoError(t, err)
	bin := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(bin, "cargo")))
	t.Setenv("PATH", bin)
	t.Setenv("CARGO_HOME", w.home)
	t.Setenv("FAKE_CARGO", w.registry)
	return w
}

// entry is a file of a crate; its name is given with the crate's folder.
type entry struct{ name, text string }

// pack makes a .crate file.
func pack(t *testing.T, files ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range files {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text)), Typeflag: tar.TypeReg}))
		_, err := w.Write([]byte(f.text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	return b.Bytes()
}

// add puts a crate into the registry and returns its line for a list.
func (w cargoWorld) add(name, version, license string, files ...entry) string {
	origin := name + "-" + version
	all := []entry{{origin + "/Cargo.toml", "[package]\nname = \"" + name + "\"\nlicense = \"" + license + "\"\n\n[dependencies]\nlicense = \"no\"\n"}}
	for _, f := range files {
		all = append(all, entry{origin + "/" + f.name, f.text})
	}
	raw := pack(w.t, all...)
	require.NoError(w.t, os.WriteFile(filepath.Join(w.registry, origin+".crate"), raw, 0o600))
	sum := sha256.Sum256(raw)
	return strings.Join([]string{name, version, license, "1", "2", hex.EncodeToString(sum[:])}, "\t")
}

// runs is how often the fake cargo ran, by the number of crates it was given.
func (w cargoWorld) runs() []string {
	log, _ := os.ReadFile(filepath.Join(w.registry, "log"))
	return strings.Fields(string(log))
}

func writeList(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crates.txt")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

func crates(t *testing.T, list string) corpus.Source {
	t.Helper()
	s, err := corpus.Crates(list)
	require.NoError(t, err)
	require.Equal(t, list, s.Name())
	return s
}

// ids lists what a source gives as "ID origin licence".
func ids(t *testing.T, s corpus.Source) []string {
	t.Helper()
	var out []string
	for d, err := range s.Documents(t.Context()) {
		require.NoError(t, err)
		out = append(out, fmt.Sprintf("%s %s %s", d.ID, d.Origin, d.License))
	}
	return out
}

// firstError reads a source until its error.
func firstError(ctx context.Context, s corpus.Source) error {
	for _, err := range s.Documents(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestCrates(t *testing.T) {
	w := newCargo(t)
	b := w.add("beta", "1.0.0", "MIT", entry{"src/lib.rs", "// b"}, entry{"README.md", "no"}, entry{"build.rs", "fn main() {}"})
	a := w.add("alpha", "0.2.1-rc.1+x", "Apache-2.0", entry{"src/z.rs", "// z"}, entry{"src/a.rs", "// a"})
	list := writeList(t, "# a comment", "", b, a+"\r")
	want := []string{
		"beta-1.0.0/src/lib.rs beta-1.0.0 MIT", "beta-1.0.0/build.rs beta-1.0.0 MIT",
		"alpha-0.2.1-rc.1+x/src/z.rs alpha-0.2.1-rc.1+x Apache-2.0", "alpha-0.2.1-rc.1+x/src/a.rs alpha-0.2.1-rc.1+x Apache-2.0",
	}
	s := crates(t, list)
	require.Equal(t, want, ids(t, s))
	require.Equal(t, []string{"2"}, w.runs())
	for d, err := range s.Documents(t.Context()) {
		require.NoError(t, err)
		require.Equal(t, "// b", string(d.Text))
		break // stops early without harm
	}

	t.Setenv("PATH", "") // offline, and without cargo: what is cached suffices
	require.Equal(t, want, ids(t, s))
	require.Equal(t, []string{"2"}, w.runs())
}

// Two columns are enough: the rest is found out.
func TestCratesShortList(t *testing.T) {
	w := newCargo(t)
	full := w.add("beta", "1.0.0", "MIT OR Apache-2.0", entry{"src/lib.rs", "// b"})
	s := crates(t, writeList(t, "beta\t1.0.0"))
	require.Equal(t, []string{"beta-1.0.0/src/lib.rs beta-1.0.0 MIT OR Apache-2.0"}, ids(t, s))
	s = crates(t, writeList(t, "beta\t1.0.0\tZlib"))
	require.Equal(t, []string{"beta-1.0.0/src/lib.rs beta-1.0.0 Zlib"}, ids(t, s))

	// Two registries with different files of that name.
	other := filepath.Join(w.home, "registry", "cache", "another-1")
	require.NoError(t, os.MkdirAll(other, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(other, "beta-1.0.0.crate"), pack(t, entry{"beta-1.0.0/x.rs", "x"}), 0o600))
	require.ErrorContains(t, firstError(t.Context(), s), "two registries hold different files beta-1.0.0.crate: give the SHA-256")
	require.Len(t, ids(t, crates(t, writeList(t, full))), 1)
}

// Versions that cannot be in one project are fetched apart.
func TestCratesConflict(t *testing.T) {
	w := newCargo(t)
	var lines []string
	for _, v := range []string{"1.0.0", "1.0.1", "2.0.0", "1.0.2"} {
		lines = append(lines, w.add("beta", v, "MIT", entry{"lib.rs", v}))
	}
	require.Len(t, ids(t, crates(t, writeList(t, lines...))), 4)
	require.Equal(t, []string{"4", "2", "1", "1", "2"}, w.runs())
}

func TestCratesErrors(t *testing.T) {
	w := newCargo(t)
	good := w.add("beta", "1.0.0", "MIT", entry{"src/lib.rs", "// b"})
	w.add("bare", "1.0.0", "MIT", entry{"README", ""})
	for _, c := range []struct{ line, want string }{
		{"nowhere\t1.0.0", ":2: cargo knows no crate nowhere: correct the name"},
		{"beta\t1.7.0", ":2: cargo knows no version 1.7.0 of beta, candidate versions found which didn't match: 1.0.0: correct the version"},
		{"offline\t1.0.0", ": cargo is in offline mode and its cache lacks"},
		{"network\t1.0.0", "offline-1.0.0"},
		{"vanishing\t1.0.0", ":2: cargo has fetched vanishing-1.0.0 but its cache does not hold vanishing-1.0.0.crate"},
	} {
		list := writeList(t, good, c.line)
		if c.want == "offline-1.0.0" {
			c.want = ": cargo cannot fetch 1 crates, network-1.0.0 first: failed to get `network`; download of config.json failed; [7] Could not connect to server: check the network and cargo's settings"
		}
		err := firstError(t.Context(), crates(t, list))
		require.ErrorContains(t, err, list+c.want)
		require.NotContains(t, err.Error(), "\n")
	}
	require.ErrorIs(t, firstError(t.Context(), crates(t, writeList(t, "bare\t1.0.0"))), corpus.ErrEmpty)

	t.Setenv("PATH", t.TempDir())
	list := writeList(t, good, "other\t1.0.0")
	require.EqualError(t, firstError(t.Context(), crates(t, list)),
		"corpus: 1 of the 2 crates in "+list+" are not in cargo's cache (other-1.0.0 is not), and cargo is not on the PATH: install Rust with rustup")
}

func TestCratesList(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for _, c := range []struct{ line, want string }{
		{"name", "1 columns, want 2 to 6 separated by tabs"},
		{"name 1.0.0", "1 columns, want 2 to 6"},
		{"a\t1.0.0\tMIT\t1\t2\t" + sum + "\tx", "7 columns"},
		{"../a\t1.0.0", `"../a" is not the name of a crate`},
		{"a\t^1.0", `version "^1.0" of a, want an exact one such as 1.2.3`},
		{"a\t1.0.0/..", `version "1.0.0/.." of a`},
		{"a\t1.0.0\tMIT\tmany", `files of a is "many", want a number`},
		{"a\t1.0.0\tMIT\t1\t-2", `bytes of a is "-2", want a number`},
		{"a\t1.0.0\tMIT\t1\t2\tabc", `SHA-256 of a is "abc", want 64 hexadecimal digits`},
		{"ok\t1.0.0", "ok-1.0.0 is on line 1 already"},
	} {
		list := writeList(t, "ok\t1.0.0", c.line)
		_, err := corpus.Crates(list)
		require.ErrorContains(t, err, list+":2: "+c.want)
	}
	_, err := corpus.Crates(writeList(t, "# nothing"))
	require.ErrorIs(t, err, corpus.ErrEmpty)
	_, err = corpus.Crates(filepath.Join(t.TempDir(), "none.txt"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = corpus.Crates(writeList(t, "a\t1.0.0\tMIT\t1\t2\t"+strings.ToUpper(sum)))
	require.NoError(t, err)
}

func TestCratesChecksum(t *testing.T) {
	w := newCargo(t)
	line := w.add("beta", "1.0.0", "MIT", entry{"src/lib.rs", "// b"})
	list := writeList(t, line[:len(line)-64]+strings.Repeat("0", 64))
	err := firstError(t.Context(), crates(t, list))
	require.ErrorContains(t, err, list+":1: ")
	require.ErrorContains(t, err, "listed is "+strings.Repeat("0", 64)+": correct the list, or delete the file")
}

// Archives that are not what cargo makes.
func TestCratesArchive(t *testing.T) {
	w := newCargo(t)
	good := pack(t, entry{"beta-1.0.0/src/lib.rs", strings.Repeat("// b\n", 1000)})
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"outside":    {pack(t, entry{"beta-1.0.0/../../x.rs", "x"}), `entry "beta-1.0.0/../../x.rs" lies outside beta-1.0.0`},
		"absolute":   {pack(t, entry{"/etc/x.rs", "x"}), "lies outside"},
		"other name": {pack(t, entry{"beta-1.0.1/x.rs", "x"}), "lies outside"},
		"not gzip":   {[]byte("hello"), "beta-1.0.0.crate: "},
		"cut off":    {good[:len(good)-20], "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(filepath.Join(w.home, "registry")))
			require.NoError(t, os.WriteFile(filepath.Join(w.registry, "beta-1.0.0.crate"), c.raw, 0o600))
			err := firstError(t.Context(), crates(t, writeList(t, "beta\t1.0.0\tMIT")))
			require.ErrorContains(t, err, c.want)
			out := filepath.Join(t.TempDir(), "out")
			_, err = corpus.FetchCrates(t.Context(), writeList(t, "beta\t1.0.0\tMIT"), out)
			require.ErrorContains(t, err, c.want)
			requireEmpty(t, filepath.Dir(out))
		})
	}
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestCratesCancelled(t *testing.T) {
	newCargo(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := firstError(ctx, crates(t, writeList(t, "slow\t1.0.0")))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 20*time.Second)
}

func TestFetchCrates(t *testing.T) {
	w := newCargo(t)
	long := strings.Repeat("x", 3000)
	lines := []string{
		w.add("beta", "1.0.0", "MIT", entry{"src/lib.rs", "// b"}, entry{"src/min.rs", long}),
		w.add("alpha", "2.0.0", "Apache-2.0", entry{"src/lib.rs", "// a"}, entry{"src/same.rs", "// b"}),
		w.add("void", "1.0.0", "Zlib", entry{"gen.rs", "// @generated"}),
	}
	list, out := writeList(t, lines...), filepath.Join(t.TempDir(), "deep", "crates")
	m, err := corpus.FetchCrates(t.Context(), list, out)
	require.NoError(t, err)
	require.Equal(t, corpus.Count{Documents: 2, Bytes: 8}, m.Kept)
	require.Equal(t, map[corpus.Reason]corpus.Count{
		corpus.Minified: {Documents: 1, Bytes: 3000}, corpus.Duplicate: {Documents: 1, Bytes: 4}, corpus.Generated: {Documents: 1, Bytes: 13},
	}, m.Removed)
	require.Len(t, m.Crates, 3)
	require.Equal(t, corpus.CrateInfo{Name: "void", Version: "1.0.0", License: "Zlib", SHA256: lines[2][len(lines[2])-64:]}, m.Crates[2])
	entries, err := os.ReadDir(filepath.Dir(out)) // nothing else is left there
	require.NoError(t, err)
	require.Len(t, entries, 1)

	want := []string{"alpha-2.0.0/src/lib.rs alpha-2.0.0 Apache-2.0", "beta-1.0.0/src/lib.rs beta-1.0.0 MIT"}
	require.Equal(t, want, ids(t, corpus.Dir(out, "rs")))
	require.Equal(t, want, ids(t, corpus.Dir(out)))

	again, err := corpus.FetchCrates(t.Context(), list, out) // is complete already
	require.NoError(t, err)
	require.Equal(t, m, again)
	_, err = corpus.FetchCrates(t.Context(), writeList(t, lines[0]), out)
	require.ErrorContains(t, err, "holds something else than the crates of")

	// Files that the manifest does not know are not read; missing ones show.
	require.NoError(t, os.WriteFile(filepath.Join(out, "stray.rs"), []byte("x"), 0o600))
	require.Equal(t, want, ids(t, corpus.Dir(out, "rs")))
	require.NoError(t, os.Truncate(filepath.Join(out, "beta-1.0.0", "src", "lib.rs"), 0))
	require.ErrorContains(t, firstError(t.Context(), corpus.Dir(out, ".rs")), "holds 1 files and 0 bytes of beta-1.0.0, its manifest says 1 and 4: delete the folder")
	require.NoError(t, os.WriteFile(filepath.Join(out, "manifest.json"), []byte(`{"format": "nanochat-crates/1", "crates": [`), 0o600))
	require.ErrorContains(t, firstError(t.Context(), corpus.Dir(out, ".rs")), "manifest.json: unexpected end of JSON input")
}

// The manifest of another program is a file like any other.
func TestDirForeignManifest(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(`{"name": "app"}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.rs"), []byte("x"), 0o600))
	require.Equal(t, []string{"a.rs " + filepath.Base(dir) + " "}, ids(t, corpus.Dir(dir, "rs")))
}

func TestFetchCratesKeepsWhatIsThere(t *testing.T) {
	w := newCargo(t)
	list := writeList(t, w.add("beta", "1.0.0", "MIT", entry{"src/lib.rs", "// b"}))
	out := t.TempDir()
	note := filepath.Join(out, "note.txt")
	require.NoError(t, os.WriteFile(note, []byte("mine"), 0o600))
	_, err := corpus.FetchCrates(t.Context(), list, out)
	require.ErrorContains(t, err, "choose another folder")
	_, err = corpus.FetchCrates(t.Context(), list, note)
	require.Error(t, err)
	text, err := os.ReadFile(note)
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))
	require.NoError(t, os.Remove(note))
	_, err = corpus.FetchCrates(t.Context(), list, out) // an empty folder is replaced
	require.NoError(t, err)
}

// Whenever the work is interrupted, there is no folder, or a complete one.
func TestFetchCratesInterrupted(t *testing.T) {
	w := newCargo(t)
	var lines []string
	for i := range 20 {
		lines = append(lines, w.add(fmt.Sprintf("c%d", i), "1.0.0", "MIT", entry{"src/lib.rs", fmt.Sprint("// ", i)}))
	}
	list := writeList(t, lines...)
	_, err := corpus.FetchCrates(t.Context(), list, filepath.Join(t.TempDir(), "x")) // fills the cache
	require.NoError(t, err)
	interrupted := 0
	for n := range 400 {
		parent := t.TempDir()
		out := filepath.Join(parent, "crates")
		_, err := corpus.FetchCrates(&countdown{Context: t.Context(), left: n}, list, out)
		if err == nil {
			require.Len(t, ids(t, corpus.Dir(out, "rs")), 20)
			break
		}
		require.ErrorIs(t, err, context.Canceled)
		requireEmpty(t, parent)
		interrupted++
	}
	require.Greater(t, interrupted, 20)
}

// countdown is cancelled after it has been asked a number of times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestRealCrates fetches the list named by CRATES_LIST with the real cargo and
// compares what is kept with its columns.
func TestRealCrates(t *testing.T) {
	list := os.Getenv("CRATES_LIST")
	if list == "" {
		t.Skip("CRATES_LIST does not name a list of crates to fetch with cargo")
	}
	out := filepath.Join(t.TempDir(), "crates")
	start := time.Now()
	m, err := corpus.FetchCrates(t.Context(), list, out)
	require.NoError(t, err)
	took := time.Since(start)
	removed, err := json.Marshal(m.Removed)
	require.NoError(t, err)
	t.Logf("%d crates, %d files, %d bytes in %.2f s; removed %s", len(m.Crates), m.Kept.Documents, m.Kept.Bytes, took.Seconds(), removed)
	text, err := os.ReadFile(list)
	require.NoError(t, err)
	for _, c := range m.Crates {
		require.Contains(t, string(text), fmt.Sprintf("%s\t%s\t%s\t%d\t%d\t%s\n", c.Name, c.Version, c.License, c.Files, c.Bytes, c.SHA256))
	}
	origins := map[string]bool{}
	for d, err := range corpus.Dir(out, "rs").Documents(t.Context()) {
		require.NoError(t, err)
		require.NotEmpty(t, d.License)
		origins[d.Origin] = true
	}
	require.Len(t, origins, len(m.Crates))
}
