package gguf

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// maxMetadata bounds what is held of a file's metadata. A vocabulary of 256,000 tokens with scores
// and merges takes about 16 MiB.
const maxMetadata = 24 << 20

// stream reads the metadata from front to back. The first failure stays in err, and every later read gives zeros.
type stream struct {
	r         *bufio.Reader
	at, size  int64
	allowance int64 // bytes of variable length that may still be read
	err       error
}

func newStream(r io.ReaderAt, size int64) *stream {
	return &stream{r: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10), size: size, allowance: maxMetadata}
}

func (s *stream) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// bytes returns the next n bytes.
func (s *stream) bytes(n uint64) []byte {
	if s.err != nil {
		return nil
	}
	if n > uint64(s.size-s.at) {
		s.fail(checkpoint.Damaged("%d bytes at offset %d of a file of %d", n, s.at, s.size))
		return nil
	}
	if s.allowance -= int64(n); s.allowance < 0 {
		s.fail(checkpoint.Limit("metadata of more than %d MiB", maxMetadata>>20))
		return nil
	}
	p := make([]byte, n)
	_, err := io.ReadFull(s.r, p)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = checkpoint.Damaged("file ends early at offset %d", s.at)
	}
	s.fail(err)
	s.at += int64(n)
	return p
}

func (s *stream) u8() uint8 {
	if p := s.bytes(1); s.err == nil {
		return p[0]
	}
	return 0
}

func (s *stream) u16() uint16 {
	if p := s.bytes(2); s.err == nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (s *stream) u32() uint32 {
	if p := s.bytes(4); s.err == nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (s *stream) u64() uint64 {
	if p := s.bytes(8); s.err == nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (s *stream) text() string { return string(s.bytes(s.u64())) }

// count reads the length of a sequence whose members take at least least bytes each.
func (s *stream) count(least int64) int {
	n := s.u64()
	if s.err == nil && n > uint64((s.size-s.at)/least) {
		s.fail(checkpoint.Damaged("sequence of %d members at offset %d of a file of %d bytes", n, s.at, s.size))
	}
	if s.err != nil {
		return 0
	}
	return int(n)
}
