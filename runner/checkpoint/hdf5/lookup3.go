package hdf5

import (
	"encoding/binary"
	"math/bits"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// lookup3 is Bob Jenkins's hash of that name (hashlittle, burtleburtle.net/bob/c/lookup3.c), with which newer structures
// are checked.
func lookup3(p []byte) uint32 {
	a := 0xdeadbeef + uint32(len(p))
	b, c := a, a
	if len(p) == 0 {
		return c
	}
	for len(p) > 12 {
		a += binary.LittleEndian.Uint32(p)
		b += binary.LittleEndian.Uint32(p[4:])
		c += binary.LittleEndian.Uint32(p[8:])
		for _, r := range [...]int{4, 6, 8, 16, 19, 4} {
			a = a - c ^ bits.RotateLeft32(c, r)
			c += b
			a, b, c = b, c, a
		}
		p = p[12:]
	}
	var last [12]byte
	copy(last[:], p)
	a += binary.LittleEndian.Uint32(last[:])
	b += binary.LittleEndian.Uint32(last[4:])
	c += binary.LittleEndian.Uint32(last[8:])
	c = c ^ b - bits.RotateLeft32(b, 14)
	a = a ^ c - bits.RotateLeft32(c, 11)
	b = b ^ a - bits.RotateLeft32(a, 25)
	c = c ^ b - bits.RotateLeft32(b, 16)
	a = a ^ c - bits.RotateLeft32(c, 4)
	b = b ^ a - bits.RotateLeft32(a, 14)
	c = c ^ b - bits.RotateLeft32(b, 24)
	return c
}

// sealed reads a structure of n bytes, of which the last four are the checksum of the others, and drops those four.
func (s *source) sealed(addr uint64, n int64) (*buffer, error) {
	b, err := s.block(addr, n)
	if err != nil {
		return nil, err
	}
	return b, b.unseal()
}

// unseal checks and drops the checksum at the end.
func (b *buffer) unseal() error {
	end := len(b.p) - 4
	if end < 0 {
		return checkpoint.Damaged("a structure without its checksum")
	}
	if lookup3(b.p[:end]) != binary.LittleEndian.Uint32(b.p[end:]) {
		return checkpoint.Damaged("a structure does not have its checksum")
	}
	b.p = b.p[:end]
	return nil
}
