// Package sharded reads a model that is spread over several files, with an index that says which file holds which
// tensor: Hugging Face's model.safetensors.index.json and pytorch_model.bin.index.json, and Keras's model.weights.json.
package sharded

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/filepool"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/strictjson"
)

const (
	// Suffix ends the names of Hugging Face's indices.
	Suffix = ".index.json"
	// kerasSuffix ends the names of Keras's indices, and kerasShard those of the files that they name.
	kerasSuffix, kerasShard = ".weights.json", ".weights.h5"
	// maxIndex bounds an index, which takes about 100 bytes a tensor.
	maxIndex = 16 << 20
	// maxOther bounds a value beside the weight_map, which says how many bytes there are.
	maxOther = 1 << 20
	// maxShards bounds the files of one model.
	maxShards = 10_000
)

// Opener opens one shard of size bytes.
type Opener func(ctx context.Context, r io.ReaderAt, size int64, name string) (*checkpoint.File, error)

// IsIndex reports whether the file at path is an index: by its name, and where Keras's says no more than that it holds
// weights, by its content.
func IsIndex(path string) bool {
	if !strings.HasSuffix(path, kerasSuffix) {
		return strings.HasSuffix(path, Suffix)
	}
	text, err := readText(path)
	return err == nil && bytes.Contains(text, []byte(`"weight_map"`)) && bytes.Contains(text, []byte(kerasShard+`"`))
}

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
	shards []string // in the order of their first tensor
	placed []placed // by name
}

// placed is a tensor, or Keras's group of variables, with its shards. Tensors of one shard share the list.
type placed struct {
	name string
	in   places
}

// of returns what the index says of a name, nil where that is nothing.
func (x *index) of(name string) *placed {
	i, ok := slices.BinarySearchFunc(x.placed, name, func(p placed, name string) int { return cmp.Compare(p.name, name) })
	if !ok {
		return nil
	}
	return &x.placed[i]
}

// places are the shards that one name of an index is in: one of Hugging Face, a list of Keras.
type places []string

// UnmarshalJSON reads a name or a list of names.
func (p *places) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil && text[0] == '"' {
		*p = places{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("an empty list of shards")
	}
	*p = list
	return nil
}

func readText(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxIndex {
		return nil, checkpoint.Limit("index that is no regular file of up to %d MiB", maxIndex>>20)
	}
	return os.ReadFile(path)
}

func readIndex(path string) (*index, error) {
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	if err := strictjson.Check(text); err != nil {
		return nil, err
	}
	x := &index{}
	if err := x.parse(json.NewDecoder(bytes.NewReader(text))); err != nil {
		return nil, err
	}
	slices.SortFunc(x.placed, func(a, b placed) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(x.placed); i++ {
		if name := x.placed[i].name; name == x.placed[i-1].name {
			return nil, checkpoint.Damaged("index has the tensor %q twice", checkpoint.Clip(name, 80))
		}
	}
	return x, nil
}

// parse reads {"metadata": ..., "weight_map": {tensor: shard}}, and refuses a tensor that is there twice.
func (x *index) parse(d *json.Decoder) error {
	damaged := func(what string) error {
		return checkpoint.Damaged("index: %s before offset %d", what, d.InputOffset())
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return damaged("an object is missing")
	}
	keys := map[json.Token]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return damaged("a key is missing")
		}
		if keys[key] {
			return checkpoint.Damaged("index with the key %q twice", checkpoint.Clip(fmt.Sprint(key), 80))
		}
		keys[key] = true
		if key != "weight_map" {
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return damaged("a value is missing")
			}
			if len(skipped) > maxOther {
				return checkpoint.Limit("index with %d bytes beside its weight_map", len(skipped))
			}
			if err := strictjson.Unique(skipped); err != nil {
				return err
			}
			continue
		}
		if t, err := d.Token(); err != nil || t != json.Delim('{') {
			return damaged("the weight_map is no object")
		}
		alone := map[string]places{} // the lists that have one shard
		for d.More() {
			name, err := d.Token()
			n, ok := name.(string)
			var in places
			if err != nil || !ok || d.Decode(&in) != nil {
				return damaged("the weight_map has something other than names")
			}
			for _, s := range in {
				if alone[s] != nil {
					continue
				}
				if !filepool.PlainName(s) {
					return checkpoint.Damaged("index names the shard %q, which is no file beside it", checkpoint.Clip(s, 80))
				}
				alone[s] = places{s}
				x.shards = append(x.shards, s)
			}
			if len(in) == 1 {
				in = alone[in[0]]
			}
			x.placed = append(x.placed, placed{keypath.Join("", n), in})
			if len(x.shards) > maxShards {
				return checkpoint.Limit("index of more than %d shards", maxShards)
			}
		}
		if _, err := d.Token(); err != nil {
			return damaged("the weight_map does not end")
		}
	}
	if !keys["weight_map"] {
		return checkpoint.Damaged("index without a weight_map")
	}
	return nil
}

func (x *index) load(ctx context.Context, f *checkpoint.File, path string, pool *filepool.Pool, open Opener) error {
	f.Entries = append(make([]checkpoint.Entry, 0, 1+len(x.placed)), checkpoint.Entry{
		Kind: checkpoint.KindObject, Type: "dict", Text: strconv.Itoa(len(x.placed)), Structure: true,
		Data: checkpoint.Text(strconv.Itoa(len(x.placed))),
	})
	keras := strings.HasSuffix(path, kerasSuffix)
	home, err := filepool.Homes(path)
	if err != nil {
		return err
	}
	found, seen := 0, map[string]string{}
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
		if keras {
			if err := x.addKeras(f, part, shard, seen); err != nil {
				return err
			}
			continue
		}
		for i := range part.Entries {
			e := &part.Entries[i]
			if e.Structure && e.Name == "" {
				continue
			}
			at := x.of(e.Name)
			if at == nil || len(at.in) != 1 || at.in[0] != shard {
				return checkpoint.Damaged("shard %q has %q, which the index does not place there", checkpoint.Clip(shard, 80), checkpoint.Clip(e.Name, 80))
			}
			e.Name = at.name // which is held already
			f.Entries = append(f.Entries, *e)
			found++
		}
		part.Entries = nil
	}
	for _, group := range x.placed {
		if _, ok := seen[group.name]; keras && !ok {
			return checkpoint.Damaged("the shards have nothing of %q", checkpoint.Clip(group.name, 80))
		}
	}
	if !keras && found != len(x.placed) {
		return checkpoint.Damaged("the shards hold %d of the %d tensors of the index", found, len(x.placed))
	}
	f.Facts = append(f.Facts, checkpoint.Fact{Key: "shards", Value: strconv.Itoa(len(x.shards))})
	return checkpoint.CheckNames(f.Entries)
}

// addKeras adds the values of a shard, whose groups the index must place there. Each shard repeats the groups around its
// variables and their attributes. seen holds the attributes that were added, and the groups with variables.
func (x *index) addKeras(f, part *checkpoint.File, shard string, seen map[string]string) error {
	for _, e := range part.Entries {
		if e.Structure {
			continue
		}
		if e.Tensor() == nil {
			if text, ok := seen[e.Name]; ok && text == e.Text {
				continue
			}
			seen[e.Name] = e.Text
		} else {
			group := groupOf(e.Name)
			if at := x.of(group); at == nil || !slices.Contains(at.in, shard) {
				return checkpoint.Damaged("shard %q has %q, which the index does not place there", checkpoint.Clip(shard, 80), checkpoint.Clip(e.Name, 80))
			}
			seen[group] = ""
		}
		f.Entries = append(f.Entries, e)
	}
	return nil
}

// groupOf returns the group of a variable as Keras's index writes it: "/layers/dense/vars" of "layers.dense.vars.0".
func groupOf(name string) string {
	i := max(strings.LastIndexByte(name, '.'), 0)
	return "/" + strings.ReplaceAll(name[:i], ".", "/")
}
