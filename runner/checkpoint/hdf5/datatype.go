package hdf5

import (
	"fmt"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npy"
)

// datatype is an element type.
type datatype struct {
	name checkpoint.DType
	size int64
	swap int64 // size of the units to reverse, 0 for little endian
	// text tells strings; of variable length where variable is set, which lie in a global heap.
	text, variable bool
	signed         bool
	// dims are the extents of an element that is an array itself; size counts the whole array, and name, item and swap
	// are those of its own elements.
	dims []int64
	item int64
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
	case 6:
		return compoundType(b, t, bits&0xffff, version, depth)
	case 8:
		return enumType(b, t, bits&0xffff, version, depth)
	case 9: // variable length
		if bits&15 != 1 {
			return t, checkpoint.Unsupported("sequences of variable length")
		}
		t.name, t.text, t.variable = "str", true, true
	case 10:
		return arrayType(b, t, version, depth)
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

		{16, 64, 15, 0, 64, 16383}: "longdouble16", // of x86
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

// enumType reads an enumeration: its integers, or booleans, which h5py writes as one of FALSE and TRUE.
func enumType(b *buffer, t datatype, members uint32, version byte, depth int) (datatype, error) {
	base, err := parseType(b, depth+1)
	if err != nil {
		return t, err
	}
	names := [2]string{}
	for i := range min(int(members), 2) {
		names[i] = memberName(b, version)
	}
	if members == 2 && base.size == 1 && names == [2]string{"FALSE", "TRUE"} {
		if values := b.bytes(2); values[0] == 0 && values[1] == 1 {
			t.name = checkpoint.Bool
			return t, b.err
		}
	}
	if base.name == "" || base.text || base.dims != nil || base.size != t.size {
		return t, checkpoint.Damaged("enumeration of something other than integers")
	}
	return base, nil
}

func memberName(b *buffer, version byte) string {
	if version >= 3 {
		return b.text()
	}
	return b.paddedText()
}

// arrayType reads the type of elements that are arrays.
func arrayType(b *buffer, t datatype, version byte, depth int) (datatype, error) {
	rank := int(b.u8())
	if version < 3 {
		b.skip(3)
	}
	for range min(rank, 32) {
		t.dims = append(t.dims, int64(b.u32()))
	}
	if version < 3 {
		b.skip(4 * rank)
	}
	base, err := parseType(b, depth+1)
	if err != nil {
		return t, err
	}
	n, err := checkpoint.Elements(t.dims)
	if err != nil {
		return t, err
	}
	if rank == 0 || rank > 32 || base.text || base.dims != nil {
		return t, checkpoint.Unsupported("elements that are arrays of %d dimensions", rank)
	}
	if n == 0 || t.size%n != 0 || t.size/n != base.size {
		return t, checkpoint.Damaged("array of %d elements of %d bytes in %d", n, base.size, t.size)
	}
	t.name, t.swap, t.signed, t.item = base.name, base.swap, base.signed, base.size
	return t, nil
}

// compoundType reads records, and complex numbers, which h5py writes as records of a real part r and an imaginary part i.
func compoundType(b *buffer, t datatype, members uint32, version byte, depth int) (datatype, error) {
	var fields []npy.Field
	var parts []datatype
	for range members {
		name := memberName(b, version)
		var offset int64
		switch version {
		case 1:
			offset = int64(b.u32())
			if rank := b.u8(); rank != 0 {
				return t, checkpoint.Unsupported("record of arrays, of version 1")
			}
			b.skip(27)
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
		if part.variable {
			return t, checkpoint.Unsupported("record with strings of variable length")
		}
		if part.size > t.size || offset > t.size-part.size {
			return t, checkpoint.Damaged("record of %d bytes with a member behind its end", t.size)
		}
		if part.dims != nil {
			part.name += checkpoint.DType(checkpoint.ShapeText(part.dims))
		}
		fields, parts = append(fields, npy.Field{Name: name, Type: part.name, Offset: offset}), append(parts, part)
	}
	if complex, ok := complexType(t, fields); ok {
		t.name, t.swap = complex, parts[0].swap
		if parts[1].swap != t.swap {
			return t, checkpoint.Unsupported("complex numbers of two byte orders")
		}
		return t, nil
	}
	for _, part := range parts {
		if part.swap != 0 {
			return t, checkpoint.Unsupported("record with big-endian members")
		}
	}
	t.name = npy.StructName(fields)
	return t, nil
}

func complexType(t datatype, fields []npy.Field) (checkpoint.DType, bool) {
	if len(fields) != 2 || fields[0].Name != "r" || fields[0].Offset != 0 || fields[1].Name != "i" || fields[1].Offset != t.size/2 ||
		fields[0].Type != fields[1].Type {
		return "", false
	}
	switch {
	case fields[0].Type == checkpoint.Float32 && t.size == 8:
		return checkpoint.Complex64, true
	case fields[0].Type == checkpoint.Float64 && t.size == 16:
		return checkpoint.Complex128, true
	}
	return "", false
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
		for d := range most {
			if b.err == nil && most[d] != unlimitedExtent && most[d] < shape[d] {
				return nil, nil, false, checkpoint.Damaged("extent of %d where %d is the most", shape[d], most[d])
			}
		}
	}
	if b.err == nil {
		_, b.err = checkpoint.Elements(shape)
	}
	return shape, most, null, b.err
}
