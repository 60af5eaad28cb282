// Package tensorbundle reads TensorFlow's checkpoints (tf.train.Checkpoint, the variables of a SavedModel): a table of
// entries in NAME.index, and the tensors in NAME.data-00000-of-00001 and so on beside it.
package tensorbundle

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/filepool"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

const (
	suffix = ".index"
	// maxShards bounds the data files.
	maxShards = 10_000
	// maxPieces bounds the strings or variants of a tensor, each of which is a value.
	maxPieces = 1 << 17
	// maxParts bounds the partitions of all variables, and maxPartKey the key of one.
	maxParts, maxPartKey = 1 << 16, 8 << 10
)

// dataName is how data files are named after the prefix.
var dataName = regexp.MustCompile(`\.data-\d{5}-of-\d{5}$`)

// Index returns the path of the index where path is the prefix by which TensorFlow names a checkpoint, or one of its data
// files; else path itself.
func Index(path string) string {
	prefix := path
	if at := dataName.FindStringIndex(path); at != nil {
		prefix = path[:at[0]]
	} else if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return path
	}
	if info, err := os.Stat(prefix + suffix); err == nil && info.Mode().IsRegular() {
		return prefix + suffix
	}
	return path
}

// Reader reads the index of a TensorBundle and the data files beside it.
type Reader struct{}

// Format returns "tensorbundle".
func (Reader) Format() string { return "tensorbundle" }

// Sniff goes by the name, because a table's magic number is at its end.
func (Reader) Sniff(_ []byte, name string, size int64) bool {
	return strings.HasSuffix(name, suffix) && size > footerSize
}

// Open reads the index. The data files are found where r is a file with a name, as *os.File is.
func (Reader) Open(ctx context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	f := &checkpoint.File{Format: "tensorbundle"}
	pool := &filepool.Pool{}
	f.OnClose(pool)
	shard := func(i, n int64) (io.ReaderAt, int64, error) {
		index, ok := r.(interface{ Name() string })
		if !ok {
			return nil, 0, checkpoint.Unsupported("tensors beside an index that is not read from a file")
		}
		homes, err := filepool.Homes(index.Name())
		if err != nil {
			return nil, 0, err
		}
		prefix := strings.TrimSuffix(filepath.Base(index.Name()), suffix)
		name := fmt.Sprintf("%s.data-%05d-of-%05d", prefix, i, n)
		path := filepath.Join(filepath.Dir(index.Name()), name)
		data, size, err := pool.Add(path, homes)
		if err != nil {
			return nil, 0, fmt.Errorf("data file %s: %w", name, err)
		}
		f.Beside = append(f.Beside, path)
		return data, size, nil
	}
	if err := read(ctx, f, &table{r, size}, shard); err != nil {
		return nil, err
	}
	return f, nil
}

// bundle is a checkpoint being read.
type bundle struct {
	header header
	opener func(i, n int64) (io.ReaderAt, int64, error)
	shards map[int64]shard
	tree   *tree.Builder
	stored []checksum
	parts  map[string]entry // of variables in partitions, by their keys
	left   int64            // bytes of the data files that no tensor has taken
}

type shard struct {
	r    io.ReaderAt
	size int64
}

// checksum is what the index says of a tensor's bytes.
type checksum struct {
	name   string
	data   []checkpoint.Data // one behind the other
	begin  uint32            // sum of what precedes data
	masked uint32
}

func read(ctx context.Context, f *checkpoint.File, t *table, opener func(i, n int64) (io.ReaderAt, int64, error)) error {
	b := &bundle{opener: opener, shards: map[int64]shard{}, parts: map[string]entry{}, tree: tree.NewBuilder(f)}
	root, err := b.tree.Dict(nil)
	if err != nil {
		return err
	}
	first := true
	err = t.each(func(key, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if first {
			first = false
			if len(key) > 0 {
				return checkpoint.ErrUnknownFormat // a table of something else
			}
			return b.begin(f, value)
		}
		if err := b.add(root, string(key), value); err != nil {
			return fmt.Errorf("tensor %q: %w", checkpoint.Clip(string(key), 80), err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if first {
		return checkpoint.Damaged("index without a header")
	}
	if len(b.parts) > 0 {
		return checkpoint.Damaged("%d partitions that belong to no variable", len(b.parts))
	}
	root.End()
	f.Verify = b.verify
	return b.tree.Finish()
}

func (b *bundle) begin(f *checkpoint.File, p []byte) (err error) {
	if b.header, err = parseHeader(p); err != nil {
		return err
	}
	if b.header.bigEndian {
		return checkpoint.Unsupported("tensors of a big-endian machine")
	}
	if b.header.shards < 0 || b.header.shards > maxShards {
		return checkpoint.Damaged("%d data files", b.header.shards)
	}
	f.Facts = append(f.Facts,
		checkpoint.Fact{Key: "data files", Value: strconv.FormatInt(b.header.shards, 10)},
		checkpoint.Fact{Key: "version", Value: strconv.FormatInt(b.header.version, 10)})
	return nil
}

func (b *bundle) add(root *tree.Dict, name string, value []byte) error {
	e, err := parseEntry(value)
	if err != nil {
		return err
	}
	if strings.HasPrefix(name, partPrefix) {
		if len(b.parts) >= maxParts || len(name) > maxPartKey {
			return checkpoint.Limit("more than %d partitions, or one with a name of %d bytes", maxParts, len(name))
		}
		if len(e.slices) > 0 {
			return checkpoint.Damaged("partition in partitions")
		}
		b.parts[name] = e
		return nil
	}
	p, err := root.Key(name)
	if err != nil {
		return err
	}
	if e.dtype == typeString || e.dtype == typeVariant {
		return b.pieces(p, e)
	}
	t, err := b.tensor(name, e)
	if err != nil {
		return err
	}
	return b.tree.Tensor(p, t)
}

// tensor returns what an entry says, put together where it lies in partitions.
func (b *bundle) tensor(name string, e entry) (*checkpoint.Tensor, error) {
	if len(e.slices) > 0 {
		return b.assemble(name, e)
	}
	data, err := b.data(e)
	if err != nil {
		return nil, err
	}
	b.stored = append(b.stored, checksum{name: name, data: []checkpoint.Data{data}, masked: e.checksum})
	typ, ok := plainTypes[e.dtype]
	if !ok {
		return nil, checkpoint.Unsupported("TensorFlow data type %d", e.dtype)
	}
	return checkpoint.NewTensor(typ.dtype, typ.bits, e.shape, data)
}

// data returns the bytes of an entry.
func (b *bundle) data(e entry) (checkpoint.Data, error) {
	if e.shard < 0 || e.shard >= b.header.shards {
		return nil, checkpoint.Damaged("data file %d of %d", e.shard, b.header.shards)
	}
	s, ok := b.shards[e.shard]
	if !ok {
		r, size, err := b.opener(e.shard, b.header.shards)
		if err != nil {
			return nil, err
		}
		s = shard{r, size}
		b.shards[e.shard] = s
		b.left += size
	}
	if e.offset < 0 || e.size < 0 || e.offset > s.size || e.size > s.size-e.offset {
		return nil, checkpoint.Damaged("%d bytes at %d of a data file of %d", e.size, e.offset, s.size)
	}
	if b.left -= e.size; b.left < 0 {
		return nil, checkpoint.Damaged("tensors that share their bytes")
	}
	return checkpoint.Section(s.r, e.offset, e.size), nil
}

// verify compares the bytes of every tensor with the checksum in the index.
func (b *bundle) verify(ctx context.Context) error {
	table := castagnoli()
	buf := make([]byte, 256<<10)
	for _, c := range b.stored {
		sum := c.begin
		for _, data := range c.data {
			for off := int64(0); off < data.Size(); {
				if err := ctx.Err(); err != nil {
					return err
				}
				p := buf[:min(int64(len(buf)), data.Size()-off)]
				if err := checkpoint.ReadFull(data, p, off); err != nil {
					return err
				}
				sum = crc32.Update(sum, table, p)
				off += int64(len(p))
			}
		}
		if sum != unmask(c.masked) {
			return checkpoint.Damaged("tensor %q does not have its checksum", checkpoint.Clip(c.name, 80))
		}
	}
	return nil
}
