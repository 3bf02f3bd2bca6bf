package diag

import (
	"fmt"
	"strings"
)

func (s *Span) position() string { return fmt.Sprintf("%d:%d", s.Line, s.Column) }

// classes lists the codes of every class that is told by its code.
var classes = map[string]string{
	"resolve": "E0405 E0407 E0412 E0423 E0424 E0425 E0426 E0432 E0433 E0531 E0574 E0576 E0583",
	"type": "E0023 E0026 E0027 E0046 E0050 E0053 E0057 E0061 E0069 E0070 E0106 E0107 E0117 E0191 E0271 E0277 E0282 E0283 E0308 E0369 " +
		"E0560 E0599 E0600 E0604 E0605 E0606 E0607 E0608 E0609 E0610 E0614 E0618 E0620",
	"lifetime":  "E0261 E0262 E0263 E0310 E0311 E0478 E0491 E0496 E0621 E0700 E0726",
	"borrow":    "E0373 E0381 E0382 E0384 E0499 E0502 E0503 E0505 E0506 E0507 E0508 E0509 E0515 E0521 E0594 E0596 E0597 E0713 E0716",
	"const":     "E0080 long_running_const_eval",
	"feature":   "E0554 E0658",
	"duplicate": "E0124 E0415 E0416 E0428 E0252 E0592",
}

var classOf = func() map[string]string {
	m := map[string]string{}
	for class, codes := range classes {
		for code := range strings.FieldsSeq(codes) {
			m[code] = class
		}
	}
	return m
}()

// Class says what kind of mistake the message is about, see the package
// comment.
func (d Diagnostic) Class() string {
	switch class, ok := classOf[d.Code]; {
	case ok:
		return class
	case d.Code == "":
		switch {
		case strings.Contains(d.Message, "lifetime may not live long enough"):
			return "lifetime"
		case strings.HasPrefix(d.Message, "cannot find "):
			return "resolve"
		}
		return "syntax"
	case numbered(d.Code):
		return "other"
	}
	return "lint"
}

// Key is the name of the message in a histogram: its code, or its class.
func (d Diagnostic) Key() string {
	if d.Code != "" {
		return d.Code
	}
	return d.Class()
}

// numbered says whether a code has the form E0123.
func numbered(code string) bool {
	if len(code) != 5 || code[0] != 'E' {
		return false
	}
	for _, c := range code[1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
