package hdf5

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npy"
)

// datatype is an element type.
type datatype struct {
	name checkpoint.DType
	size int64
	// units are what has to be brought into the canonical form within an element: nothing in one that is little endian.
	units []unit
	// text tells strings; of variable length where variable is set, which lie in a global heap.
	text, variable bool
	// reference tells what refers to objects of the file, or to regions of them.
	reference refersTo
	// sequence is the type of the members of sequences of variable length, which lie in a global heap.
	sequence *datatype
	// members are those of a record of which some lie in a global heap, or refer to objects.
	members []member
	// detail is what the name does not tell of a type, and what no value shows: the names of an enumeration, the tag of
	// opaque elements.
	detail string
	// dims are the extents of an element that is an array itself; size counts the whole array, all else tells of its own
	// elements, of which each has item bytes.
	dims []int64
	item int64
}

// member is one of a record.
type member struct {
	name string
	typ  datatype
	at   int64
}

// refersTo is what a reference refers to.
type refersTo byte

const (
	toObject refersTo = 1 + iota
	toRegion
)

// heapReference is the size of an element that lies in a global heap: a length, an address and a number.
const heapReference = 4 + 8 + 4

// String returns the type's name, with the extents of elements that are arrays.
func (t *datatype) String() string {
	if t.dims == nil {
		return string(t.name)
	}
	return string(t.name) + checkpoint.ShapeText(t.dims)
}

// describe returns all that is known of the type.
func (t *datatype) describe() string {
	if t.detail == "" || t.dims == nil {
		return cmp.Or(t.detail, t.String())
	}
	return t.detail + checkpoint.ShapeText(t.dims)
}

// plain reports whether the bytes of an element are its value.
func (t *datatype) plain() bool {
	return !t.variable && t.reference == 0 && t.sequence == nil && t.members == nil
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
	if size == 0 {
		return t, checkpoint.Damaged("elements of no bytes")
	}
	switch class {
	case 0, 4: // integer, bit field
		return integerType(b, t, bits, class == 0 && bits&8 != 0)
	case 1: // float
		return floatType(b, t, bits)
	case 3: // string of fixed length
		t.name, t.text = checkpoint.DType(fmt.Sprintf("bytes%d", size)), true
	case 5: // opaque
		t.name = checkpoint.DType(fmt.Sprintf("void%d", size))
		t.detail = fmt.Sprintf("%s %q", t.name, bytes.TrimRight(b.bytes(int(bits&0xff)), "\x00"))
	case 6:
		return compoundType(b, t, bits&0xffff, version, depth)
	case 7:
		return referenceType(b, t, bits&15)
	case 8:
		return enumType(b, t, bits&0xffff, version, depth)
	case 9:
		return variableType(b, t, bits&15, depth)
	case 10:
		return arrayType(b, t, version, depth)
	default:
		return t, checkpoint.Unsupported("datatype class %d", class)
	}
	return t, b.err
}

// integerType reads integers, also of fewer bits than their bytes have. Bit fields are such without a sign.
func integerType(b *buffer, t datatype, bits uint32, signed bool) (datatype, error) {
	offset, precision := b.u16(), b.u16()
	if t.size != 1 && t.size != 2 && t.size != 4 && t.size != 8 {
		return t, checkpoint.Unsupported("integers of %d bytes", t.size)
	}
	if precision == 0 || int64(offset)+int64(precision) > 8*t.size {
		return t, checkpoint.Damaged("integers of %d bits from bit %d on in %d bytes", precision, offset, t.size)
	}
	prefix := "uint"
	if signed {
		prefix = "int"
	}
	t.name = checkpoint.DType(prefix + strconv.FormatInt(8*t.size, 10))
	u := unit{n: t.size, width: t.size, reversed: bits&1 != 0 && t.size > 1, signed: signed}
	if int64(precision) < 8*t.size {
		u.shift, u.bits = uint(offset), uint(precision)
	}
	if u.reversed || u.bits > 0 {
		t.units = []unit{u}
	}
	return t, b.err
}

// referenceType reads the references of HDF5 before 1.12, which are what h5py writes.
func referenceType(b *buffer, t datatype, kind uint32) (datatype, error) {
	switch {
	case kind == 0 && t.size == 8:
		t.name, t.reference = "reference", toObject
	case kind == 1 && t.size == 8+4:
		t.name, t.reference = "region reference", toRegion
	default:
		return t, checkpoint.Unsupported("references of kind %d in %d bytes", kind, t.size)
	}
	return t, b.err
}

// variableType reads strings and sequences of variable length.
func variableType(b *buffer, t datatype, kind uint32, depth int) (datatype, error) {
	base, err := parseType(b, depth+1)
	if err != nil {
		return t, err
	}
	switch {
	case t.size != heapReference:
		return t, checkpoint.Unsupported("elements of variable length in %d bytes", t.size)
	case kind == 0:
		t.name, t.sequence = checkpoint.DType("sequence of "+base.String()), &base
		t.detail = "sequence of " + base.describe()
	case kind == 1:
		t.name, t.text, t.variable = "str", true, true
	default:
		return t, checkpoint.Unsupported("elements of variable length of kind %d", kind)
	}
	return t, nil
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
		t.units = []unit{{n: t.size, width: t.size, reversed: true}}
	}
	return t, nil
}

// enumType reads an enumeration: its integers, or booleans, which h5py writes as one of FALSE and TRUE.
func enumType(b *buffer, t datatype, members uint32, version byte, depth int) (datatype, error) {
	base, err := parseType(b, depth+1)
	if err != nil {
		return t, err
	}
	if !base.plain() || base.text || base.dims != nil || base.size != t.size {
		return t, checkpoint.Damaged("enumeration of something other than integers")
	}
	var names []string
	for range members {
		names = append(names, memberName(b, version))
	}
	values := b.bytes(int(members) * int(base.size))
	if b.err != nil {
		return t, b.err
	}
	if base.size == 1 && slices.Equal(names, []string{"FALSE", "TRUE"}) && values[0] == 0 && values[1] == 1 {
		t.name = checkpoint.Bool
		return t, nil
	}
	canonical := make([]byte, len(values))
	if err := checkpoint.ReadFull(base.canonical(bytes.NewReader(values)), canonical, 0); err != nil {
		return t, err
	}
	for i := range names {
		names[i] = fmt.Sprintf("%q=%x", names[i], canonical[i*int(base.size):(i+1)*int(base.size)])
	}
	slices.Sort(names)
	base.detail = "enumeration of " + string(base.name) + " " + strings.Join(names, " ")
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
	if rank == 0 || rank > 32 || len(t.dims)+len(base.dims) > 32 {
		return t, checkpoint.Unsupported("elements that are arrays of %d dimensions", rank+len(base.dims))
	}
	if n == 0 || t.size%n != 0 || t.size/n != base.size {
		return t, checkpoint.Damaged("array of %d elements of %d bytes in %d", n, base.size, t.size)
	}
	// As for NumPy, an array of arrays is one of more dimensions.
	dims, size := append(t.dims, base.dims...), t.size
	if base.dims == nil {
		base.item = base.size
	}
	t = base
	t.dims, t.size = dims, size
	return t, nil
}

// element is the type of the elements of an element that is an array.
func (t datatype) element() datatype {
	t.dims, t.size = nil, t.item
	return t
}

// compoundType reads records, and complex numbers, which h5py writes as records of a real part r and an imaginary part i.
func compoundType(b *buffer, t datatype, count uint32, version byte, depth int) (datatype, error) {
	var fields, detailed []npy.Field
	var members []member
	plain := true
	for range count {
		m := member{name: memberName(b, version)}
		switch version {
		case 1:
			m.at = int64(b.u32())
			if rank := b.u8(); rank != 0 {
				return t, checkpoint.Unsupported("record of arrays, of version 1")
			}
			b.skip(27)
		case 2:
			m.at = int64(b.u32())
		default:
			width := 1
			for n := t.size; n > 255; n >>= 8 {
				width++
			}
			m.at = int64(b.uint(width))
		}
		var err error
		if m.typ, err = parseType(b, depth+1); err != nil {
			return t, err
		}
		if m.typ.size > t.size || m.at > t.size-m.typ.size {
			return t, checkpoint.Damaged("record of %d bytes with a member behind its end", t.size)
		}
		plain = plain && m.typ.plain()
		fields = append(fields, npy.Field{Name: m.name, Type: npy.Type{Name: checkpoint.DType(m.typ.String())}, Offset: m.at})
		detailed = append(detailed, npy.Field{Name: m.name, Type: npy.Type{Name: checkpoint.DType(m.typ.describe())}, Offset: m.at})
		members = append(members, m)
	}
	t.name, t.detail = npy.StructName(fields), string(npy.StructName(detailed))
	if complex, ok := complexType(t, fields); ok {
		t.name = complex
	}
	if !plain {
		t.members = members
		return t, nil
	}
	return t, t.gather(members)
}

// gather takes over what has to be converted in the members of a record.
func (t *datatype) gather(members []member) error {
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(a.at, b.at) })
	end := int64(0)
	for _, m := range members {
		if end > m.at {
			return checkpoint.Damaged("record whose members overlap")
		}
		t.addUnused(end, m.at)
		end = m.at + m.typ.size
		count := int64(1)
		if m.typ.dims != nil {
			count = m.typ.size / m.typ.item
		}
		if count*int64(len(m.typ.units)) > maxUnits {
			return checkpoint.Limit("record of more than %d parts that are not little endian, or not used", maxUnits)
		}
		for i := range count {
			for _, u := range m.typ.units {
				u.at += m.at + i*m.typ.item
				t.addUnit(u)
			}
		}
		if len(t.units) > maxUnits {
			return checkpoint.Limit("record of more than %d parts that are not little endian, or not used", maxUnits)
		}
	}
	t.addUnused(end, t.size)
	return nil
}

// addUnused adds the bytes between members, which hold whatever the memory held.
func (t *datatype) addUnused(from, to int64) {
	if from < to {
		t.addUnit(unit{at: from, n: to - from, width: to - from, unused: true})
	}
}

// addUnit adds what has to be converted, to the unit in front of it where that is of the same kind.
func (t *datatype) addUnit(u unit) {
	if n := len(t.units); n > 0 {
		last := &t.units[n-1]
		joined := *last
		joined.n += u.n
		if last.at+last.n == u.at && joined == (unit{last.at, joined.n, u.width, u.reversed, u.shift, u.bits, u.signed, u.unused}) {
			last.n = joined.n
			return
		}
	}
	t.units = append(t.units, u)
}

func complexType(t datatype, fields []npy.Field) (checkpoint.DType, bool) {
	if len(fields) != 2 || fields[0].Name != "r" || fields[0].Offset != 0 || fields[1].Name != "i" || fields[1].Offset != t.size/2 ||
		fields[0].Type.Name != fields[1].Type.Name {
		return "", false
	}
	switch {
	case fields[0].Type.Name == checkpoint.Float32 && t.size == 8:
		return checkpoint.Complex64, true
	case fields[0].Type.Name == checkpoint.Float64 && t.size == 16:
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
