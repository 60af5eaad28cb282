// Package sharded reads a model that is spread over several files, with an index that says which file holds which
// tensor: Hugging Face's model.safetensors.index.json and pytorch_model.bin.index.json.
package sharded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/filepool"
	"github.com/reprocheck/reprocheck/runner/checkpoint/strictjson"
)

const (
	// Suffix ends the names of indices.
	Suffix = ".index.json"
	// maxIndex bounds an index, which takes about 100 bytes a tensor.
	maxIndex = 16 << 20
	// maxShards bounds the files of one model.
	maxShards = 10_000
)

// Opener opens one shard of size bytes.
type Opener func(ctx context.Context, r io.ReaderAt, size int64, name string) (*checkpoint.File, error)

// Open reads the index at path and the structure of every shard, one after the other. Tensors are read through a few
// shared file handles, however many shards there are.
func Open(ctx context.Context, path string, open Opener) (*checkpoint.File, error) {
	index, err := readIndex(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	pool := &filepool.Pool{}
	f := &checkpoint.File{Format: "sharded"}
	f.OnClose(pool)
	if err := index.load(ctx, f, path, pool, open); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return f, nil
}

// Shards returns the names of the files that the index at path spreads its tensors over; they lie beside it.
func Shards(path string) ([]string, error) {
	index, err := readIndex(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return index.shards, nil
}

// index is the weight_map of an index file.
type index struct {
	shards []string          // in the order of their first tensor
	of     map[string]string // tensor to shard
}

func readIndex(path string) (*index, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxIndex {
		return nil, checkpoint.Limit("index that is no regular file of up to %d MiB", maxIndex>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := strictjson.Check(text); err != nil {
		return nil, err
	}
	x := &index{of: map[string]string{}}
	return x, x.parse(json.NewDecoder(bytes.NewReader(text)))
}

// parse reads {"metadata": ..., "weight_map": {tensor: shard}}, and refuses a tensor that is there twice.
func (x *index) parse(d *json.Decoder) error {
	damaged := func(what string) error {
		return checkpoint.Damaged("index: %s before offset %d", what, d.InputOffset())
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return damaged("an object is missing")
	}
	found := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return damaged("a key is missing")
		}
		if key != "weight_map" {
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return damaged("a value is missing")
			}
			continue
		}
		if t, err := d.Token(); err != nil || t != json.Delim('{') || found {
			return damaged("one weight_map is needed")
		}
		found = true
		seen := map[string]bool{}
		for d.More() {
			name, err1 := d.Token()
			shard, err2 := d.Token()
			n, ok1 := name.(string)
			s, ok2 := shard.(string)
			if err1 != nil || err2 != nil || !ok1 || !ok2 {
				return damaged("the weight_map has something other than names")
			}
			if _, twice := x.of[n]; twice {
				return checkpoint.Damaged("index has the tensor %q twice", checkpoint.Clip(n, 80))
			}
			x.of[n] = s
			if !seen[s] {
				if !filepool.PlainName(s) {
					return checkpoint.Damaged("index names the shard %q, which is no file beside it", checkpoint.Clip(s, 80))
				}
				seen[s] = true
				x.shards = append(x.shards, s)
			}
		}
		if _, err := d.Token(); err != nil {
			return damaged("the weight_map does not end")
		}
	}
	if !found || len(x.shards) > maxShards {
		return checkpoint.Damaged("index without a weight_map, or with more than %d shards", maxShards)
	}
	return nil
}

func (x *index) load(ctx context.Context, f *checkpoint.File, path string, pool *filepool.Pool, open Opener) error {
	f.Entries = append(f.Entries, checkpoint.Entry{
		Kind: checkpoint.KindObject, Type: "dict", Text: strconv.Itoa(len(x.of)), Structure: true,
		Data: checkpoint.Text(strconv.Itoa(len(x.of))),
	})
	home, err := filepool.Homes(path)
	if err != nil {
		return err
	}
	found := 0
	for _, shard := range x.shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, size, err := pool.Add(filepath.Join(filepath.Dir(path), shard), home)
		if err != nil {
			return fmt.Errorf("shard %q: %w", checkpoint.Clip(shard, 80), err)
		}
		part, err := open(ctx, r, size, shard)
		if err != nil {
			return fmt.Errorf("shard %q: %w", checkpoint.Clip(shard, 80), err)
		}
		f.OnClose(part)
		f.Findings = append(f.Findings, part.Findings...)
		for i := range part.Entries {
			e := &part.Entries[i]
			if e.Structure && e.Name == "" {
				continue
			}
			if x.of[e.Name] != shard {
				return checkpoint.Damaged("shard %q has %q, which the index does not place there", checkpoint.Clip(shard, 80), checkpoint.Clip(e.Name, 80))
			}
			if t := e.Tensor(); t != nil && t.Storage != "" {
				t.Storage = shard + "/" + t.Storage
			}
			f.Entries = append(f.Entries, *e)
			found++
		}
	}
	if found != len(x.of) {
		return checkpoint.Damaged("the shards hold %d of the %d tensors of the index", found, len(x.of))
	}
	f.Facts = append(f.Facts, checkpoint.Fact{Key: "shards", Value: strconv.Itoa(len(x.shards))})
	return checkpoint.CheckNames(f.Entries)
}
