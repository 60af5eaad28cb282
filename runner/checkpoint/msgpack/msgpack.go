// Package msgpack reads the files of flax.serialization.to_bytes: MessagePack with NumPy arrays as types of its own.
package msgpack

import (
	"context"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

const (
	// maxText bounds a string that is held in memory.
	maxText = 1 << 20
	// maxChunks bounds the pieces of an array, which flax makes 1 GiB long.
	maxChunks = 1 << 12
	// chunked is the first key of a dictionary that stands for a large array.
	chunked = "__msgpack_chunked_array__"
)

// flax's types (_MsgpackExtType in flax/serialization.py).
const (
	extArray   = 1
	extComplex = 2
	extScalar  = 3
)

// Reader reads flax's MessagePack files.
type Reader struct{}

// Format returns "msgpack".
func (Reader) Format() string { return "msgpack" }

// Sniff accepts a dictionary with a first key that is a text; MessagePack has no magic string.
func (Reader) Sniff(head []byte, _ string, _ int64) bool {
	if len(head) < 2 {
		return false
	}
	key := head[1:]
	switch {
	case head[0] == 0xde && len(head) > 3:
		key = head[3:]
	case head[0] == 0xdf && len(head) > 5:
		key = head[5:]
	case head[0] <= 0x80 || head[0] > 0x8f:
		return false
	}
	return key[0] >= 0xa0 && key[0] <= 0xbf || key[0] == 0xd9
}

// Open reads the structure. A file that breaks off before its first array is of no known format unless its name ends in
// ".msgpack".
func (Reader) Open(ctx context.Context, r io.ReaderAt, size int64, name string) (*checkpoint.File, error) {
	f := &checkpoint.File{Format: "msgpack"}
	x := &reader{ctx: ctx, decoder: newDecoder(r, 0, size, 64<<10), tree: tree.NewBuilder(f)}
	err := x.value(nil)
	if err == nil && x.at != size {
		err = checkpoint.Damaged("%d bytes behind the value", size-x.at)
	}
	if err != nil {
		if x.arrays == 0 && !strings.HasSuffix(name, ".msgpack") {
			err = fmt.Errorf("%w: %w", checkpoint.ErrUnknownFormat, err)
		}
		return nil, err
	}
	return f, x.tree.Finish()
}

type reader struct {
	*decoder
	ctx    context.Context
	tree   *tree.Builder
	arrays int // read so far
}

func (x *reader) value(p *keypath.Path) error {
	head, err := x.next()
	if err != nil {
		return err
	}
	switch head.kind {
	case null:
		return x.tree.None(p)
	case boolean:
		return x.tree.Bool(p, head.yes)
	case integer:
		return x.tree.Int(p, head.i)
	case real:
		return x.tree.Float(p, head.f)
	case text:
		s, err := x.bytes(head.n)
		if err != nil {
			return err
		}
		return x.tree.String(p, s)
	case binaries:
		if err := x.tree.Bytes(p, checkpoint.Section(x.file, x.at, head.n)); err != nil {
			return err
		}
		return x.skip(head.n)
	case array:
		return x.list(p, head.n)
	case mapping:
		return x.dict(p, head.n)
	}
	return x.extension(p, head)
}

func (x *reader) list(p *keypath.Path, n int64) error {
	l, err := x.tree.List(p)
	if err != nil {
		return err
	}
	for range n {
		if err := x.value(l.Next()); err != nil {
			return err
		}
	}
	l.End()
	return nil
}

func (x *reader) dict(p *keypath.Path, n int64) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	var d *tree.Dict
	for i := range n {
		key, err := x.next()
		if err != nil {
			return err
		}
		name := ""
		switch key.kind {
		case text:
			if name, err = x.bytes(key.n); err != nil {
				return err
			}
		case integer:
			name = key.i.String()
		default:
			return checkpoint.Unsupported("key of %q that is neither text nor integer", checkpoint.Clip(p.String(), 80))
		}
		if name == chunked && key.kind == text {
			if i > 0 || n != 3 {
				return checkpoint.Unsupported("dictionary %q, which is part of an array and more", checkpoint.Clip(p.String(), 80))
			}
			return x.chunked(p)
		}
		if i == 0 {
			if d, err = x.tree.Dict(p); err != nil {
				return err
			}
		}
		var member *keypath.Path
		if key.kind == integer {
			member, err = d.NumberKey(name)
		} else {
			member, err = d.Key(name)
		}
		if err != nil {
			return err
		}
		if err := x.value(member); err != nil {
			return err
		}
	}
	if d == nil {
		var err error
		if d, err = x.tree.Dict(p); err != nil {
			return err
		}
	}
	d.End()
	return nil
}

func (x *reader) extension(p *keypath.Path, head token) error {
	at := x.at
	if err := x.skip(head.n); err != nil {
		return err
	}
	var e checkpoint.Entry
	switch head.ext {
	case extArray, extScalar:
		t, err := parseArray(x.file, at, x.at)
		if err != nil {
			return fmt.Errorf("array %q: %w", checkpoint.Clip(p.String(), 80), err)
		}
		x.arrays++
		if head.ext == extArray {
			return x.tree.Tensor(p, t)
		}
		if e, err = scalarEntry(t); err != nil {
			return err
		}
	case extComplex:
		d := newDecoder(x.file, at, x.at, 32)
		var parts [2]token
		pair, err := d.next()
		for i := 0; i < 2 && err == nil; i++ {
			parts[i], err = d.next()
		}
		if err != nil {
			return err
		}
		if pair.kind != array || pair.n != 2 || parts[0].kind != real || parts[1].kind != real || d.at != x.at {
			return checkpoint.Damaged("complex number %q that is no pair of reals", checkpoint.Clip(p.String(), 80))
		}
		e = complexEntry(parts[0].f, parts[1].f)
	default:
		return checkpoint.Unsupported("MessagePack extension %d, which is none of flax's, in %q", head.ext, checkpoint.Clip(p.String(), 80))
	}
	return x.tree.Add(p, e)
}

func complexEntry(re, im float64) checkpoint.Entry {
	return checkpoint.Entry{
		Kind: checkpoint.KindNumber, Type: "complex",
		Text: strings.TrimSuffix(strconv.FormatComplex(complex(re, im), 'g', -1, 128), "i)") + "j)",
		Data: checkpoint.Text(pyobject.FloatBytes(re) + pyobject.FloatBytes(im)),
	}
}

// chunked adds an array in pieces: {chunked: True, "shape": {"0": ...}, "chunks": {"0": array, ...}}, whose first key was
// read.
func (x *reader) chunked(p *keypath.Path) error {
	damaged := checkpoint.Damaged("array %q in pieces, without shape and pieces in order", checkpoint.Clip(p.String(), 80))
	if yes, err := x.next(); err != nil {
		return err
	} else if yes.kind != boolean || !yes.yes {
		return damaged
	}
	shape := []int64{}
	err := x.numbered("shape", 64, damaged, func() error {
		extent, err := x.next()
		if err != nil {
			return err
		}
		if extent.kind != integer || extent.i.Cmp(big.NewInt(checkpoint.MaxElements)) > 0 || extent.i.Sign() < 0 {
			return damaged
		}
		shape = append(shape, extent.i.Int64())
		return nil
	})
	if err != nil {
		return err
	}
	all := &chunks{}
	var dtype checkpoint.DType
	err = x.numbered("chunks", maxChunks, damaged, func() error {
		head, err := x.next()
		if err != nil {
			return err
		}
		if head.kind != extension || head.ext != extArray {
			return damaged
		}
		at := x.at
		if err := x.skip(head.n); err != nil {
			return err
		}
		t, err := parseArray(x.file, at, x.at)
		if err != nil {
			return err
		}
		if len(t.Shape) != 1 || dtype != "" && t.DType != dtype {
			return damaged
		}
		dtype = t.DType
		all.add(t.Data)
		return nil
	})
	if err != nil {
		return err
	}
	if dtype == "" {
		return damaged
	}
	t, err := checkpoint.NewTensor(dtype, dtype.Bits(), shape, all)
	if err != nil {
		return err
	}
	x.arrays++
	return x.tree.Tensor(p, t)
}

// numbered reads the key name and a dictionary of up to most members with the keys "0", "1", ..., as flax writes tuples.
func (x *reader) numbered(name string, most int64, damaged error, member func() error) error {
	key := func(want string) error {
		head, err := x.next()
		if err != nil {
			return err
		}
		if head.kind != text {
			return damaged
		}
		s, err := x.bytes(head.n)
		if err == nil && s != want {
			err = damaged
		}
		return err
	}
	if err := key(name); err != nil {
		return err
	}
	head, err := x.next()
	if err != nil {
		return err
	}
	if head.kind != mapping || head.n > most {
		return damaged
	}
	for i := range head.n {
		if err := key(strconv.FormatInt(i, 10)); err != nil {
			return err
		}
		if err := member(); err != nil {
			return err
		}
	}
	return nil
}
