// Package dcp reads directories of torch.distributed.checkpoint: a pickle of metadata beside files that hold the parts
// of tensors, each part a torch.save of its own. Tensors are put together again, however the ranks had cut them.
package dcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/filepool"
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

// Part reports whether a file in the directory of a checkpoint is of that name one of its own, and not another beside it, such
// as Lightning's meta.pt.
func Part(name string) bool {
	return name == MetadataName || filepath.Ext(name) == ".distcp" || strings.HasPrefix(name, MetadataName+".")
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
	md, err := readMetadata(index)
	if err != nil {
		return err
	}
	pool := &filepool.Pool{}
	f.OnClose(pool)
	home, err := filepool.Homes(index)
	if err != nil {
		return err
	}
	l := &loader{ctx: ctx, f: f, dir: dir, open: open, pool: pool, home: home, files: map[string]storedFile{}, parts: md.parts}
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

func readMetadata(path string) (*metadata, error) {
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
	root, _, err := pickle.Parse(r, 0, info.Size(), pickle.Options{})
	if err != nil {
		return nil, err
	}
	return parseMetadata(root)
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
	parts map[string]map[string]part
	names int // bytes of the names of what is in objects
}

// value adds a tensor or a pickled object.
func (l *loader) value(v value) error {
	parts := l.parts[v.name]
	if v.tensor == nil {
		whole, ok := parts[noOffset]
		if !ok || len(parts) != 1 {
			return checkpoint.Damaged("object in %d parts", len(parts))
		}
		return l.object(v.as, whole)
	}
	if _, err := checkpoint.Elements(v.tensor.size); err != nil {
		return err
	}
	var tiles []mosaic.Tile
	var dtype checkpoint.DType
	for _, chunk := range v.tensor.chunks {
		p, ok := parts[checkpoint.ShapeText(chunk.offsets)]
		if !ok {
			return checkpoint.Damaged("no data for the part at %s", checkpoint.ShapeText(chunk.offsets))
		}
		file, err := l.part(p)
		if err != nil {
			return err
		}
		if len(file.Entries) != 1 || file.Entries[0].Tensor() == nil {
			return checkpoint.Damaged("part of a tensor that is no tensor")
		}
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
	l.f.Findings = append(l.f.Findings, file.Findings...)
	for _, e := range file.Entries {
		e.Name = within(name, e.Name)
		if l.names += len(e.Name); l.names > maxNames {
			return checkpoint.Limit("names of more than %d MiB", maxNames>>20)
		}
		l.f.Entries = append(l.f.Entries, e)
	}
	for _, g := range file.RNG {
		g.Name = within(name, g.Name)
		l.f.RNG = append(l.f.RNG, g)
	}
	return nil
}

// within names a member of what is stored under a name.
func within(name, member string) string {
	if member == "" || member[0] == '[' {
		return name + member
	}
	return name + "." + member
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
	return l.open(l.ctx, checkpoint.Section(file.r, p.off, p.length), p.length, p.path)
}

// metadata is torch.distributed.checkpoint.metadata.Metadata.
type metadata struct {
	values []value
	// parts by the name of the value and the text of their offset.
	parts map[string]map[string]part
	paths map[string][]pickle.Value
}

type value struct {
	name   string
	as     string      // the name among the members of containers
	tensor *tensorInfo // nil for pickled objects
}

type tensorInfo struct {
	size   []int64
	chunks []chunk
}

type chunk struct{ offsets, sizes []int64 }

// part is where a chunk, or an object, lies.
type part struct {
	path        string
	off, length int64
}

// noOffset stands for the offset of an object, which is in one part.
const noOffset = ""

// fields returns the attributes of an instance of a class.
func fields(v pickle.Value, class string) (map[string]pickle.Value, error) {
	o, ok := v.(*pickle.Object)
	if !ok {
		return nil, checkpoint.Damaged("metadata without a %s", class)
	}
	g, _ := o.Global()
	d, isDict := o.State.(*pickle.Dict)
	if g.Name != class || !isDict {
		return nil, checkpoint.Damaged("metadata with %s instead of %s", checkpoint.Clip(g.String(), 80), class)
	}
	m := make(map[string]pickle.Value, len(d.Items))
	for _, pair := range d.Items {
		key, ok := pair.Key.(string)
		if _, twice := m[key]; !ok || twice {
			return nil, checkpoint.Damaged("metadata with an attribute of %s twice, or without a name", class)
		}
		m[key] = pair.Value
	}
	return m, nil
}

func parseMetadata(root pickle.Value) (*metadata, error) {
	top, err := fields(root, "Metadata")
	if err != nil {
		return nil, err
	}
	values, ok1 := top["state_dict_metadata"].(*pickle.Dict)
	stored, ok2 := top["storage_data"].(*pickle.Dict)
	if !ok1 || !ok2 {
		return nil, checkpoint.Damaged("metadata without state_dict_metadata or storage_data")
	}
	md := &metadata{parts: map[string]map[string]part{}}
	count := 0
	for _, pair := range values.Items {
		name, ok := pair.Key.(string)
		if !ok {
			return nil, checkpoint.Damaged("metadata with a name that is no string")
		}
		v := value{name: name}
		if o, ok := pair.Value.(*pickle.Object); ok {
			if g, _ := o.Global(); g.Name == "BytesStorageMetadata" {
				count++
				md.values = append(md.values, v)
				continue
			}
		}
		if v.tensor, err = parseTensor(pair.Value); err != nil {
			return nil, fmt.Errorf("%q: %w", checkpoint.Clip(name, 80), err)
		}
		if count += len(v.tensor.chunks); count > maxParts {
			return nil, checkpoint.Limit("more than %d parts of tensors", maxParts)
		}
		md.values = append(md.values, v)
	}
	if count > maxParts {
		return nil, checkpoint.Limit("more than %d objects", maxParts)
	}
	md.addPaths(top["planner_data"])
	for _, pair := range stored.Items {
		if err := md.addPart(pair); err != nil {
			return nil, err
		}
	}
	return md, md.checkOverlap()
}

func parseTensor(v pickle.Value) (*tensorInfo, error) {
	m, err := fields(v, "TensorStorageMetadata")
	if err != nil {
		return nil, err
	}
	t := &tensorInfo{}
	var ok bool
	if t.size, ok = pyobject.Integers(m["size"]); !ok {
		return nil, checkpoint.Damaged("tensor without a size")
	}
	list, ok := m["chunks"].(*pickle.List)
	if !ok {
		return nil, checkpoint.Damaged("tensor without parts")
	}
	for _, item := range list.Items {
		c, err := fields(item, "ChunkStorageMetadata")
		if err != nil {
			return nil, err
		}
		offsets, ok1 := pyobject.Integers(c["offsets"])
		sizes, ok2 := pyobject.Integers(c["sizes"])
		if !ok1 || !ok2 || len(offsets) != len(t.size) || len(sizes) != len(t.size) {
			return nil, checkpoint.Damaged("part of a tensor without offsets or sizes")
		}
		t.chunks = append(t.chunks, chunk{offsets, sizes})
	}
	return t, nil
}

func (md *metadata) addPart(pair pickle.Pair) error {
	index, err := fields(pair.Key, "MetadataIndex")
	if err != nil {
		return err
	}
	info, err := fields(pair.Value, "_StorageInfo")
	if err != nil {
		return err
	}
	var p part
	name, ok1 := index["fqn"].(string)
	var ok2, ok3, ok4 bool
	p.path, ok2 = info["relative_path"].(string)
	p.off, ok3 = pickle.Int(info["offset"])
	p.length, ok4 = pickle.Int(info["length"])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return checkpoint.Damaged("metadata of a part without name, file or place")
	}
	if t, ok := info["transform_descriptors"]; ok {
		_, none := t.(pickle.None)
		if items, isList := t.(*pickle.List); !none && (!isList || len(items.Items) > 0) {
			return checkpoint.Unsupported("compressed parts")
		}
	}
	offset := noOffset
	if o, ok := index["offset"]; ok {
		if _, none := o.(pickle.None); !none {
			at, ok := pyobject.Integers(o)
			if !ok {
				return checkpoint.Damaged("metadata of a part with an offset of another type")
			}
			offset = checkpoint.ShapeText(at)
		}
	}
	if _, twice := md.parts[name][offset]; twice {
		return checkpoint.Damaged("metadata places the part of %q at %s twice", checkpoint.Clip(name, 80), offset)
	}
	if md.parts[name] == nil {
		md.parts[name] = map[string]part{}
	}
	md.parts[name][offset] = p
	return nil
}

// checkOverlap requires every part to have bytes of its own, as PyTorch writes them.
func (md *metadata) checkOverlap() error {
	var all []part
	for _, parts := range md.parts {
		for _, p := range parts {
			if p.off < 0 || p.length < 0 || p.length > math.MaxInt64-p.off {
				return checkpoint.Damaged("part of %d bytes at %d", p.length, p.off)
			}
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.off, b.off), cmp.Compare(a.length, b.length))
	})
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; a.path == b.path && a.off+a.length > b.off {
			return checkpoint.Damaged("two parts overlap at %d of %q", b.off, checkpoint.Clip(b.path, 80))
		}
	}
	return nil
}
