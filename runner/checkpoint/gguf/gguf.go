// Package gguf reads the models of llama.cpp and ggml: metadata, a table of tensors, and their data, aligned.
// The format is specified in ggml/docs/gguf.md.
package gguf

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

const (
	magic = "GGUF"
	// maxDims is ggml's own bound (GGML_MAX_DIMS).
	maxDims = 4
	// defaultAlignment holds for files that do not say "general.alignment".
	defaultAlignment = 32
)

// Reader reads GGUF files.
type Reader struct{}

// Format returns "gguf".
func (Reader) Format() string { return "gguf" }

// Sniff looks for the magic string.
func (Reader) Sniff(head []byte, _ string, _ int64) bool { return bytes.HasPrefix(head, []byte(magic)) }

// Open reads the metadata, which are the members of a dictionary "metadata", and the table of tensors.
func (Reader) Open(_ context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	f := &checkpoint.File{Format: "gguf"}
	s := newStream(r, size)
	if string(s.bytes(4)) != magic && s.err == nil {
		return nil, checkpoint.ErrUnknownFormat
	}
	version := s.u32()
	switch {
	case s.err != nil:
		return nil, s.err
	case version&0xffff == 0:
		return nil, checkpoint.Unsupported("GGUF file for big-endian machines")
	case version != 2 && version != 3:
		return nil, checkpoint.Unsupported("GGUF version %d", version)
	}
	f.Facts = append(f.Facts, checkpoint.Fact{Key: "version", Value: strconv.FormatUint(uint64(version), 10)})

	tensors := s.count(24)
	pairs := s.count(12)
	if s.err != nil {
		return nil, s.err
	}
	b := tree.NewBuilder(f)
	root, err := b.Dict(nil)
	if err != nil {
		return nil, err
	}
	alignment, err := metadata(s, b, root, pairs)
	if err != nil {
		return nil, err
	}
	// The data begin behind the table, so that is read twice rather than held.
	second := s.again()
	if err := table(s, tensors, func(tensorInfo) error { return nil }); err != nil {
		return nil, err
	}
	data := placement{file: r, start: aligned(s.at, alignment), size: size, alignment: alignment}
	end := data.start
	err = table(second, tensors, func(info tensorInfo) error {
		t, err := data.tensor(info, &end)
		if err != nil {
			return err
		}
		p, err := root.Key(info.name)
		if err != nil {
			return err
		}
		return b.Tensor(p, t)
	})
	if err != nil {
		return nil, err
	}
	root.End()
	if behind := size - aligned(end, alignment); behind > 0 {
		return nil, checkpoint.Damaged("%d bytes behind the last tensor", behind)
	}
	return f, b.Finish()
}

// metadata adds the key-value pairs and returns the alignment of tensors.
func metadata(s *stream, b *tree.Builder, root *tree.Dict, pairs int) (alignment int64, err error) {
	p, err := root.Key("metadata")
	if err != nil {
		return 0, err
	}
	dict, err := b.Dict(p)
	if err != nil {
		return 0, err
	}
	for range pairs {
		key := s.text()
		typ := s.u32()
		if s.err != nil {
			return 0, s.err
		}
		if key == "general.alignment" { // where tensors lie in the file is no content
			n := s.u32()
			if typ != typeUint32 || alignment != 0 || bits.OnesCount32(n) != 1 {
				return 0, checkpoint.Damaged("alignment %d of type %d: one power of two is needed", n, typ)
			}
			alignment = int64(n)
			continue
		}
		p, err := dict.Key(key)
		if err != nil {
			return 0, err
		}
		if err := value(s, b, p, typ); err != nil {
			return 0, fmt.Errorf("metadata %q: %w", checkpoint.Clip(key, 80), err)
		}
		if s.err != nil {
			return 0, fmt.Errorf("metadata %q: %w", checkpoint.Clip(key, 80), s.err)
		}
	}
	dict.End()
	return cmp.Or(alignment, defaultAlignment), nil
}

// tensorInfo is a line of the table of tensors.
type tensorInfo struct {
	name   string
	typ    element
	shape  []int64 // outermost extent first
	offset uint64  // from the beginning of the data
}

// table calls visit for each of n lines.
func table(s *stream, n int, visit func(tensorInfo) error) error {
	for range n {
		info := tensorInfo{name: s.text()}
		dims := s.u32()
		if dims > maxDims {
			return checkpoint.Damaged("tensor %q has %d dimensions", checkpoint.Clip(info.name, 80), dims)
		}
		for range dims {
			extent := s.u64()
			if extent > checkpoint.MaxElements {
				return checkpoint.Limit("tensor %q has an extent of %d", checkpoint.Clip(info.name, 80), extent)
			}
			info.shape = append(info.shape, int64(extent))
		}
		slices.Reverse(info.shape) // ggml lists the innermost extent first
		typ := s.u32()
		info.offset = s.u64()
		if s.err != nil {
			return s.err
		}
		var err error
		if info.typ, err = elementOf(typ); err != nil {
			return fmt.Errorf("tensor %q: %w", checkpoint.Clip(info.name, 80), err)
		}
		if !utf8.ValidString(info.name) {
			return checkpoint.Unsupported("tensor name that is not UTF-8")
		}
		if err := visit(info); err != nil {
			return err
		}
	}
	return nil
}

// placement is where the tensors of a file lie.
type placement struct {
	file                   io.ReaderAt
	start, size, alignment int64
}

// tensor returns a tensor, which must follow the one that ends at end as ggml demands, and moves end behind it.
func (x placement) tensor(info tensorInfo, end *int64) (*checkpoint.Tensor, error) {
	bytes, err := info.typ.size(info.shape)
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", checkpoint.Clip(info.name, 80), err)
	}
	at := aligned(*end, x.alignment)
	if info.offset != uint64(at-x.start) {
		return nil, checkpoint.Damaged("tensor %q is at %d of the data, where %d would follow the one before",
			checkpoint.Clip(info.name, 80), info.offset, at-x.start)
	}
	if bytes > 0 && (at > x.size || bytes > x.size-at) {
		return nil, checkpoint.Damaged("tensor %q of %d bytes passes the end of the file", checkpoint.Clip(info.name, 80), bytes)
	}
	*end = at + bytes
	return &checkpoint.Tensor{DType: info.typ.name, Shape: info.shape, Data: checkpoint.Section(x.file, at, bytes)}, nil
}

// aligned returns the first multiple of alignment that is not below n.
func aligned(n, alignment int64) int64 { return (n + alignment - 1) / alignment * alignment }
