package tensorbundle

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/tree"
)

// pieces adds a tensor whose elements are strings, or variants (the state of a tf.data iterator is a list of them), as
// messages. A tensor of one element without dimensions is a value of bytes, one of several dimensions lists within lists.
func (b *bundle) pieces(p *keypath.Path, e entry) error {
	if len(e.slices) > 0 {
		return checkpoint.Unsupported("partitions of TensorFlow data type %d", e.dtype)
	}
	data, err := b.data(e)
	if err != nil {
		return err
	}
	n, err := checkpoint.Elements(e.shape)
	if err != nil {
		return err
	}
	switch {
	case n > data.Size():
		return checkpoint.Damaged("%d elements in %d bytes", n, data.Size())
	case n > maxPieces:
		return checkpoint.Limit("tensor of %d strings or variants", n)
	}
	split := splitStrings
	if e.dtype == typeVariant {
		split = splitVariants
	}
	list, sum, err := split(data, n)
	if err != nil {
		return err
	}
	sum.name, sum.masked = p.String(), e.checksum
	b.stored = append(b.stored, sum)
	return nested(b.tree, p, e.shape, &list)
}

// nested adds lists of the extents of a shape.
func nested(t *tree.Builder, p *keypath.Path, shape []int64, list *[]checkpoint.Data) error {
	if len(shape) == 0 {
		first := (*list)[0]
		*list = (*list)[1:]
		return t.Bytes(p, first)
	}
	l, err := t.List(p)
	if err != nil {
		return err
	}
	for range shape[0] {
		if err := nested(t, l.Next(), shape[1:], list); err != nil {
			return err
		}
	}
	l.End()
	return nil
}

// splitStrings splits the lengths of all strings, a checksum of the lengths, and the strings. The checksums cover the lengths as
// fixed numbers, of 4 bytes where that is enough (WriteStringTensor in tensorflow/core/util/tensor_bundle/tensor_bundle.cc).
func splitStrings(data checkpoint.Data, n int64) ([]checkpoint.Data, checksum, error) {
	head := make([]byte, min(data.Size(), n*binary.MaxVarintLen64+4))
	if err := checkpoint.ReadFull(data, head, 0); err != nil {
		return nil, checksum{}, err
	}
	at := int64(0)
	var lengths []int64
	total, sum := int64(0), uint32(0)
	for range n {
		v, used := protowire.ConsumeVarint(head[at:])
		if used < 0 || v > uint64(data.Size()) || total > data.Size() {
			return nil, checksum{}, checkpoint.Damaged("string with a length that passes the end")
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
		return nil, checksum{}, checkpoint.Damaged("lengths of strings do not have their checksum")
	}
	covered := []checkpoint.Data{checkpoint.Section(data, at, data.Size()-at)}
	at += 4
	if at+total != data.Size() {
		return nil, checksum{}, checkpoint.Damaged("strings of %d bytes in %d", total, data.Size()-at)
	}
	list := make([]checkpoint.Data, 0, n)
	for _, n := range lengths {
		list = append(list, checkpoint.Section(data, at, n))
		at += n
	}
	return list, checksum{data: covered, begin: sum}, nil
}

// splitVariants splits variants, of each its length, its message and a checksum of all up to there, which cover the lengths as
// fixed numbers of 8 bytes (WriteVariantTensor).
func splitVariants(data checkpoint.Data, n int64) (list []checkpoint.Data, sum checksum, err error) {
	at := int64(0)
	for range n {
		var head [binary.MaxVarintLen64]byte
		p := head[:min(int64(len(head)), data.Size()-at)]
		if err := checkpoint.ReadFull(data, p, at); err != nil {
			return nil, sum, err
		}
		v, used := protowire.ConsumeVarint(p)
		at += int64(max(used, 0))
		if left := data.Size() - at - 4; used < 0 || left < 0 || v > uint64(left) {
			return nil, sum, checkpoint.Damaged("variant with a length that passes the end")
		}
		list = append(list, checkpoint.Section(data, at, int64(v)))
		length := string(binary.LittleEndian.AppendUint64(nil, v))
		sum.data = append(sum.data, checkpoint.Text(length), checkpoint.Section(data, at, int64(v)+4))
		at += int64(v) + 4
	}
	if at != data.Size() {
		return nil, sum, checkpoint.Damaged("%d bytes behind the last variant", data.Size()-at)
	}
	return list, sum, nil
}
