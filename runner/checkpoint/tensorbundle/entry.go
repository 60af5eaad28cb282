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
	sliced       bool
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
			e.sliced = true
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

// typeString is DT_STRING.
const typeString = 7

// dtypeOf returns the type with a number of DataType (tensorflow/core/framework/types.proto) whose elements are plain
// bytes.
func dtypeOf(n uint64) (checkpoint.DType, error) {
	switch n {
	case 1:
		return checkpoint.Float32, nil
	case 2:
		return checkpoint.Float64, nil
	case 3:
		return checkpoint.Int32, nil
	case 4:
		return checkpoint.Uint8, nil
	case 5:
		return checkpoint.Int16, nil
	case 6:
		return checkpoint.Int8, nil
	case 8:
		return checkpoint.Complex64, nil
	case 9:
		return checkpoint.Int64, nil
	case 10:
		return checkpoint.Bool, nil
	case 11:
		return "qint8", nil
	case 12:
		return "quint8", nil
	case 13:
		return "qint32", nil
	case 14:
		return checkpoint.BFloat16, nil
	case 17:
		return checkpoint.Uint16, nil
	case 18:
		return checkpoint.Complex128, nil
	case 19:
		return checkpoint.Float16, nil
	case 22:
		return checkpoint.Uint32, nil
	case 23:
		return checkpoint.Uint64, nil
	case 24:
		return checkpoint.Float8E5M2, nil
	case 25:
		return checkpoint.Float8E4M3FN, nil
	case 26:
		return checkpoint.Float8E4M3FNUZ, nil
	case 28:
		return checkpoint.Float8E5M2FNUZ, nil
	}
	return "", checkpoint.Unsupported("TensorFlow data type %d", n)
}
