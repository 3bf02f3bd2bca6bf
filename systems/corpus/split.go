package corpus

import (
	"context"
	"fmt"
	"iter"
	"math"
	"regexp"
)

// Validation reports whether text belongs to the validation part when that
// part is to hold the given fraction of all documents.
func Validation(text []byte, fraction float64) bool {
	return below(hashOf(text), fraction)
}

// below reports h < fraction·2⁶⁴ without the overflow of fraction = 1.
func below(h uint64, fraction float64) bool {
	return float64(h>>11)*0x1p-53 < fraction
}

// SplitBy decides by what a document is assigned to a part.
type SplitBy int

const (
	// ByText assigns each text by its own hash.
	ByText SplitBy = iota
	// ByOrigin assigns all documents of an origin together.
	ByOrigin
)

// Split divides a corpus into a training and a validation part.
type Split struct {
	Fraction float64 // of the documents, or of the origins, in [0,1)
	By       SplitBy
}

// Validate reports a fraction outside [0,1).
func (s Split) Validate() error {
	if math.IsNaN(s.Fraction) || s.Fraction < 0 || s.Fraction >= 1 {
		return fmt.Errorf("corpus: validation fraction %v is outside [0,1)", s.Fraction)
	}
	return nil
}

// Validation reports whether d belongs to the validation part.
func (s Split) Validation(d *Document) bool {
	if s.By == ByOrigin {
		return Validation([]byte(Family(d.Origin)), s.Fraction)
	}
	return Validation(d.Text, s.Fraction)
}

// version is the first place in an origin where a crate's version can start.
var version = regexp.MustCompile(`-\d+\.\d+\.\d+`)

// Family is the origin without a crate's version, so that two versions of a
// crate never fall into different parts.
func Family(origin string) string {
	if at := version.FindStringIndex(origin); at != nil && at[0] > 0 {
		return origin[:at[0]]
	}
	return origin
}

// Part is the training or the validation documents of a source. It does not
// complain about an empty part: a small corpus may have no validation text.
func (s Split) Part(source Source, validation bool) Source {
	return part{source, s, validation}
}

type part struct {
	Source
	split      Split
	validation bool
}

func (p part) Documents(ctx context.Context) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		if err := p.split.Validate(); err != nil {
			yield(Document{}, err)
			return
		}
		for d, err := range p.Source.Documents(ctx) {
			if err == nil && p.split.Validation(&d) != p.validation {
				continue
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}
