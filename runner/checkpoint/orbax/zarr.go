package orbax

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npy"
)

const (
	// maxDescription bounds the text that describes an array.
	maxDescription = 64 << 10
	// maxShardIndex bounds the index of the chunks in a shard.
	maxShardIndex = 4 << 20
)

// layout is what the description of a Zarr array says, of version 2 or 3.
type layout struct {
	typ   npy.Type
	shape []int64
	// chunk is the shape of what is packed together, stored that of what has a key of its own: the same, or a shard of
	// many chunks.
	chunk, stored []int64
	sharded       bool
	codec         codec
	indexCRC      bool // a CRC-32C follows the index of a shard
	indexFirst    bool // the index is at the beginning of a shard
	// key names what is stored at a position.
	key func(index []int64) string
	// missing tells that chunks that are not stored hold zeros; else all must be stored.
	missing bool
}

// load returns the array as a tensor; stored returns the bytes of a key.
func (a *layout) load(stored func(key string) (checkpoint.Data, bool, error)) (*checkpoint.Tensor, error) {
	if !a.codec.known() {
		return nil, checkpoint.Unsupported("compressor %q", checkpoint.Clip(a.codec.packing, 20))
	}
	if len(a.chunk) != len(a.shape) || len(a.stored) != len(a.shape) {
		return nil, checkpoint.Damaged("chunks of %d dimensions in an array of %d", len(a.chunk), len(a.shape))
	}
	g := &grid{shape: a.shape, chunk: a.chunk, item: a.typ.Item, codec: a.codec}
	if err := g.collect(a, stored); err != nil {
		return nil, err
	}
	return npy.Array(g, a.typ, a.shape, nil)
}

// elementType reads a type as NumPy writes it, or one of the names that TensorStore has added.
func elementType(name string) (npy.Type, error) {
	switch dtype := checkpoint.DType(name); dtype {
	case checkpoint.BFloat16, checkpoint.Float8E4M3FN, checkpoint.Float8E4M3FNUZ, checkpoint.Float8E5M2, checkpoint.Float8E5M2FNUZ:
		return npy.Type{Name: dtype, Item: int64(dtype.Bits() / 8)}, nil
	}
	typ, err := npy.ParseType(name)
	if err == nil && (typ.Object || typ.Item == 0) {
		err = checkpoint.Unsupported("array of type %q", checkpoint.Clip(name, 20))
	}
	return typ, err
}

// joined writes a position: its words behind a prefix.
func joined(words []string, index []int64, separator string) string {
	for _, v := range index {
		words = append(words, strconv.FormatInt(v, 10))
	}
	return strings.Join(words, separator)
}

// shards finds chunks within what is stored.
type shards struct {
	a      *layout
	stored func(key string) (checkpoint.Data, bool, error)
	open   map[string]*shard
}

// shard is a stored value with an index of the chunks in it: offset and length of each, all bits set for one that is not
// stored.
type shard struct {
	data  checkpoint.Data
	index []byte
}

// chunk returns the chunk at a position; ok is false where it is not stored.
func (s *shards) chunk(index []int64) (data checkpoint.Data, ok bool, err error) {
	if !s.a.sharded {
		return s.stored(s.a.key(index))
	}
	outer, number := make([]int64, len(index)), int64(0)
	for d, v := range index {
		n := s.a.stored[d] / s.a.chunk[d]
		outer[d] = v / n
		number = number*n + v%n
	}
	key := s.a.key(outer)
	x, seen := s.open[key]
	if !seen {
		if x, err = s.load(key); err != nil {
			return nil, false, err
		}
		s.open[key] = x
	}
	if x == nil {
		return nil, false, nil
	}
	off, n := binary.LittleEndian.Uint64(x.index[16*number:]), binary.LittleEndian.Uint64(x.index[16*number+8:])
	if off == math.MaxUint64 && n == math.MaxUint64 {
		return nil, false, nil
	}
	size := uint64(x.data.Size())
	if off > size || n > size-off {
		return nil, false, checkpoint.Damaged("chunk of %d bytes at %d of a shard of %d", n, off, size)
	}
	return checkpoint.Section(x.data, int64(off), int64(n)), true, nil
}

// load reads the index of a shard; nil where the shard is not stored.
func (s *shards) load(key string) (*shard, error) {
	data, ok, err := s.stored(key)
	if err != nil || !ok {
		return nil, err
	}
	n := int64(16)
	for d := range s.a.chunk {
		if n *= s.a.stored[d] / s.a.chunk[d]; n > maxShardIndex {
			return nil, checkpoint.Limit("shard of more than %d chunks", maxShardIndex/16)
		}
	}
	whole := n
	if s.a.indexCRC {
		whole += crc32.Size
	}
	if whole > data.Size() {
		return nil, checkpoint.Damaged("shard of %d bytes with an index of %d", data.Size(), whole)
	}
	p, at := make([]byte, whole), data.Size()-whole
	if s.a.indexFirst {
		at = 0
	}
	if err := checkpoint.ReadFull(data, p, at); err != nil {
		return nil, err
	}
	if s.a.indexCRC && binary.LittleEndian.Uint32(p[n:]) != crc32.Checksum(p[:n], crc32.MakeTable(crc32.Castagnoli)) {
		return nil, checkpoint.Damaged("the index of a shard does not have its checksum")
	}
	return &shard{data: data, index: p[:n]}, nil
}

// positive returns an error unless every extent of a chunk is at least 1.
func positive(shape []int64) error {
	if slices.ContainsFunc(shape, func(n int64) bool { return n < 1 }) {
		return checkpoint.Damaged("chunks of shape %s", checkpoint.ShapeText(shape))
	}
	return nil
}
