package onnx

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Fields of TensorProto (onnx/onnx.proto).
const (
	tensorDims         = 1
	tensorType         = 2
	tensorSegment      = 3
	tensorFloats       = 4
	tensorInt32s       = 5
	tensorStrings      = 6
	tensorInt64s       = 7
	tensorName         = 8
	tensorRaw          = 9
	tensorDoubles      = 10
	tensorUint64s      = 11
	tensorDoc          = 12
	tensorExternal     = 13
	tensorDataLocation = 14
	tensorMetadata     = 16
)

const typeString = 8

// element is an element type: its name, its size in the file's raw form, and the field that holds it otherwise.
type element struct {
	name  checkpoint.DType
	bits  int
	field protowire.Number
}

// elementOf returns the type with a number of TensorProto.DataType.
func elementOf(n int64) (element, error) {
	switch n {
	case 1:
		return element{checkpoint.Float32, 32, tensorFloats}, nil
	case 2:
		return element{checkpoint.Uint8, 8, tensorInt32s}, nil
	case 3:
		return element{checkpoint.Int8, 8, tensorInt32s}, nil
	case 4:
		return element{checkpoint.Uint16, 16, tensorInt32s}, nil
	case 5:
		return element{checkpoint.Int16, 16, tensorInt32s}, nil
	case 6:
		return element{checkpoint.Int32, 32, tensorInt32s}, nil
	case 7:
		return element{checkpoint.Int64, 64, tensorInt64s}, nil
	case 9:
		return element{checkpoint.Bool, 8, tensorInt32s}, nil
	case 10:
		return element{checkpoint.Float16, 16, tensorInt32s}, nil
	case 11:
		return element{checkpoint.Float64, 64, tensorDoubles}, nil
	case 12:
		return element{checkpoint.Uint32, 32, tensorUint64s}, nil
	case 13:
		return element{checkpoint.Uint64, 64, tensorUint64s}, nil
	case 14:
		return element{checkpoint.Complex64, 64, tensorFloats}, nil
	case 15:
		return element{checkpoint.Complex128, 128, tensorDoubles}, nil
	case 16:
		return element{checkpoint.BFloat16, 16, tensorInt32s}, nil
	case 17:
		return element{checkpoint.Float8E4M3FN, 8, tensorInt32s}, nil
	case 18:
		return element{checkpoint.Float8E4M3FNUZ, 8, tensorInt32s}, nil
	case 19:
		return element{checkpoint.Float8E5M2, 8, tensorInt32s}, nil
	case 20:
		return element{checkpoint.Float8E5M2FNUZ, 8, tensorInt32s}, nil
	case 21:
		return element{"uint4", 4, tensorInt32s}, nil
	case 22:
		return element{"int4", 4, tensorInt32s}, nil
	case 23:
		return element{"float4_e2m1fn", 4, tensorInt32s}, nil
	case 24:
		return element{checkpoint.Float8E8M0FNU, 8, tensorInt32s}, nil
	case 25:
		return element{"uint2", 2, tensorInt32s}, nil
	case 26:
		return element{"int2", 2, tensorInt32s}, nil
	}
	return element{}, checkpoint.Unsupported("tensor data type %d", n)
}

// tensor is a TensorProto.
type tensor struct {
	name     string
	shape    []int64
	typ      int64
	raw      *message
	typed    []field // of one number
	strings  []string
	external map[string]string
	outside  bool
}

func parseTensor(m message) (*tensor, error) {
	t := &tensor{shape: []int64{}, external: map[string]string{}}
	err := m.each(func(f field) (err error) {
		switch f.num {
		case tensorDims:
			return eachVarint(f, func(v uint64) error {
				if len(t.shape) >= 64 {
					return checkpoint.Damaged("more than 64 dimensions")
				}
				t.shape = append(t.shape, int64(v))
				return nil
			})
		case tensorType:
			t.typ, err = f.number()
		case tensorFloats, tensorInt32s, tensorInt64s, tensorDoubles, tensorUint64s:
			if len(t.typed) > 0 && t.typed[0].num != f.num {
				return checkpoint.Damaged("values in the fields %d and %d", t.typed[0].num, f.num)
			}
			if m.src.held += 64; m.src.held > maxHeld {
				return checkpoint.Limit("values of a tensor in too many pieces")
			}
			t.typed = append(t.typed, f)
		case tensorStrings:
			if m.src.held += 32; m.src.held > maxHeld {
				return checkpoint.Limit("too many strings in a tensor")
			}
			s, err := f.text()
			t.strings = append(t.strings, s)
			return err
		case tensorName:
			t.name, err = f.text()
		case tensorRaw:
			if t.raw != nil {
				return checkpoint.Damaged("raw data twice")
			}
			var body message
			body, err = f.message()
			t.raw = &body
		case tensorExternal:
			return t.externalPair(f)
		case tensorDataLocation:
			var where int64
			where, err = f.number()
			if t.outside = where == 1; where > 1 || where < 0 {
				return checkpoint.Unsupported("data location %d", where)
			}
		case tensorDoc, tensorMetadata:
		case tensorSegment:
			return checkpoint.Unsupported("tensor in segments")
		default:
			return checkpoint.Unsupported("tensor with a field %d", f.num)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", checkpoint.Clip(t.name, 80), err)
	}
	return t, nil
}

func (t *tensor) externalPair(f field) error {
	key, value, err := pair(f)
	if err != nil {
		return err
	}
	if _, twice := t.external[key]; twice || len(t.external) > 16 {
		return checkpoint.Damaged("external data with the property %q twice, or with too many", checkpoint.Clip(key, 40))
	}
	t.external[key] = value
	return nil
}

// data returns the tensor for any type but strings.
func (t *tensor) data(outside *outside) (*checkpoint.Tensor, error) {
	typ, err := elementOf(t.typ)
	if err != nil {
		return nil, err
	}
	var data checkpoint.Data
	switch {
	case t.outside && (t.raw != nil || len(t.typed) > 0), t.raw != nil && len(t.typed) > 0, len(t.strings) > 0:
		return nil, checkpoint.Damaged("tensor with its data in two places")
	case t.outside:
		n, err := checkpoint.Elements(t.shape)
		if err != nil {
			return nil, err
		}
		if data, err = outside.section(t.external, (n*int64(typ.bits)+7)/8); err != nil {
			return nil, err
		}
	case t.raw != nil:
		data = checkpoint.Section(t.raw.src.r, t.raw.at, t.raw.size())
	default:
		if data, err = t.values(typ); err != nil {
			return nil, err
		}
	}
	return checkpoint.NewTensor(typ.name, typ.bits, t.shape, data)
}

// values brings the typed fields into the form of raw data.
func (t *tensor) values(typ element) (checkpoint.Data, error) {
	if len(t.typed) == 0 {
		return checkpoint.Text(""), nil
	}
	if num := t.typed[0].num; num != typ.field {
		return nil, checkpoint.Damaged("values of %s in field %d, where %d is theirs", typ.name, num, typ.field)
	}
	if typ.field == tensorFloats || typ.field == tensorDoubles {
		return t.fixed()
	}
	var out []byte
	src := t.typed[0].body.src
	for _, f := range t.typed {
		err := eachVarint(f, func(v uint64) error {
			if !typ.fits(v) {
				return checkpoint.Damaged("value %d in a tensor of %s", int64(v), typ.name)
			}
			n := max(typ.bits/8, 1)
			if src.held += int64(n); src.held > maxHeld {
				return checkpoint.Limit("integers of more than %d MiB that are not raw data", maxHeld>>20)
			}
			out = append(out, binary.LittleEndian.AppendUint64(nil, v)[:n]...)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return bytes.NewReader(out), nil
}

// fits reports whether a varint is a value of the type; for types smaller than a byte, a byte of several values.
func (e element) fits(v uint64) bool {
	n := int64(v)
	switch e.name {
	case checkpoint.Bool:
		return v <= 1
	case checkpoint.Int8:
		return n >= math.MinInt8 && n <= math.MaxInt8
	case checkpoint.Int16:
		return n >= math.MinInt16 && n <= math.MaxInt16
	case checkpoint.Int32:
		return n >= math.MinInt32 && n <= math.MaxInt32
	case "uint4", "int4", "uint2", "int2", "float4_e2m1fn":
		return n >= math.MinInt8 && n <= math.MaxUint8
	}
	return e.bits >= 64 || v < 1<<e.bits
}

// fixed returns values of a fixed size. A packed field is already what raw data are.
func (t *tensor) fixed() (checkpoint.Data, error) {
	if first := t.typed[0]; len(t.typed) == 1 && first.typ == protowire.BytesType {
		return checkpoint.Section(first.body.src.r, first.body.at, first.body.size()), nil
	}
	var out []byte
	for _, f := range t.typed {
		switch f.typ {
		case protowire.Fixed32Type:
			out = binary.LittleEndian.AppendUint32(out, uint32(f.value))
		case protowire.Fixed64Type:
			out = binary.LittleEndian.AppendUint64(out, f.value)
		default:
			p, err := f.body.bytes()
			if err != nil {
				return nil, err
			}
			out = append(out, p...)
		}
	}
	return bytes.NewReader(out), nil
}

// eachVarint calls visit for the numbers of a repeated field, packed or not.
func eachVarint(f field, visit func(v uint64) error) error {
	switch f.typ {
	case protowire.VarintType:
		return visit(f.value)
	case protowire.BytesType:
		for m := f.body; m.at < m.end; {
			p, err := m.src.peek(m.at, min(m.end-m.at, binary.MaxVarintLen64))
			if err != nil {
				return err
			}
			v, n := protowire.ConsumeVarint(p)
			if n < 0 {
				return m.damaged()
			}
			if err := visit(v); err != nil {
				return err
			}
			m.at += int64(n)
		}
		return nil
	}
	return f.wrongType()
}
