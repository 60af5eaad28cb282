package checkpoint

import "hash/crc32"

// sealed is a section at the end of a record with a CRC-32, which whoever reads all of the section once can compare.
type sealed struct {
	section
	before int64 // bytes of the record in front of the section
	crc    uint32
}

// Sealed returns data that end a record of which the CRC-32 is known, and before bytes of which stand in front of them.
// Digest compares it. What is no Section is returned as it is.
func Sealed(d Data, before int64, crc uint32) Data {
	if s, ok := d.(*section); ok {
		return &sealed{*s, before, crc}
	}
	return d
}

// sealOf returns the data of an entry as sealed, nil where they are not.
func sealOf(d Data) *sealed {
	if t, ok := d.(*Tensor); ok {
		d = t.Data
	}
	s, _ := d.(*sealed)
	return s
}

// check compares the checksum, given those of the consecutive pieces of the section, each of size bytes but the last.
func (s *sealed) check(pieces []uint32, size int64) error {
	front := make([]byte, s.before)
	if err := ReadFull(s.r, front, s.off-s.before); err != nil {
		return err
	}
	sum := crc32.ChecksumIEEE(front)
	var shift uint32
	for i, piece := range pieces {
		if left := s.n - int64(i)*size; i == 0 || left < size {
			shift = powerOfX(8 * min(left, size))
		}
		sum = multiply(shift, sum) ^ piece
	}
	if sum != s.crc {
		return Damaged("the record does not have its checksum")
	}
	return nil
}

// The CRC-32 of two pieces in a row is that of the first, times x to the bits of the second, plus that of the second: all
// modulo the polynomial of the CRC, whose coefficients, like those of a checksum, stand with that of x^0 in the highest bit.

func multiply(a, b uint32) (product uint32) {
	for bit := uint32(1 << 31); bit > 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		low := b & 1
		b >>= 1
		if low != 0 {
			b ^= crc32.IEEE
		}
	}
	return product
}

func powerOfX(n int64) uint32 {
	power, square := uint32(1<<31), uint32(1<<30)
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			power = multiply(power, square)
		}
		square = multiply(square, square)
	}
	return power
}
