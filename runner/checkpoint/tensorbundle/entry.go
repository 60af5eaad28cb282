package tensorbundle

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// header is a BundleHeaderProto (tensorflow/core/protobuf/tensor_bundle.proto).
type header struct {
	shards    int64
	bigEndian bool
	version   int64
}

// entry is a BundleEntryProto.
type entry struct {
	dtype        uint64
	shape        []int64
	shard        int64
	offset, size int64
	checksum     uint32 // masked
	slices       []slice
}

// eachField calls visit for the fields of a message: with the number of a varint or fixed field, or the bytes.
func eachField(p []byte, visit func(num protowire.Number, v uint64, body []byte) error) error {
	for len(p) > 0 {
		num, typ, n := protowire.ConsumeTag(p)
		if n < 0 {
			return checkpoint.Damaged("entry that is no protocol buffer")
		}
		p = p[n:]
		var v uint64
		var body []byte
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(p)
		case protowire.Fixed32Type:
			var w uint32
			w, n = protowire.ConsumeFixed32(p)
			v = uint64(w)
		case protowire.BytesType:
			body, n = protowire.ConsumeBytes(p)
		default:
			n = -1
		}
		if n < 0 {
			return checkpoint.Damaged("entry that is no protocol buffer")
		}
		if err := visit(num, v, body); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func parseHeader(p []byte) (header, error) {
	var h header
	err := eachField(p, func(num protowire.Number, v uint64, body []byte) error {
		switch num {
		case 1:
			h.shards = int64(v)
		case 2:
			h.bigEndian = v != 0
		case 3:
			return eachField(body, func(num protowire.Number, v uint64, _ []byte) error {
				if num == 1 {
					h.version = int64(v)
				}
				return nil
			})
		}
		return nil
	})
	return h, err
}

func parseEntry(p []byte) (entry, error) {
	e := entry{shape: []int64{}}
	err := eachField(p, func(num protowire.Number, v uint64, body []byte) error {
		switch num {
		case 1:
			e.dtype = v
		case 2:
			return e.parseShape(body)
		case 3:
			e.shard = int64(v)
		case 4:
			e.offset = int64(v)
		case 5:
			e.size = int64(v)
		case 6:
			e.checksum = uint32(v)
		case 7:
			return e.parseSlice(body)
		default:
			return checkpoint.Unsupported("entry with a field %d", num)
		}
		return nil
	})
	return e, err
}

// parseShape reads a TensorShapeProto.
func (e *entry) parseShape(p []byte) error {
	return eachField(p, func(num protowire.Number, v uint64, body []byte) error {
		switch {
		case num == 3 && v != 0:
			return checkpoint.Damaged("tensor of unknown rank")
		case num != 2:
			return nil
		case len(e.shape) >= 64:
			return checkpoint.Damaged("tensor of more than 64 dimensions")
		}
		extent := int64(0)
		err := eachField(body, func(num protowire.Number, v uint64, _ []byte) error {
			if num == 1 {
				extent = int64(v)
			}
			return nil
		})
		e.shape = append(e.shape, extent)
		return err
	})
}

// The numbers of DataType (tensorflow/core/framework/types.proto) whose elements have lengths of their own.
const (
	typeString  = 7
	typeVariant = 21
)

// plainTypes are the numbers of DataType whose elements are plain bytes.
var plainTypes = map[uint64]struct {
	dtype checkpoint.DType
	bits  int
}{
	1: {checkpoint.Float32, 32}, 2: {checkpoint.Float64, 64}, 3: {checkpoint.Int32, 32}, 4: {checkpoint.Uint8, 8},
	5: {checkpoint.Int16, 16}, 6: {checkpoint.Int8, 8}, 8: {checkpoint.Complex64, 64}, 9: {checkpoint.Int64, 64},
	10: {checkpoint.Bool, 8}, 11: {"qint8", 8}, 12: {"quint8", 8}, 13: {"qint32", 32}, 14: {checkpoint.BFloat16, 16},
	15: {"qint16", 16}, 16: {"quint16", 16}, 17: {checkpoint.Uint16, 16}, 18: {checkpoint.Complex128, 128},
	19: {checkpoint.Float16, 16}, 22: {checkpoint.Uint32, 32}, 23: {checkpoint.Uint64, 64},
	24: {checkpoint.Float8E5M2, 8}, 25: {checkpoint.Float8E4M3FN, 8}, 26: {checkpoint.Float8E4M3FNUZ, 8}, 28: {checkpoint.Float8E5M2FNUZ, 8},
}
