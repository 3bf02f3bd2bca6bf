package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Mutation: adding a sibling to a module's row in the arrows table below, or
// raising maxFileLines, makes the counter-checks of TestRulesBite fail.

const (
	prefix       = "github.com/nanochat-go/nanochat/"
	maxFileLines = 600
	maxFuncLines = 60
)

// arrows lists, for every module, the siblings that it may import.
var arrows = map[string][]string{
	"precision": nil,
	"optim":     nil,
	"systems":   nil,
	"evalrust":  nil,
	"align":     nil,
	"arch":      {"precision"},
	"hub":       {"precision"},
	"trainer":   {"precision", "optim", "arch", "systems", "evalrust", "align", "hub"},
	"examples":  {"precision", "optim", "arch", "systems", "evalrust", "align", "hub"},
}

// pluginUsers are the modules that may link an XLA plugin outside tests.
var pluginUsers = []string{"trainer", "examples"}

// source is one Go file of the workspace.
type source struct {
	path   string // relative to the root, with slashes
	module string
	lines  int
	file   *ast.File
	fset   *token.FileSet
}

// test says whether a file is of tests alone: by its name, or because it lies in
// an internal package that exists for tests.
func (s source) test() bool {
	dir := filepath.ToSlash(filepath.Dir(s.path))
	return strings.HasSuffix(s.path, "_test.go") || strings.Contains(dir, "/internal/") && strings.HasSuffix(dir, "test")
}

// root walks up to the directory of go.work.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("not inside the workspace: no go.work above the working directory")
		}
		dir = up
	}
}

// sources parses every Go file of the nine modules.
func sources(t *testing.T) []source {
	t.Helper()
	top := root(t)
	var all []source
	for module := range arrows {
		err := filepath.WalkDir(filepath.Join(top, module), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(path, ".go") {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			s := source{module: module, lines: strings.Count(string(text), "\n"), fset: token.NewFileSet()}
			rel, err := filepath.Rel(top, path)
			if err != nil {
				return err
			}
			s.path = filepath.ToSlash(rel)
			s.file, err = parser.ParseFile(s.fset, path, text, parser.ParseComments)
			if err != nil {
				return err
			}
			all = append(all, s)
			return nil
		})
		require.NoError(t, err)
	}
	require.NotEmpty(t, all)
	return all
}

// badImport says why a file of module may not import path, or returns "".
func badImport(module, path string, test bool) string {
	if !test && strings.HasPrefix(path, "github.com/gomlx/go-xla") && !slices.Contains(pluginUsers, module) {
		return "links an XLA plugin"
	}
	rest, ours := strings.CutPrefix(path, prefix)
	if !ours {
		return ""
	}
	sibling, _, _ := strings.Cut(rest, "/")
	if sibling == module || slices.Contains(arrows[module], sibling) {
		return ""
	}
	return "imports " + sibling + " against the arrows"
}

func TestArrows(t *testing.T) {
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if why := badImport(s.module, path, s.test()); why != "" {
				t.Errorf("%s: %s (%s)", s.path, why, path)
			}
		}
	}
}

func TestFileAndFunctionSize(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		if s.lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d: split it by concern", s.path, s.lines, maxFileLines)
		}
		for _, long := range longFunctions(s.fset, s.file) {
			t.Errorf("%s: function %s", s.path, long)
		}
	}
}

// longFunctions names the functions of a file that exceed maxFuncLines.
func longFunctions(fset *token.FileSet, file *ast.File) []string {
	var long []string
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		lines := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
		if lines > maxFuncLines {
			long = append(long, fn.Name.Name+" has "+strconv.Itoa(lines)+" lines")
		}
	}
	return long
}

func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(s.path))
		base := filepath.Base(s.path)
		if !s.test() && !documented[dir] {
			documented[dir] = (base == "doc.go" || base == "main.go") && s.file.Doc != nil
		}
	}
	require.NotEmpty(t, documented)
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has neither a doc.go nor a main.go with a package comment", dir)
		}
	}
}

func TestEveryModuleHasItsDocuments(t *testing.T) {
	top := root(t)
	for module := range arrows {
		for _, name := range []string{"go.mod", "README.md", "CHANGELOG.md"} {
			require.FileExists(t, filepath.Join(top, module, name))
		}
	}
	for _, name := range []string{"README.md", "LICENSE", "CONTRIBUTING.md", "docs/log.md"} {
		require.FileExists(t, filepath.Join(top, name))
	}
}

var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

// code is what Markdown shows as it is.
var code = regexp.MustCompile("(?ms)^```.*?^```|^    [^\n]*$|`[^`\n]*`")

// TestLinks follows every link of a document to a file of the repository.
func TestLinks(t *testing.T) {
	top, followed := root(t), 0
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != top && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		prose := code.ReplaceAllString(string(text), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			followed++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: link to %s: %v", path, m[1], err)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, followed, 9)
}

// TestRulesBite shows that the checks above can fail.
func TestRulesBite(t *testing.T) {
	require.NotEmpty(t, badImport("optim", prefix+"precision/quant", false))
	require.NotEmpty(t, badImport("arch", prefix+"optim", true))
	require.NotEmpty(t, badImport("systems", prefix+"trainer/internal/run", false))
	require.NotEmpty(t, badImport("arch", "github.com/gomlx/go-xla/compute/xla", false))
	require.Empty(t, badImport("arch", "github.com/gomlx/go-xla/compute/xla", true))
	require.Empty(t, badImport("arch", prefix+"precision/quant", false))

	long := "package p\nfunc f() {\n" + strings.Repeat("\t_ = 0\n", maxFuncLines) + "}\n"
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", long, 0)
	require.NoError(t, err)
	require.Len(t, longFunctions(fset, file), 1)
}
