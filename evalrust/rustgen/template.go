package rustgen

import (
	"fmt"
	"strings"
)

// vars are the holes of a template and what goes there: name, text, name, text, and so on. Names consist of letters.
type vars []string

// in replaces every $name of a template. A name without a text is a mistake in the family, which its tests find.
func (v vars) in(tmpl string) string {
	var b strings.Builder
	b.Grow(len(tmpl) + 8*len(v))
	for {
		i := strings.IndexByte(tmpl, '$')
		if i < 0 {
			b.WriteString(tmpl)
			return b.String()
		}
		b.WriteString(tmpl[:i])
		end := i + 1
		for end < len(tmpl) && letterByte(tmpl[end]) {
			end++
		}
		b.WriteString(v.get(tmpl[i+1 : end]))
		tmpl = tmpl[end:]
	}
}

func (v vars) get(name string) string {
	for i := 0; i < len(v); i += 2 {
		if v[i] == name {
			return v[i+1]
		}
	}
	panic(fmt.Sprintf("rustgen: a template has no text for $%s", name))
}

func letterByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// tail is a body that consists of one expression.
func tail(expr string) string { return newLines().chain("", expr, "").String() }

// structLitWidth is the width of fields up to which rustfmt leaves a struct literal on one line.
const structLitWidth = 18

// structLit writes a struct literal between prefix and suffix.
func (l *lines) structLit(prefix, name string, fields []string, suffix string) *lines {
	inner := strings.Join(fields, ", ")
	if len(inner) <= structLitWidth {
		return l.add(prefix, name, " { ", inner, " }", suffix)
	}
	l.open(prefix, name)
	for _, f := range fields {
		if strings.HasPrefix(f, "..") {
			l.add(f)
		} else {
			l.add(f, ",")
		}
	}
	l.depth--
	return l.add("}", suffix)
}

// fnHead opens a function, with a parameter on each line where the head would be too wide.
func (l *lines) fnHead(name string, params []string, result string) *lines {
	inner := strings.Join(params, ", ")
	if 4*l.depth+len(name)+len(inner)+len(result)+4 <= lineWidth {
		return l.open(name, "(", inner, ")", result)
	}
	l.add(name, "(")
	l.depth++
	for _, p := range params {
		l.add(p, ",")
	}
	l.depth--
	return l.open(")", result)
}

// call writes a call between prefix and suffix, with an argument on each line where rustfmt would break the list.
func (l *lines) call(prefix, name string, args []string, suffix string) *lines {
	inner := strings.Join(args, ", ")
	if len(inner) <= fnCallWidth && 4*l.depth+len(prefix)+len(name)+len(inner)+2+len(suffix) <= lineWidth {
		return l.add(prefix, name, "(", inner, ")", suffix)
	}
	l.add(prefix, name, "(")
	l.depth++
	for _, a := range args {
		l.add(a, ",")
	}
	l.depth--
	return l.add(")", suffix)
}

// chainHead begins a method chain that goes over several lines and leaves its calls indented.
func (l *lines) chainHead(prefix, receiver, call string) *lines {
	if len(prefix)+len(receiver) <= 4 {
		l.add(prefix, receiver, call).depth++
		return l
	}
	l.add(prefix, receiver).depth++
	return l.add(call)
}

// article is the noun with "a" or "an" before it.
func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// listed joins words as prose does: "a", "a and b", "a, b and c".
func listed(words []string) string {
	n := len(words)
	if n < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
}

// upperFirst makes the first letter of s upper case.
func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// camel turns words joined by underscores into a type's name.
func camel(s string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(s, "_") {
		b.WriteString(upperFirst(part))
	}
	return b.String()
}
