package data

import (
	"context"
	"time"

	"github.com/nanochat-go/nanochat/trainer/internal/config"
)

// Count reads the documents of a configuration and returns what data.json
// would say about them, without tokens. For a prepared folder it returns its
// data.json.
func Count(ctx context.Context, c config.Config) (Manifest, error) {
	if s := c.Data.Sources; len(s) == 1 && isPrepared(s[0].Dir) {
		p, err := Open(s[0].Dir)
		if err != nil {
			return Manifest{}, err
		}
		return p.Manifest, p.Close()
	}
	start := time.Now()
	p, err := pipeline(c.Data, c.Seed)
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{Source: p.Name(), Licenses: map[string]int{}}
	origins, by := map[string]bool{}, split(c.Data)
	for d, err := range p.Documents(ctx) {
		if err != nil {
			return m, explain(err)
		}
		origins[d.Origin] = true
		m.Licenses[d.License]++
		part := &m.Train
		if by.Validation(&d) {
			part = &m.Val
		}
		part.Documents++
		part.Bytes += int64(len(d.Text))
	}
	counts := p.Counts()
	m.Documents, m.Bytes, m.Removed, m.Origins = counts.Kept.Documents, counts.Kept.Bytes, counts.Removed, len(origins)
	m.Seconds = time.Since(start).Seconds()
	return m, nil
}
