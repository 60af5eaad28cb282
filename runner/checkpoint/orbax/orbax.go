// Package orbax reads the checkpoints of Orbax, which JAX's libraries write: a directory with the description _METADATA of
// the saved tree and arrays of Zarr version 2 or 3 in chunks, which are values of the database manifest.ocdbt or files.
package orbax

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/filepool"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/strictjson"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

const (
	// ManifestName is the file that stands for a checkpoint.
	ManifestName = "manifest.ocdbt"

	// StepMetadataName is a file beside the checkpoints of one step, with its metrics and the times of saving.
	StepMetadataName = "_CHECKPOINT_METADATA"

	metadataName = "_METADATA"
	// maxMetadata bounds the description of the tree, which takes about 200 bytes a value.
	maxMetadata = 16 << 20
	// maxFiles bounds the files of a checkpoint.
	maxFiles = 100_000
)

// Reader reads a checkpoint by its manifest.
type Reader struct{}

// Format returns "orbax".
func (Reader) Format() string { return "orbax" }

// Sniff looks for the magic number of an OCDBT manifest.
func (Reader) Sniff(head []byte, _ string, _ int64) bool {
	return len(head) >= 4 && binary.BigEndian.Uint32(head) == manifestMagic
}

// Open reads the checkpoint in the directory of the manifest, which must be a file with a name, as *os.File is. The part
// of a checkpoint that one process has written is a database without a description, and of no known format.
func (Reader) Open(ctx context.Context, r io.ReaderAt, _ int64, _ string) (*checkpoint.File, error) {
	named, ok := r.(interface{ Name() string })
	if !ok {
		return nil, checkpoint.Unsupported("files beside a manifest that is not read from a file")
	}
	return open(ctx, filepath.Dir(named.Name()))
}

// IsCheckpoint reports whether a directory is a checkpoint.
func IsCheckpoint(dir string) bool {
	path := filepath.Join(dir, metadataName)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := io.ReadFull(f, head)
	return bytes.Contains(head[:n], []byte(`"tree_metadata"`))
}

// Open reads the checkpoint in a directory.
func Open(ctx context.Context, dir string) (*checkpoint.File, error) {
	f, err := open(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("%s: orbax: %w", dir, err)
	}
	return f, nil
}

func open(ctx context.Context, dir string) (*checkpoint.File, error) {
	text, err := readMetadata(filepath.Join(dir, metadataName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: no %s beside the manifest", checkpoint.ErrUnknownFormat, metadataName)
	}
	if err != nil {
		return nil, err
	}
	f := &checkpoint.File{Format: "orbax", Facts: timesBeside(dir)}
	files := &directory{path: dir, files: map[string]sizedFile{}}
	f.OnClose(&files.pool)
	if err := read(ctx, f, text, files); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if filepath.Base(dir) == keyDirectory {
		f.RNG = append(f.RNG, checkpoint.RNGState{Generator: jaxKey})
	}
	return f, nil
}

func readMetadata(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxMetadata {
		return nil, checkpoint.Limit("%s that is no regular file of up to %d MiB", metadataName, maxMetadata>>20)
	}
	return os.ReadFile(path)
}

// fileSystem holds the files of a checkpoint.
type fileSystem interface {
	// open returns a file and its size, or an error that wraps fs.ErrNotExist.
	open(name string) (io.ReaderAt, int64, error)
	// names lists the files below all directories.
	names() ([]string, error)
}

// directory opens the files of a checkpoint, which must lie below it.
type directory struct {
	path  string
	pool  filepool.Pool
	files map[string]sizedFile
}

type sizedFile struct {
	r    io.ReaderAt
	size int64
}

func (d *directory) open(name string) (io.ReaderAt, int64, error) {
	if f, ok := d.files[name]; ok {
		return f.r, f.size, nil
	}
	if !filepath.IsLocal(name) {
		return nil, 0, checkpoint.Damaged("data in %q, which is not below the checkpoint", checkpoint.Clip(name, 80))
	}
	home, err := filepath.EvalSymlinks(d.path)
	if err != nil {
		return nil, 0, err
	}
	path, err := filepath.EvalSymlinks(filepath.Join(d.path, name))
	if err != nil {
		return nil, 0, fmt.Errorf("data in %q: %w", checkpoint.Clip(name, 80), err)
	}
	if rel, err := filepath.Rel(home, path); err != nil || !filepath.IsLocal(rel) {
		return nil, 0, checkpoint.Damaged("data in %q, a link that leaves the checkpoint", checkpoint.Clip(name, 80))
	}
	r, size, err := d.pool.Add(path, []string{filepath.Dir(path)})
	if err != nil {
		return nil, 0, err
	}
	d.files[name] = sizedFile{r, size}
	return r, size, nil
}

// names implements fileSystem.
func (d *directory) names() (list []string, err error) {
	err = filepath.WalkDir(d.path, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if len(list) >= maxFiles {
			return checkpoint.Limit("checkpoint of more than %d files", maxFiles)
		}
		name, err := filepath.Rel(d.path, path)
		list = append(list, filepath.ToSlash(name))
		return err
	})
	return list, err
}

// measured counts the bytes of the files that were opened.
type measured struct {
	fileSystem
	seen  map[string]bool
	bytes int64
}

func (m *measured) open(name string) (io.ReaderAt, int64, error) {
	r, n, err := m.fileSystem.open(name)
	if err == nil && !m.seen[name] {
		m.seen[name] = true
		m.bytes += n
	}
	return r, n, err
}

// store holds the descriptions of arrays and their chunks.
type store interface {
	// data returns the bytes of a key; ok is false where there is none.
	data(key string) (data checkpoint.Data, ok bool, err error)
	// list returns all keys.
	list() ([]string, error)
}

// loose is a store whose keys are files.
type loose struct{ fileSystem }

func (l loose) list() ([]string, error) { return l.names() }

func (l loose) data(key string) (checkpoint.Data, bool, error) {
	r, n, err := l.open(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return checkpoint.Section(r, 0, n), true, nil
}

// read adds the values that the description lists, whose arrays must be those that are stored.
func read(ctx context.Context, f *checkpoint.File, text []byte, files fileSystem) error {
	md, err := parseMetadata(text)
	if err != nil {
		return err
	}
	counted := &measured{fileSystem: files, seen: map[string]bool{}}
	arrays := &arrays{md: md, store: loose{counted}}
	if md.ocdbt {
		d, err := openDatabase(ctx, counted)
		if err != nil {
			return err
		}
		f.Facts = append(f.Facts, checkpoint.Fact{Key: "database id (random)", Value: d.id})
		arrays.store = d
	}
	texts, err := readStrings(counted)
	if err != nil {
		return err
	}
	if arrays.keys, err = readKeys(counted); err != nil {
		return err
	}
	b := tree.NewBuilder(f)
	root, err := b.Dict(nil)
	if err != nil {
		return err
	}
	for _, leaf := range md.leaves {
		if err := ctx.Err(); err != nil {
			return err
		}
		p, err := root.Key(leaf.name)
		if err != nil {
			return err
		}
		switch leaf.kind {
		case "None":
			err = b.None(p)
		case "Dict", "List", "Tuple", "NamedTuple": // listed where they are empty
			err = empty(b, p, leaf.kind)
		case "jax.Array", "np.ndarray", "scalar":
			if err = arrays.add(b, p, leaf.name); err == nil && arrays.keys[leaf.name] != "" {
				f.RNG = append(f.RNG, checkpoint.RNGState{Name: p.String(), Generator: jaxKey})
			}
		case "string":
			text, ok := texts[leaf.name]
			if !ok {
				return checkpoint.Damaged("no text %q in %s", checkpoint.Clip(leaf.name, 80), stringsName)
			}
			delete(texts, leaf.name)
			err = b.String(p, text)
		default:
			err = checkpoint.Unsupported("value of type %q", checkpoint.Clip(leaf.kind, 40))
		}
		if err != nil {
			return fmt.Errorf("value %q: %w", checkpoint.Clip(leaf.name, 80), err)
		}
	}
	if err := arrays.all(); err != nil {
		return err
	}
	if md.custom != "" {
		var top *keypath.Path
		if err := b.String(top.Bracket("custom metadata"), md.custom); err != nil {
			return err
		}
	}
	for name := range texts {
		return checkpoint.Damaged("text %q in %s that %s does not list", checkpoint.Clip(name, 80), stringsName, metadataName)
	}
	const free = 64 << 20 // of arrays of zeros, which are not stored
	if arrays.bytes > free && (arrays.bytes-free)/1100 > counted.bytes {
		return checkpoint.Limit("arrays of %d bytes in files of %d", arrays.bytes, counted.bytes)
	}
	root.End()
	return b.Finish()
}

// openDatabase reads the database of a checkpoint.
func openDatabase(ctx context.Context, files fileSystem) (*database, error) {
	r, size, err := files.open(ManifestName)
	if err != nil {
		return nil, err
	}
	if size > maxRecord {
		return nil, checkpoint.Limit("manifest of %d bytes", size)
	}
	manifest := make([]byte, size)
	if err := checkpoint.ReadFull(r, manifest, 0); err != nil {
		return nil, err
	}
	return readDatabase(ctx, manifest, files.open)
}

func empty(b *tree.Builder, p *keypath.Path, kind string) error {
	if kind == "Dict" {
		d, err := b.Dict(p)
		if err == nil {
			d.End()
		}
		return err
	}
	l, err := b.List(p)
	if err == nil {
		l.End()
	}
	return err
}

// arrays reads the arrays of a store.
type arrays struct {
	md    *metadata
	store store
	keys  map[string]string // the generators of typed keys of jax.random, by the names of the arrays
	count int
	bytes int64 // of all, unpacked
}

// add adds the array whose keys begin with name.
func (a *arrays) add(b *tree.Builder, p *keypath.Path, name string) error {
	description, parse := description2, parseZarr2
	if a.md.zarr3 {
		description, parse = description3, parseZarr3
	}
	data, ok, err := a.store.data(name + description)
	if err != nil {
		return err
	}
	if !ok {
		return checkpoint.Damaged("it is not stored")
	}
	if data.Size() > maxDescription {
		return checkpoint.Limit("description of %d bytes", data.Size())
	}
	text := make([]byte, data.Size())
	if err := checkpoint.ReadFull(data, text, 0); err != nil {
		return err
	}
	if err := strictjson.Check(text); err != nil {
		return err
	}
	x, err := parse(text, a.md.missing)
	if err != nil {
		return err
	}
	t, err := x.load(func(key string) (checkpoint.Data, bool, error) { return a.store.data(name + "/" + key) })
	if err != nil {
		return err
	}
	if generator := a.keys[name]; generator != "" {
		t.Attrs = "key of jax.random: " + checkpoint.Clip(generator, 80)
	}
	a.count++
	if a.bytes += t.Size(); a.bytes < 0 {
		return checkpoint.Limit("arrays of more than 2^63 bytes")
	}
	return b.Tensor(p, t)
}

// all returns an error where more arrays are stored than were added.
func (a *arrays) all() error {
	keys, err := a.store.list()
	if err != nil {
		return err
	}
	stored := 0
	for _, key := range keys {
		if strings.HasSuffix(key, description2) || strings.HasSuffix(key, description3) {
			stored++
		}
	}
	if stored != a.count {
		return checkpoint.Damaged("%d arrays are stored, %d are described", stored, a.count)
	}
	return nil
}
