package hdf5

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// The parameters of the scale-offset filter, by their places among the values of the filter.
const (
	scaleKind   = iota // 0 for decimal digits of floating-point numbers, 2 for integers
	scaleDigits        // how many decimal digits
	scaleCount
	scaleClass // 0 for integers, 1 for floating-point numbers
	scaleSize
	scaleSign
	scaleOrder // 1 for big endian
	scaleFilled
	scaleFill // the fill value, in words of 4 bytes
)

// scaleFrame is how many bytes of a chunk stand in front of its numbers: the bits of each, the width of the least value, and
// the least value.
const scaleFrame = 21

// unscale undoes the scale-offset filter: numbers of a few bits each, counted from the least of the chunk, of which the
// largest that fits stands for the fill value. Floating-point numbers are such integers times a power of ten.
func unscale(in []byte, values []uint32, want int64) ([]byte, error) {
	if len(values) < scaleFill+2 {
		return nil, checkpoint.Damaged("parameters of the scale-offset filter are cut short")
	}
	size := int64(values[scaleSize])
	kind, class, digits := values[scaleKind], values[scaleClass], int(int32(values[scaleDigits]))
	if class == 0 && int64(digits) == 8*size { // asked for as many bits as there are
		return in, nil
	}
	if len(in) < scaleFrame {
		return nil, checkpoint.Damaged("chunk of the scale-offset filter is cut short")
	}
	least, width := in[4], uint64(binary.LittleEndian.Uint32(in))
	count := int64(values[scaleCount])
	switch {
	case size != 1 && size != 2 && size != 4 && size != 8, count*size != want:
		return nil, checkpoint.Damaged("scale-offset filter of %d elements of %d bytes", count, size)
	case class == 0 && kind != 2, class == 1 && (kind != 0 || size < 4), class > 1:
		return nil, checkpoint.Unsupported("scale-offset filter of kind %d for numbers of class %d", kind, class)
	case class == 1 && (digits < 0 || digits > exactDigits[size]):
		return nil, checkpoint.Unsupported("scale-offset filter of %d decimal digits", digits)
	case least != 8 || width > uint64(size)*8:
		return nil, checkpoint.Damaged("scale-offset filter of %d bits", width)
	}
	offset := binary.LittleEndian.Uint64(in[5:])
	fill := uint64(values[scaleFill]) | uint64(values[scaleFill+1])<<32
	packed := &bitStream{p: in[scaleFrame:]}
	if !packed.has(width * uint64(count)) {
		return nil, checkpoint.Damaged("chunk of the scale-offset filter is cut short")
	}
	out := make([]byte, want)
	raw := width == uint64(size)*8 // too far apart: kept as they are, in the byte order of the machine that wrote them
	for i := range count {
		var v uint64
		element := out[i*size : (i+1)*size]
		if raw {
			copy(element, packed.p[i*size:])
		} else {
			v = packed.take(width)
			switch {
			case values[scaleFilled] == 1 && v == 1<<width-1:
				v = fill
			case class == 1:
				v = scaled(v, offset, digits, size)
			default:
				v += offset
			}
			var wide [8]byte
			binary.LittleEndian.PutUint64(wide[:], v)
			copy(element, wide[:])
		}
		if values[scaleOrder] == 1 {
			slices.Reverse(element)
		}
	}
	return out, nil
}

// exactDigits are the largest powers of ten that numbers of 4 and 8 bytes hold exactly.
var exactDigits = map[int64]int{4: 10, 8: 22}

// scaled is the number of an integer, rounded as HDF5 rounds it: after the division and after the addition.
func scaled(v, offset uint64, digits int, size int64) uint64 {
	ten := math.Pow10(digits)
	if size == 4 {
		quotient := float32(int32(v)) / float32(ten)
		return uint64(math.Float32bits(float32(quotient) + math.Float32frombits(uint32(offset))))
	}
	quotient := float64(int64(v)) / ten
	return math.Float64bits(float64(quotient) + math.Float64frombits(offset))
}
