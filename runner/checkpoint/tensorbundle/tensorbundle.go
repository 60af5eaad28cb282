// Package tensorbundle reads TensorFlow's checkpoints (tf.train.Checkpoint, the variables of a SavedModel): a table of
// entries in NAME.index, and the tensors in NAME.data-00000-of-00001 and so on beside it.
package tensorbundle

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/filepool"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

const (
	suffix = ".index"
	// maxShards bounds the data files.
	maxShards = 10_000
	// maxStrings bounds a tensor of strings, which is held in memory but for its only string.
	maxStrings = 16 << 20
)

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
		data, size, err := pool.Add(filepath.Join(filepath.Dir(index.Name()), name), homes)
		if err != nil {
			return nil, 0, fmt.Errorf("data file %s: %w", name, err)
		}
		return data, size, nil
	}
	if err := read(ctx, f, &table{r, size}, shard); err != nil {
		return nil, err
	}
	return f, nil
}

// bundle is a checkpoint being read.
type bundle struct {
	header  header
	opener  func(i, n int64) (io.ReaderAt, int64, error)
	shards  map[int64]shard
	tree    *tree.Builder
	stored  []checksum
	strings int64 // bytes of strings that are held
}

type shard struct {
	r    io.ReaderAt
	size int64
}

// checksum is what the index says of a tensor's bytes.
type checksum struct {
	name   string
	data   checkpoint.Data
	begin  uint32 // sum of what precedes data
	masked uint32
}

func read(ctx context.Context, f *checkpoint.File, t *table, opener func(i, n int64) (io.ReaderAt, int64, error)) error {
	b := &bundle{opener: opener, shards: map[int64]shard{}, tree: tree.NewBuilder(f)}
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
	if e.sliced {
		return checkpoint.Unsupported("variable in partitions")
	}
	data, err := b.data(e)
	if err != nil {
		return err
	}
	p, err := root.Key(name)
	if err != nil {
		return err
	}
	if e.dtype == typeString {
		return b.text(p, e, data)
	}
	b.stored = append(b.stored, checksum{name: name, data: data, masked: e.checksum})
	dtype, err := dtypeOf(e.dtype)
	if err != nil {
		return err
	}
	t, err := checkpoint.NewTensor(dtype, dtype.Bits(), e.shape, data)
	if err != nil {
		return err
	}
	return b.tree.Tensor(p, t)
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
	}
	if e.offset < 0 || e.size < 0 || e.offset > s.size || e.size > s.size-e.offset {
		return nil, checkpoint.Damaged("%d bytes at %d of a data file of %d", e.size, e.offset, s.size)
	}
	return checkpoint.Section(s.r, e.offset, e.size), nil
}

// text adds strings: the length of each, a checksum of the lengths, the strings. A tensor of one string without
// dimensions is a value of bytes, one of a dimension a list of them. The checksums cover the lengths as fixed numbers
// (WriteStringTensor in tensorflow/core/util/tensor_bundle/tensor_bundle.cc).
func (b *bundle) text(p *keypath.Path, e entry, data checkpoint.Data) error {
	if len(e.shape) > 1 {
		return checkpoint.Unsupported("strings of shape %s", checkpoint.ShapeText(e.shape))
	}
	n, err := checkpoint.Elements(e.shape)
	if err != nil {
		return err
	}
	if n > data.Size() {
		return checkpoint.Damaged("%d strings in %d bytes", n, data.Size())
	}
	head := make([]byte, min(data.Size(), n*10+4)) // a length takes up to 10 bytes
	if b.strings += int64(len(head)); b.strings > maxStrings {
		return checkpoint.Limit("strings of more than %d MiB", maxStrings>>20)
	}
	if err := checkpoint.ReadFull(data, head, 0); err != nil {
		return err
	}
	at := int64(0)
	var lengths []int64
	total, sum := int64(0), uint32(0)
	for range n {
		v, used := protowire.ConsumeVarint(head[at:])
		if used < 0 || v > uint64(data.Size()) || total > data.Size() {
			return checkpoint.Damaged("string with a length that passes the end")
		}
		at += int64(used)
		total += int64(v)
		lengths = append(lengths, int64(v))
		fixed := binary.LittleEndian.AppendUint64(nil, v)
		if v <= math.MaxUint32 {
			fixed = fixed[:4]
		}
		sum = crc32.Update(sum, castagnoli(), fixed)
	}
	if at+4 > int64(len(head)) || sum != unmask(binary.LittleEndian.Uint32(head[at:])) {
		return checkpoint.Damaged("lengths of strings do not have their checksum")
	}
	b.stored = append(b.stored, checksum{p.String(), checkpoint.Section(data, at, data.Size()-at), sum, e.checksum})
	at += 4
	if at+total != data.Size() {
		return checkpoint.Damaged("strings of %d bytes in %d", total, data.Size()-at)
	}
	if len(e.shape) == 0 {
		return b.tree.Bytes(p, checkpoint.Section(data, at, total))
	}
	l, err := b.tree.List(p)
	if err != nil {
		return err
	}
	for _, n := range lengths {
		if err := b.tree.Bytes(l.Next(), checkpoint.Section(data, at, n)); err != nil {
			return err
		}
		at += n
	}
	l.End()
	return nil
}

// verify compares the bytes of every tensor with the checksum in the index.
func (b *bundle) verify(ctx context.Context) error {
	table := castagnoli()
	buf := make([]byte, 256<<10)
	for _, c := range b.stored {
		sum := c.begin
		for off := int64(0); off < c.data.Size(); {
			if err := ctx.Err(); err != nil {
				return err
			}
			p := buf[:min(int64(len(buf)), c.data.Size()-off)]
			if err := checkpoint.ReadFull(c.data, p, off); err != nil {
				return err
			}
			sum = crc32.Update(sum, table, p)
			off += int64(len(p))
		}
		if sum != unmask(c.masked) {
			return checkpoint.Damaged("tensor %q does not have its checksum", checkpoint.Clip(c.name, 80))
		}
	}
	return nil
}
