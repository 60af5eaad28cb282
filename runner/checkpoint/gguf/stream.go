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
	file      io.ReaderAt
	r         *bufio.Reader
	at, size  int64
	allowance int64 // bytes of variable length that may still be read
	err       error
	fixed     [8]byte
}

func newStream(file io.ReaderAt, size int64) *stream {
	s := &stream{file: file, size: size, allowance: maxMetadata}
	return s.again()
}

// again returns a stream that reads once more what follows.
func (s *stream) again() *stream {
	second := *s
	second.r = bufio.NewReaderSize(io.NewSectionReader(s.file, s.at, s.size-s.at), 64<<10)
	return &second
}

func (s *stream) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// bytes returns the next n bytes.
func (s *stream) bytes(n uint64) []byte {
	if !s.has(n) {
		return nil
	}
	p := make([]byte, n)
	s.read(p)
	return p
}

// has reports whether n more bytes may be read.
func (s *stream) has(n uint64) bool {
	if s.err != nil {
		return false
	}
	if n > uint64(s.size-s.at) {
		s.fail(checkpoint.Damaged("%d bytes at offset %d of a file of %d", n, s.at, s.size))
		return false
	}
	if s.allowance -= int64(n); s.allowance < 0 {
		s.fail(checkpoint.Limit("metadata of more than %d MiB", maxMetadata>>20))
		return false
	}
	return true
}

func (s *stream) read(p []byte) {
	_, err := io.ReadFull(s.r, p)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = checkpoint.Damaged("file ends early at offset %d", s.at)
	}
	s.fail(err)
	s.at += int64(len(p))
}

// uint reads an integer of a number of bytes.
func (s *stream) uint(width int) uint64 {
	clear(s.fixed[:])
	if s.has(uint64(width)) {
		s.read(s.fixed[:width])
	}
	if s.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(s.fixed[:])
}

func (s *stream) u8() uint8   { return uint8(s.uint(1)) }
func (s *stream) u16() uint16 { return uint16(s.uint(2)) }
func (s *stream) u32() uint32 { return uint32(s.uint(4)) }
func (s *stream) u64() uint64 { return s.uint(8) }

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
