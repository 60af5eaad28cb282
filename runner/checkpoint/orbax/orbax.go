// Package orbax reads the checkpoints of Orbax, which JAX's libraries write: a directory with the database
// manifest.ocdbt, whose values are arrays of Zarr version 2 in chunks, and the description _METADATA of the saved tree.
package orbax

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/filepool"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

const (
	// ManifestName is the file that stands for a checkpoint.
	ManifestName = "manifest.ocdbt"

	metadataName = "_METADATA"
	// maxMetadata bounds the description of the tree, which takes about 200 bytes a value.
	maxMetadata = 16 << 20
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
func (Reader) Open(ctx context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	if size > maxRecord {
		return nil, checkpoint.Limit("manifest of %d bytes", size)
	}
	manifest := make([]byte, size)
	if err := checkpoint.ReadFull(r, manifest, 0); err != nil {
		return nil, err
	}
	named, ok := r.(interface{ Name() string })
	if !ok {
		return nil, checkpoint.Unsupported("files beside a manifest that is not read from a file")
	}
	dir := filepath.Dir(named.Name())
	text, err := readMetadata(filepath.Join(dir, metadataName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: no %s beside the manifest", checkpoint.ErrUnknownFormat, metadataName)
	}
	if err != nil {
		return nil, err
	}
	f := &checkpoint.File{Format: "orbax"}
	files := &directory{path: dir, files: map[string]sizedFile{}}
	f.OnClose(&files.pool)
	if err := read(ctx, f, manifest, text, files.open); err != nil {
		return nil, errors.Join(err, f.Close())
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

// directory opens the files of a database, which must lie below it.
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
		return nil, 0, checkpoint.Damaged("data in %q cannot be found: %v", checkpoint.Clip(name, 80), err)
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

// read adds the values that the description lists, whose arrays must be those of the database.
func read(ctx context.Context, f *checkpoint.File, manifest, text []byte, open func(name string) (io.ReaderAt, int64, error)) error {
	md, err := parseMetadata(text)
	if err != nil {
		return err
	}
	if md.zarr3 {
		return checkpoint.Unsupported("arrays of Zarr version 3")
	}
	db, err := readDatabase(ctx, manifest, open)
	if err != nil {
		return err
	}
	b := tree.NewBuilder(f)
	root, err := b.Dict(nil)
	if err != nil {
		return err
	}
	arrays := 0
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
			arrays++
			err = db.array(b, p, leaf.name)
		default:
			err = checkpoint.Unsupported("value of type %q", checkpoint.Clip(leaf.kind, 40))
		}
		if err != nil {
			return fmt.Errorf("value %q: %w", checkpoint.Clip(leaf.name, 80), err)
		}
	}
	stored := 0
	for _, key := range db.keys {
		if strings.HasSuffix(key, description2) {
			stored++
		}
	}
	if stored != arrays {
		return checkpoint.Damaged("the database has %d arrays, its description %d", stored, arrays)
	}
	root.End()
	return b.Finish()
}

func empty(b *tree.Builder, p *tree.Path, kind string) error {
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

// description2 ends the key of an array's description in Zarr version 2.
const description2 = "/.zarray"

// array adds the array whose keys begin with name.
func (d *database) array(b *tree.Builder, p *tree.Path, name string) error {
	data, ok, err := d.data(name + description2)
	if err != nil {
		return err
	}
	if !ok {
		return checkpoint.Damaged("it is not in the database")
	}
	if data.Size() > maxDescription {
		return checkpoint.Limit("description of %d bytes", data.Size())
	}
	text := make([]byte, data.Size())
	if err := checkpoint.ReadFull(data, text, 0); err != nil {
		return err
	}
	t, err := parseArray(text, func(index string) (checkpoint.Data, bool, error) { return d.data(name + "/" + index) })
	if err != nil {
		return err
	}
	return b.Tensor(p, t)
}
