package hdf5

import (
	"encoding/binary"
	"io"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// undefined is the address of what was never allocated.
const undefined = ^uint64(0)

// maxBlock bounds one structure that is read into memory: a header block, a heap, a node of a tree.
const maxBlock = 16 << 20

// source is the file, with a budget for what is read of its structure, so that structures that refer to each other
// many times over end in an error.
type source struct {
	r      io.ReaderAt
	size   int64
	front  uint64 // bytes in front of r, the user block
	budget int64
	values int64 // bytes that further datasets may have
	chunks int   // of all datasets
}

// block reads n bytes at an address.
func (s *source) block(addr uint64, n int64) (*buffer, error) {
	if n < 0 || n > maxBlock {
		return nil, checkpoint.Limit("structure of %d bytes", n)
	}
	if err := s.charge(n + 64); err != nil {
		return nil, err
	}
	off, err := s.offset(addr, n)
	if err != nil {
		return nil, err
	}
	p := make([]byte, n)
	if err := checkpoint.ReadFull(s.r, p, off); err != nil {
		return nil, err
	}
	return &buffer{p: p}, nil
}

// text is block of what becomes a string; there is no second copy of it at any time.
func (s *source) text(addr uint64, n int64) (string, error) {
	if n < 0 || n > maxBlock {
		return "", checkpoint.Limit("structure of %d bytes", n)
	}
	if err := s.charge(n + 64); err != nil {
		return "", err
	}
	off, err := s.offset(addr, n)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	text.Grow(int(n))
	if _, err := io.Copy(&text, io.NewSectionReader(s.r, off, n)); err != nil {
		return "", err
	}
	if int64(text.Len()) != n {
		return "", checkpoint.Damaged("file ends early: %d of %d bytes at offset %d", text.Len(), n, off)
	}
	return text.String(), nil
}

// charge takes n bytes from the budget.
func (s *source) charge(n int64) error {
	if s.budget -= n; s.budget < 0 {
		return checkpoint.Limit("the file's structure, with its strings and references, is larger than this reader follows")
	}
	return nil
}

// offset turns an address into a file offset with n bytes behind it.
func (s *source) offset(addr uint64, n int64) (int64, error) {
	if addr == undefined || addr > 1<<62 || n < 0 {
		return 0, checkpoint.Damaged("address of nothing")
	}
	off := int64(addr)
	if off < 0 || off > s.size || n > s.size-off {
		return 0, checkpoint.Damaged("%d bytes at offset %d pass the end of the file", n, off)
	}
	return off, nil
}

// buffer reads little-endian fields from front to back; after an overrun it returns zeros and err is set.
type buffer struct {
	p   []byte
	err error
}

func (b *buffer) bytes(n int) []byte {
	if b.err != nil || n < 0 || n > len(b.p) {
		if b.err == nil {
			b.err = checkpoint.Damaged("a structure is cut short")
		}
		b.p = nil
		return make([]byte, min(max(n, 0), 16))
	}
	x := b.p[:n:n]
	b.p = b.p[n:]
	return x
}

func (b *buffer) skip(n int)  { b.bytes(n) }
func (b *buffer) u8() byte    { return b.bytes(1)[0] }
func (b *buffer) u16() uint16 { return binary.LittleEndian.Uint16(b.bytes(2)) }
func (b *buffer) u32() uint32 { return binary.LittleEndian.Uint32(b.bytes(4)) }
func (b *buffer) u64() uint64 { return binary.LittleEndian.Uint64(b.bytes(8)) }

// uint reads an integer of n bytes, n up to 8.
func (b *buffer) uint(n int) uint64 {
	var p [8]byte
	copy(p[:], b.bytes(n))
	return binary.LittleEndian.Uint64(p[:])
}

// sub returns the next n bytes as a buffer of its own.
func (b *buffer) sub(n int) *buffer {
	x := b.bytes(n)
	return &buffer{p: x, err: b.err}
}

// text reads up to a NUL, which it drops.
func (b *buffer) text() string {
	for i, c := range b.p {
		if c == 0 {
			s := string(b.p[:i])
			b.p = b.p[i+1:]
			return s
		}
	}
	if b.err == nil {
		b.err = checkpoint.Damaged("a name without its end")
	}
	return ""
}

// paddedText reads a name that is padded with NULs to a multiple of 8 bytes.
func (b *buffer) paddedText() string {
	before := len(b.p)
	s := b.text()
	if used := before - len(b.p); used%8 != 0 {
		b.skip(8 - used%8)
	}
	return s
}

// expect requires a signature.
func (b *buffer) expect(signature string) error {
	if string(b.bytes(len(signature))) != signature && b.err == nil {
		return checkpoint.Damaged("no %s where one should be", signature)
	}
	return b.err
}
