package rustc

import (
	"fmt"
	"strings"

	"github.com/nanochat-go/nanochat/evalrust/rustlex"
)

// What the refused names do.
const (
	readsFile  = "reads a file while compiling"
	readsEnv   = "reads the environment while compiling"
	rawAsm     = "inline assembly can include files"
	procMacro  = "procedural macros run inside the compiler"
	unstable   = "asks for unstable features"
	linksCode  = "names code outside the source"
	readsOther = "reads another file as a module"
)

// reaching are the names that are refused wherever they stand; nothing else in
// the language is called so.
var reaching = map[string]string{
	"include_str": readsFile, "include_bytes": readsFile, "option_env": readsEnv,
	"global_asm": rawAsm, "naked_asm": rawAsm, "llvm_asm": rawAsm, "proc_macro": procMacro,
}

// invoked are the names that are refused as macros; as variables, functions or
// modules (std::env) they are harmless.
var invoked = map[string]string{"include": readsFile, "env": readsEnv, "asm": rawAsm}

// Refusal says which construct of the source reaches outside of it, and "" when
// there is none. It does not ask whether the source is correct.
func Refusal(source string) string {
	s := scan{source: source, tokens: rustlex.Code(source)}
	mentions := map[string]int{}
	for i, t := range s.tokens {
		if name := t.Name(); name != "" && mentions[name] == 0 {
			mentions[name] = i + 1
		}
	}
	s.macros = mentions["macro_rules"] > 0 || mentions["macro"] > 0
	if s.macros && mentions["mod"] > 0 && mentions["path"] > 0 {
		return s.reason(mentions["path"]-1, "path, with macros and modules", readsOther)
	}
	for i, t := range s.tokens {
		switch {
		case t.Is('#'):
			if why := s.attribute(i); why != "" {
				return why
			}
		case t.Name() == "use":
			s.importing = true
		case t.Is(';'):
			s.importing = false
		case t.Kind == rustlex.Ident:
			if why := s.name(i); why != "" {
				return why
			}
		}
	}
	return ""
}

type scan struct {
	source    string
	tokens    []rustlex.Token
	macros    bool // the source defines macros
	importing bool // inside a use declaration
}

func (s *scan) is(i int, c byte) bool { return i < len(s.tokens) && s.tokens[i].Is(c) }

func (s *scan) named(i int, name string) bool { return i < len(s.tokens) && s.tokens[i].Name() == name }

func (s *scan) reason(i int, what, why string) string {
	line := 1 + strings.Count(s.source[:s.tokens[i].Pos], "\n")
	return fmt.Sprintf("%s in line %d: %s", what, line, why)
}

// name judges an identifier outside attributes.
func (s *scan) name(i int) string {
	name := s.tokens[i].Name()
	if why := reaching[name]; why != "" {
		return s.reason(i, name, why)
	}
	if strings.HasPrefix(name, "proc_macro_") {
		return s.reason(i, name, procMacro)
	}
	why := invoked[name]
	if why == "" {
		return ""
	}
	switch {
	case s.is(i+1, '!') && !s.is(i+2, '='):
		return s.reason(i, name+"!", why)
	case s.macros:
		return s.reason(i, name+", with macros,", why)
	case s.importing && (name != "env" || s.named(i+1, "as")):
		return s.reason(i, "use of "+name, why)
	}
	return ""
}

// attribute judges the attribute that begins at the # at i. Names in it that
// are refused anywhere are left to name.
func (s *scan) attribute(i int) string {
	i++
	if s.is(i, '!') {
		i++
	}
	if !s.is(i, '[') {
		return ""
	}
	for depth := 0; i < len(s.tokens); i++ {
		switch t := s.tokens[i]; {
		case t.Is('['):
			depth++
		case t.Is(']'):
			if depth--; depth == 0 {
				return ""
			}
		case t.Name() == "path" && s.is(i+1, '='):
			return s.reason(i, "attribute path", readsOther)
		case t.Name() == "feature" && s.is(i+1, '('):
			return s.reason(i, "attribute feature", unstable)
		case strings.HasPrefix(t.Name(), "link"):
			return s.reason(i, "attribute "+t.Name(), linksCode)
		}
	}
	return ""
}
