package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Cache keeps results of one type. A nil Cache keeps nothing.
type Cache[T any] struct {
	dir    string
	memory sync.Map // of T by key
}

// Open makes the directory if it does not exist. "" keeps results in memory.
func Open[T any](dir string) (*Cache[T], error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("cache: %w", err)
		}
	}
	return &Cache[T]{dir: dir}, nil
}

// Key is the key of what depends on the parts, each of which has a JSON form.
func Key(parts ...any) string {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(parts); err != nil {
		panic("cache: a part of a key without a JSON form: " + err.Error())
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (c *Cache[T]) path(key string) string { return filepath.Join(c.dir, key[:2], key+".json") }

// Get returns the result of a key.
func (c *Cache[T]) Get(key string) (v T, ok bool) {
	if c == nil {
		return v, false
	}
	if kept, ok := c.memory.Load(key); ok {
		return kept.(T), true
	}
	if c.dir == "" {
		return v, false
	}
	data, err := os.ReadFile(c.path(key))
	if err != nil || json.Unmarshal(data, &v) != nil {
		var none T
		return none, false
	}
	c.memory.Store(key, v)
	return v, true
}

// Put keeps the result of a key.
func (c *Cache[T]) Put(key string, v T) error {
	if c == nil {
		return nil
	}
	c.memory.Store(key, v)
	if c.dir == "" {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	path := c.path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	_, err = f.Write(data)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("cache: %w", err)
	}
	return nil
}
