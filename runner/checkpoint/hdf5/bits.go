package hdf5

import (
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// bitStream reads numbers of a few bits each, highest bit first, without gaps.
type bitStream struct {
	p  []byte
	at uint64 // bits read
}

// has reports whether n more bits are there.
func (s *bitStream) has(n uint64) bool { return n <= uint64(len(s.p))*8-s.at }

// take returns the next n bits, n up to 64, which must be there.
func (s *bitStream) take(n uint64) (v uint64) {
	for n > 0 {
		here := min(n, 8-s.at%8)
		v = v<<here | uint64(s.p[s.at/8])>>(8-s.at%8-here)&(1<<here-1)
		s.at, n = s.at+here, n-here
	}
	return v
}

// The classes of types among the values of the n-bit filter.
const (
	nbitAtomic   = 1
	nbitArray    = 2
	nbitCompound = 3
	nbitBytes    = 4
)

// packedType is an element of which the n-bit filter has kept the bits in use.
type packedType struct {
	size      int64
	bigEndian bool
	bits, low uint64 // of a number: how many, and the place of the lowest
	bytes     bool   // kept as it is
	parts     []packedPart
	total     uint64 // bits of all that is kept
}

// packedPart is a part of an element, count times in a row.
type packedPart struct {
	at, count int64
	typ       packedType
}

// unpackBits undoes the n-bit filter, which drops the bits that are not in use.
func unpackBits(in []byte, values []uint32, want int64) ([]byte, error) {
	if len(values) < 4 {
		return nil, checkpoint.Damaged("parameters of the n-bit filter are cut short")
	}
	if values[1] != 0 { // all bits are in use
		return in, nil
	}
	count, rest := int64(values[2]), values[3:]
	typ, err := parsePacked(&rest, 0)
	if err != nil {
		return nil, err
	}
	if want%typ.size != 0 || count != want/typ.size || len(values) > 4096 {
		return nil, checkpoint.Damaged("n-bit filter of %d elements of %d bytes", count, typ.size)
	}
	s := &bitStream{p: in}
	if typ.total > 0 && uint64(count) > uint64(len(in))*8/typ.total {
		return nil, checkpoint.Damaged("chunk of the n-bit filter is cut short")
	}
	out := make([]byte, want)
	for at := int64(0); at < want; at += typ.size {
		typ.unpack(out[at:at+typ.size], s)
	}
	return out, nil
}

func parsePacked(rest *[]uint32, depth int) (packedType, error) {
	short := false
	next := func() int64 {
		if len(*rest) == 0 {
			short = true
			return 1
		}
		v := (*rest)[0]
		*rest = (*rest)[1:]
		return int64(v)
	}
	class := next()
	t := packedType{size: next()}
	wrong := depth > 8 || t.size == 0 || t.size > maxBand
	switch {
	case wrong:
	case class == nbitAtomic:
		t.bigEndian = next() == 1
		t.bits, t.low = uint64(next()), uint64(next())
		t.total = t.bits
		wrong = t.bits == 0 || t.bits+t.low > uint64(t.size)*8
	case class == nbitBytes:
		t.bytes, t.total = true, uint64(t.size)*8
	case class == nbitArray:
		base, err := parsePacked(rest, depth+1)
		if err != nil {
			return t, err
		}
		t.parts = []packedPart{{0, t.size / base.size, base}}
		t.total = base.total * uint64(t.size/base.size)
		wrong = t.size%base.size != 0
	case class == nbitCompound:
		for n := next(); n > 0 && !short; n-- {
			at := next()
			part, err := parsePacked(rest, depth+1)
			if err != nil {
				return t, err
			}
			t.parts = append(t.parts, packedPart{at, 1, part})
			t.total += part.total
			wrong = wrong || part.size > t.size || at > t.size-part.size
		}
	default:
		wrong = true
	}
	if wrong || short {
		return t, checkpoint.Damaged("n-bit filter of elements of class %d and %d bytes", class, t.size)
	}
	return t, nil
}

// unpack fills an element.
func (t *packedType) unpack(out []byte, s *bitStream) {
	switch {
	case t.parts != nil:
		for _, p := range t.parts {
			for i := range p.count {
				at := p.at + i*p.typ.size
				p.typ.unpack(out[at:at+p.typ.size], s)
			}
		}
	case t.bytes:
		for i := range out {
			out[i] = byte(s.take(8))
		}
	default:
		for top := t.low + t.bits; top > t.low; { // a byte at a time, from the highest
			from := max((top-1)/8*8, t.low)
			out[from/8] = byte(s.take(top-from) << (from % 8))
			top = from
		}
		if t.bigEndian {
			slices.Reverse(out)
		}
	}
}
