package orbax

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

const (
	// maxHeight bounds the levels of a tree.
	maxHeight = 16
	// maxHeld bounds the bytes of all nodes and of the values in them.
	maxHeld = 32 << 20
	// maxKeys bounds the keys.
	maxKeys = 1 << 17
)

// dataFile names a file: paths in a node are relative to the base path by which the node was found.
type dataFile struct{ base, rel string }

// place is where a node or a value lies.
type place struct {
	file        dataFile
	off, length uint64
}

// value is what a key stands for: bytes in a node, or somewhere in a file.
type value struct {
	held []byte
	at   *place
}

// database is an OCDBT key-value store (github.com/google/tensorstore, kvstore/ocdbt/index.rst).
type database struct {
	ctx  context.Context
	open func(name string) (io.ReaderAt, int64, error)
	id   string // random, as the names of its data files are
	held int64
	last string
	keys []string // in order
	of   map[string]value
}

// readDatabase reads all keys of the newest version.
func readDatabase(ctx context.Context, manifest []byte, open func(name string) (io.ReaderAt, int64, error)) (*database, error) {
	r, err := openRecord(manifest, manifestMagic)
	if err != nil {
		return nil, err
	}
	id := r.bytes(16)
	if kind := r.number(); kind != 0 && r.err == nil {
		return nil, checkpoint.Unsupported("OCDBT database with numbered manifests")
	}
	r.number() // most bytes of a value in a node
	r.number() // most bytes of a node
	r.byte()   // arity of the tree of versions
	if r.number() == 1 {
		r.bytes(4) // level of compression
	}
	files := r.files("")
	n := r.count()
	if n == 0 && r.err == nil {
		return nil, checkpoint.Damaged("OCDBT database without a version")
	}
	r.column(n) // generations
	heights := r.bytes(uint64(n))
	roots := r.places(n, files)
	r.column(n)       // numbers of keys
	r.column(n)       // bytes of trees
	if r.err != nil { // what follows is of older versions
		return nil, r.err
	}
	d := &database{ctx: ctx, open: open, id: fmt.Sprintf("%x", id), of: map[string]value{}}
	newest := roots[n-1]
	if newest.length == 0 {
		return d, nil // an empty tree has no root
	}
	if heights[n-1] > maxHeight {
		return nil, checkpoint.Limit("OCDBT tree of height %d", heights[n-1])
	}
	return d, d.node(newest, heights[n-1], "")
}

// files takes a table of files: columns of lengths of what a path shares with the one before, of what is its own, and of
// its base path, then the paths.
func (r *record) files(base string) []dataFile {
	n := r.count()
	if n == 0 {
		return nil
	}
	shared := append([]uint64{0}, r.column(n-1)...)
	own := r.column(n)
	bases := r.column(n)
	files := make([]dataFile, n)
	path, length := "", 0
	for i := range files {
		if shared[i] > uint64(len(path)) || own[i] > 4096 {
			r.fail(checkpoint.Damaged("OCDBT record with a path that shares too much, or is too long"))
			return nil
		}
		path = path[:shared[i]] + string(r.bytes(own[i]))
		if bases[i] > uint64(len(path)) || len(path) > 4096 || r.err != nil {
			r.fail(checkpoint.Damaged("OCDBT record with a base path that is longer than the path"))
			return nil
		}
		if length += len(base) + len(path); length > maxPaths {
			r.fail(checkpoint.Limit("OCDBT record with paths of more than %d MiB", maxPaths>>20))
			return nil
		}
		files[i] = dataFile{base + path[:bases[i]], path[bases[i]:]}
	}
	return files
}

// places takes n places: columns of files, offsets and lengths.
func (r *record) places(n int, files []dataFile) []place {
	list := make([]place, n)
	for i := range list {
		file := r.number()
		if r.err == nil && file >= uint64(len(files)) {
			// An empty tree lies nowhere.
			if n > 0 && len(files) == 0 && file == 0 {
				continue
			}
			r.fail(checkpoint.Damaged("OCDBT record names file %d of %d", file, len(files)))
		}
		if r.err != nil {
			return nil
		}
		list[i].file = files[file]
	}
	for i := range list {
		list[i].off = r.number()
	}
	for i := range list {
		list[i].length = r.number()
	}
	return list
}

// node adds the keys of the tree whose root is at a place, all of which begin with prefix.
func (d *database) node(at place, height byte, prefix string) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	p, err := d.load(at)
	if err != nil {
		return err
	}
	r, err := openRecord(p, nodeMagic)
	if err != nil {
		return err
	}
	if d.held += int64(len(r.p)); d.held > maxHeld {
		return checkpoint.Limit("OCDBT nodes of more than %d MiB", maxHeld>>20)
	}
	if h := r.byte(); h != height && r.err == nil {
		return checkpoint.Damaged("OCDBT node of height %d where %d is expected", h, height)
	}
	files := r.files(at.file.base)
	n := r.count()
	if n == 0 && r.err == nil {
		return checkpoint.Damaged("OCDBT node without entries")
	}
	shared := append([]uint64{0}, r.column(max(n-1, 0))...)
	own := r.column(n)
	var common []uint64 // how much of an entry's key all keys below it leave out
	if height > 0 {
		common = r.column(n)
	}
	keys := make([]string, n)
	key := ""
	for i := range keys {
		suffix := r.bytes(own[i])
		if r.err != nil {
			return r.err
		}
		if shared[i] > uint64(len(key)) || len(key)+len(suffix) > 1<<16 {
			return checkpoint.Damaged("OCDBT node with a key that shares too much, or is too long")
		}
		key = key[:shared[i]] + string(suffix)
		keys[i] = key
		if d.held += int64(len(key)); d.held > maxHeld {
			return checkpoint.Limit("OCDBT keys of more than %d MiB", maxHeld>>20)
		}
	}
	if height > 0 {
		below := r.places(n, files)
		for range 3 { // numbers of keys, bytes of trees, bytes of values
			r.column(n)
		}
		if err := r.end(); err != nil {
			return err
		}
		for i, at := range below {
			if common[i] > uint64(len(keys[i])) {
				return checkpoint.Damaged("OCDBT node with a common prefix that is longer than the key")
			}
			if err := d.node(at, height-1, prefix+keys[i][:common[i]]); err != nil {
				return err
			}
		}
		return nil
	}
	return d.leaves(r, files, prefix, keys)
}

// leaves adds the values of a leaf: columns of lengths, kinds, and files and offsets of those that lie elsewhere, then the
// others.
func (d *database) leaves(r *record, files []dataFile, prefix string, keys []string) error {
	lengths := r.column(len(keys))
	kinds := r.bytes(uint64(len(keys)))
	values := make([]value, len(keys))
	for i, kind := range kinds {
		if kind > 1 {
			return checkpoint.Damaged("OCDBT value of kind %d", kind)
		}
		if kind == 0 {
			continue
		}
		file := r.number()
		if r.err != nil || file >= uint64(len(files)) {
			return checkpoint.Damaged("OCDBT node names file %d of %d", file, len(files))
		}
		values[i].at = &place{file: files[file], length: lengths[i]}
	}
	for i := range values {
		if values[i].at != nil {
			values[i].at.off = r.number()
		}
	}
	for i := range values {
		if values[i].at == nil {
			values[i].held = r.bytes(lengths[i])
		}
	}
	if err := r.end(); err != nil {
		return err
	}
	for i, key := range keys {
		full := prefix + key
		if len(d.keys) > 0 && full <= d.last {
			return checkpoint.Damaged("OCDBT key %q behind %q", checkpoint.Clip(full, 80), checkpoint.Clip(d.last, 80))
		}
		if len(d.keys) >= maxKeys {
			return checkpoint.Limit("OCDBT database of more than %d keys", maxKeys)
		}
		if d.held += int64(len(prefix)); d.held > maxHeld {
			return checkpoint.Limit("OCDBT keys of more than %d MiB", maxHeld>>20)
		}
		d.last = full
		d.keys = append(d.keys, full)
		d.of[full] = values[i]
	}
	return nil
}

// section returns the bytes at a place.
func (d *database) section(at place) (checkpoint.Data, error) {
	r, size, err := d.open(at.file.base + at.file.rel)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, checkpoint.Damaged("%v", err)
	}
	if err != nil {
		return nil, err
	}
	if at.off > uint64(size) || at.length > uint64(size)-at.off {
		return nil, checkpoint.Damaged("%d bytes at %d of a file of %d", at.length, at.off, size)
	}
	return checkpoint.Section(r, int64(at.off), int64(at.length)), nil
}

func (d *database) load(at place) ([]byte, error) {
	if at.length > maxRecord {
		return nil, checkpoint.Limit("OCDBT node of %d bytes", at.length)
	}
	s, err := d.section(at)
	if err != nil {
		return nil, err
	}
	p := make([]byte, s.Size())
	return p, checkpoint.ReadFull(s, p, 0)
}

// list implements store.
func (d *database) list() ([]string, error) { return d.keys, nil }

// data implements store.
func (d *database) data(key string) (data checkpoint.Data, ok bool, err error) {
	v, ok := d.of[key]
	if !ok {
		return nil, false, nil
	}
	if v.at == nil {
		return bytes.NewReader(v.held), true, nil
	}
	data, err = d.section(*v.at)
	return data, true, err
}
