package tensorbundle

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/mosaic"
)

// partPrefix begins the keys of partitions, and of nothing else.
const partPrefix = "\x00"

// slice is a partition of a variable: where it begins and how far it reaches, along each dimension.
type slice []extent

// extent is a part of a dimension; a length of -1 is all of it.
type extent struct{ start, length int64 }

// parseSlice reads a TensorSliceProto.
func (e *entry) parseSlice(p []byte) error {
	if len(e.slices) >= maxParts {
		return checkpoint.Limit("variable in more than %d partitions", maxParts)
	}
	s := slice{}
	err := eachField(p, func(num protowire.Number, _ uint64, body []byte) error {
		if num != 1 {
			return nil
		}
		if len(s) >= 64 {
			return checkpoint.Damaged("partition of more than 64 dimensions")
		}
		x := extent{0, -1}
		err := eachField(body, func(num protowire.Number, v uint64, _ []byte) error {
			switch num {
			case 1:
				x.start = int64(v)
			case 2:
				x.length = int64(v)
			}
			return nil
		})
		s = append(s, x)
		return err
	})
	e.slices = append(e.slices, s)
	return err
}

// assemble puts a variable together from its partitions, which the table has in front of all variables.
func (b *bundle) assemble(name string, e entry) (*checkpoint.Tensor, error) {
	typ, ok := plainTypes[e.dtype]
	if !ok {
		return nil, checkpoint.Unsupported("partitions of TensorFlow data type %d", e.dtype)
	}
	var tiles []mosaic.Tile
	for _, s := range e.slices {
		key := s.key(name)
		part, ok := b.parts[key]
		if !ok {
			return nil, checkpoint.Damaged("a partition is not there, or named twice")
		}
		delete(b.parts, key)
		if part.dtype != e.dtype || len(part.slices) > 0 || len(s) != len(e.shape) {
			return nil, checkpoint.Damaged("partition of another type or number of dimensions")
		}
		offsets, shape := make([]int64, len(s)), make([]int64, len(s))
		for d, x := range s {
			offsets[d], shape[d] = x.start, x.length
			if x.length < 0 {
				offsets[d], shape[d] = 0, e.shape[d]
			}
		}
		if !slices.Equal(part.shape, shape) {
			return nil, checkpoint.Damaged("partition of shape %s instead of %s", checkpoint.ShapeText(part.shape), checkpoint.ShapeText(shape))
		}
		t, err := b.tensor(name, part)
		if err != nil {
			return nil, err
		}
		tiles = append(tiles, mosaic.Tile{Offsets: offsets, Tensor: t})
	}
	return mosaic.Assemble(e.shape, typ.dtype, typ.bits, tiles)
}

// key is where the table has a partition: 0, the variable's name, the number of dimensions and each start and length, in an
// encoding that sorts as they do (EncodeTensorNameSlice in tensorflow/core/util/saved_tensor_slice_util.cc, OrderedCode in
// tensorflow/core/lib/strings/ordered_code.cc).
func (s slice) key(name string) string {
	key := []byte(partPrefix)
	for i := range len(name) {
		key = append(key, name[i])
		switch name[i] {
		case 0:
			key = append(key, 0xff)
		case 0xff:
			key = append(key, 0)
		}
	}
	key = append(key, 0, 1) // the end of the name
	if n := len(s); n > 0 {
		key = append(key, 1, byte(n))
	} else {
		key = append(key, 0)
	}
	for _, x := range s {
		key = appendOrdered(appendOrdered(key, x.start), x.length)
	}
	return string(key)
}

// appendOrdered writes a number as n bytes of 7 bits each, big endian, with n leading ones in front of the first of them;
// the bits in front are all inverted where the number is negative.
func appendOrdered(p []byte, v int64) []byte {
	magnitude := uint64(v)
	if v < 0 {
		magnitude = ^magnitude
	}
	n := bits.Len64(magnitude)/7 + 1
	var whole [10]byte
	if v < 0 {
		whole[0], whole[1] = 0xff, 0xff
	}
	binary.BigEndian.PutUint64(whole[2:], uint64(v))
	x := whole[len(whole)-n:]
	header := uint16(0xffff) << (16 - n)
	x[0] ^= byte(header >> 8)
	if n > 8 {
		x[1] ^= byte(header)
	}
	return append(p, x...)
}
