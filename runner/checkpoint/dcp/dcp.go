// Package dcp reads directories of torch.distributed.checkpoint: a pickle of metadata beside files that hold the parts
// of tensors, each part a torch.save of its own. Tensors are put together again, however the ranks had cut them.
package dcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/filepool"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/mosaic"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
)

// MetadataName is the file that makes a directory a checkpoint.
const MetadataName = ".metadata"

const (
	// maxParts bounds the parts of all tensors, and the pickled objects.
	maxParts = 1 << 16
	// maxEntries bounds the values of all objects.
	maxEntries = 1 << 17
	// maxNames bounds the bytes of their names, and of those of all tensors.
	maxNames = 16 << 20
)

// Opener opens one part, a file of torch.save.
type Opener func(ctx context.Context, r io.ReaderAt, size int64, name string) (*checkpoint.File, error)

// IsCheckpoint reports whether a directory is a checkpoint.
func IsCheckpoint(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, MetadataName))
	return err == nil && info.Mode().IsRegular()
}

// Suffix is what names of files with data end in, each of which holds a torch.save for every part that a rank wrote.
const Suffix = ".distcp"

// Part reports whether a file in the directory of a checkpoint is of that name one of its own, and not another beside it, such
// as Lightning's meta.pt.
func Part(name string) bool {
	return name == MetadataName || filepath.Ext(name) == Suffix || strings.HasPrefix(name, MetadataName+".")
}

// Open reads the checkpoint in dir.
func Open(ctx context.Context, dir string, open Opener) (*checkpoint.File, error) {
	f := &checkpoint.File{Format: "torch-dcp"}
	if err := load(ctx, f, dir, open); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), f.Close())
	}
	return f, nil
}

func load(ctx context.Context, f *checkpoint.File, dir string, open Opener) error {
	index := filepath.Join(dir, MetadataName)
	names := pyobject.NewCollector(f, 0) // of what the metadata name, but hold no value of
	md, err := readMetadata(index, names.Named)
	if err == nil {
		err = names.Done()
	}
	if err != nil {
		return names.Warn(err)
	}
	f.Facts = md.facts
	pool := &filepool.Pool{}
	f.OnClose(pool)
	home, err := filepool.Homes(index)
	if err != nil {
		return err
	}
	l := &loader{ctx: ctx, f: f, dir: dir, open: open, pool: pool, home: home, files: map[string]storedFile{}, md: md}
	for _, c := range md.nest() {
		f.Entries = append(f.Entries, c.entry())
	}
	for _, v := range md.values {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.value(v); err != nil {
			return fmt.Errorf("%q: %w", checkpoint.Clip(v.name, 80), err)
		}
	}
	return checkpoint.CheckNames(f.Entries)
}

func readMetadata(path string, named func(pickle.Global)) (*metadata, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, checkpoint.Damaged("%s is not a regular file", MetadataName)
	}
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := parser{shapes: checkpoint.Shapes{}}
	root, _, err := pickle.Parse(r, 0, info.Size(), pickle.Options{Built: x.built, Named: named})
	if err != nil {
		return nil, err
	}
	return x.metadata(root)
}

type storedFile struct {
	r    io.ReaderAt
	size int64
}

type loader struct {
	ctx   context.Context
	f     *checkpoint.File
	dir   string
	open  Opener
	pool  *filepool.Pool
	home  []string
	files map[string]storedFile
	md    *metadata
	names int // bytes of the names of what is in objects
}

// value adds a tensor or a pickled object.
func (l *loader) value(v value) error {
	parts := l.md.partsOf(v.name)
	if v.tensor == nil {
		if len(parts) != 1 || parts[0].offset != noOffset {
			return checkpoint.Damaged("object in %d parts", len(parts))
		}
		return l.object(v.as, parts[0].part)
	}
	if _, err := checkpoint.Elements(v.tensor.size); err != nil {
		return err
	}
	var tiles []mosaic.Tile
	var dtype checkpoint.DType
	for _, chunk := range v.tensor.chunks {
		offset := checkpoint.ShapeText(chunk.offsets)
		at, ok := slices.BinarySearchFunc(parts, offset, func(p placed, offset string) int { return cmp.Compare(p.offset, offset) })
		if !ok {
			return checkpoint.Damaged("no data for the part at %s", offset)
		}
		file, err := l.part(parts[at].part)
		if err != nil {
			return err
		}
		if len(file.Entries) != 1 || file.Entries[0].Tensor() == nil {
			return checkpoint.Damaged("part of a tensor that is no tensor")
		}
		l.findings(v.as, file)
		t := file.Entries[0].Tensor()
		if !slices.Equal(t.Shape, chunk.sizes) {
			return checkpoint.Damaged("part of shape %s instead of %s", checkpoint.ShapeText(t.Shape), checkpoint.ShapeText(chunk.sizes))
		}
		if dtype != "" && t.DType != dtype {
			return checkpoint.Damaged("parts of the types %s and %s", dtype, t.DType)
		}
		dtype = t.DType
		tiles = append(tiles, mosaic.Tile{Offsets: chunk.offsets, Tensor: t})
	}
	t, err := mosaic.Assemble(v.tensor.size, dtype, dtype.Bits(), tiles)
	if err != nil {
		return err
	}
	l.f.Entries = append(l.f.Entries, checkpoint.TensorEntry(v.as, t))
	return nil
}

// object adds a value that was pickled by itself, with all below it.
func (l *loader) object(name string, p part) error {
	file, err := l.part(p)
	if err != nil {
		return err
	}
	if len(l.f.Entries)+len(file.Entries) > maxEntries {
		return checkpoint.Limit("more than %d values", maxEntries)
	}
	l.findings(name, file)
	for _, e := range file.Entries {
		e.Name = keypath.Within(name, e.Name)
		if l.names += len(e.Name); l.names > maxNames {
			return checkpoint.Limit("names of more than %d MiB", maxNames>>20)
		}
		l.f.Entries = append(l.f.Entries, e)
	}
	for _, g := range file.RNG {
		g.Name = keypath.Within(name, g.Name)
		l.f.RNG = append(l.f.RNG, g)
	}
	return nil
}

// findings adds those of the part of a value.
func (l *loader) findings(name string, part *checkpoint.File) {
	for _, x := range part.Findings {
		x.Name = keypath.Within(name, x.Name)
		l.f.Findings = append(l.f.Findings, x)
	}
}

// part opens the torch.save at a place of one of the files.
func (l *loader) part(p part) (*checkpoint.File, error) {
	file, ok := l.files[p.path]
	if !ok {
		if !filepool.PlainName(p.path) {
			return nil, checkpoint.Damaged("part in the file %q, which is not beside the metadata", checkpoint.Clip(p.path, 80))
		}
		r, size, err := l.pool.Add(filepath.Join(l.dir, p.path), l.home)
		if err != nil {
			return nil, err
		}
		file = storedFile{r, size}
		l.files[p.path] = file
	}
	if p.off < 0 || p.length < 0 || p.off > file.size || p.length > file.size-p.off {
		return nil, checkpoint.Damaged("part of %d bytes at %d passes the end of %s", p.length, p.off, p.path)
	}
	return l.open(l.ctx, checkpoint.Section(file.r, p.off, p.length), p.length, "part.pt")
}
