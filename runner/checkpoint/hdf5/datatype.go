package hdf5

import (
	"fmt"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// datatype is an element type.
type datatype struct {
	name checkpoint.DType
	size int64
	swap int64 // size of the units to reverse, 0 for little endian
	// text tells strings; of variable length where variable is set, which lie in a global heap.
	text, variable bool
	signed         bool
}

// parseType reads a datatype message. Types whose meaning is not certain are refused.
func parseType(b *buffer, depth int) (datatype, error) {
	if depth > 8 {
		return datatype{}, checkpoint.Limit("datatypes nested more than 8 deep")
	}
	first := b.u8()
	class, version := first&15, first>>4
	bits := uint32(b.uint(3))
	size := int64(b.u32())
	if b.err != nil {
		return datatype{}, b.err
	}
	t := datatype{size: size}
	switch class {
	case 0: // integer
		offset, precision := b.u16(), b.u16()
		t.signed = bits&8 != 0
		if offset != 0 || int64(precision) != 8*size {
			return t, checkpoint.Unsupported("integers of %d bits in %d bytes", precision, size)
		}
		prefix := "uint"
		if t.signed {
			prefix = "int"
		}
		t.name = checkpoint.DType(prefix + strconv.FormatInt(8*size, 10))
		if size != 1 && size != 2 && size != 4 && size != 8 {
			return t, checkpoint.Unsupported("integers of %d bytes", size)
		}
		if bits&1 != 0 {
			t.swap = size
		}
	case 1: // float
		return floatType(b, t, bits)
	case 3: // string of fixed length
		t.name, t.text = checkpoint.DType(fmt.Sprintf("bytes%d", size)), true
	case 5: // opaque
		t.name = checkpoint.DType(fmt.Sprintf("void%d", size))
	case 6: // compound: complex numbers as h5py writes them
		return complexType(b, t, bits&0xffff, version, depth)
	case 8: // enumeration: booleans as h5py writes them
		return boolType(b, t, bits&0xffff, version, depth)
	case 9: // variable length
		if bits&15 != 1 {
			return t, checkpoint.Unsupported("sequences of variable length")
		}
		t.name, t.text, t.variable = "str", true, true
	default:
		return t, checkpoint.Unsupported("datatype class %d", class)
	}
	if t.size == 0 {
		return t, checkpoint.Damaged("elements of no bytes")
	}
	return t, b.err
}

func floatType(b *buffer, t datatype, bits uint32) (datatype, error) {
	b.skip(4)
	expAt, expBits, fracAt, fracBits, bias := b.u8(), b.u8(), b.u8(), b.u8(), b.u32()
	if b.err != nil {
		return t, b.err
	}
	type shape struct {
		size                            int64
		expAt, expBits, fracAt, fracBit byte
		bias                            uint32
	}
	names := map[shape]checkpoint.DType{
		{2, 10, 5, 0, 10, 15}:    checkpoint.Float16,
		{2, 7, 8, 0, 7, 127}:     checkpoint.BFloat16,
		{4, 23, 8, 0, 23, 127}:   checkpoint.Float32,
		{8, 52, 11, 0, 52, 1023}: checkpoint.Float64,
	}
	name, ok := names[shape{t.size, expAt, expBits, fracAt, fracBits, bias}]
	if !ok || bits&0x40 != 0 {
		return t, checkpoint.Unsupported("floating-point format of %d bytes with %d bits of exponent", t.size, expBits)
	}
	t.name = name
	if bits&1 != 0 {
		t.swap = t.size
	}
	return t, nil
}

func boolType(b *buffer, t datatype, members uint32, version byte, depth int) (datatype, error) {
	base, err := parseType(b, depth+1)
	if err != nil {
		return t, err
	}
	names := [2]string{}
	for i := range min(int(members), 2) {
		if version >= 3 {
			names[i] = b.text()
		} else {
			names[i] = b.paddedText()
		}
	}
	values := b.bytes(2)
	if b.err != nil || members != 2 || base.size != 1 || names != [2]string{"FALSE", "TRUE"} || values[0] != 0 || values[1] != 1 {
		return t, checkpoint.Unsupported("enumeration other than FALSE and TRUE")
	}
	t.name = checkpoint.Bool
	return t, nil
}

func complexType(b *buffer, t datatype, members uint32, version byte, depth int) (datatype, error) {
	refused := checkpoint.Unsupported("compound type other than complex numbers")
	if members != 2 {
		return t, refused
	}
	for i, want := range []string{"r", "i"} {
		var name string
		if version >= 3 {
			name = b.text()
		} else {
			name = b.paddedText()
		}
		var offset int64
		switch version {
		case 1:
			offset = int64(b.u32())
			b.skip(28)
		case 2:
			offset = int64(b.u32())
		default:
			width := 1
			for n := t.size; n > 255; n >>= 8 {
				width++
			}
			offset = int64(b.uint(width))
		}
		part, err := parseType(b, depth+1)
		if err != nil {
			return t, err
		}
		if name != want || offset != int64(i)*t.size/2 || part.size != t.size/2 {
			return t, refused
		}
		switch part.name {
		case checkpoint.Float32:
			t.name = checkpoint.Complex64
		case checkpoint.Float64:
			t.name = checkpoint.Complex128
		default:
			return t, refused
		}
		t.swap = part.swap
	}
	return t, nil
}

// unlimitedExtent stands for a dimension that may grow without end.
const unlimitedExtent = -1

// dataspace reads the extents, and how far they may grow where that is said; null tells a space without elements.
func dataspace(data []byte) (shape, most []int64, null bool, err error) {
	b := &buffer{p: data}
	version, rank, flags := b.u8(), int(b.u8()), b.u8()
	switch version {
	case 1:
		b.skip(5)
	case 2:
		null = b.u8() == 2
	default:
		return nil, nil, false, checkpoint.Unsupported("dataspace version %d", version)
	}
	if rank > 32 {
		return nil, nil, false, checkpoint.Damaged("dataspace of %d dimensions", rank)
	}
	shape = make([]int64, rank)
	for d := range shape {
		shape[d] = int64(b.u64())
	}
	if flags&1 != 0 {
		for range rank {
			most = append(most, int64(b.u64())) // all bits set tell an unlimited one
		}
	}
	if b.err == nil {
		_, b.err = checkpoint.Elements(shape)
	}
	return shape, most, null, b.err
}
