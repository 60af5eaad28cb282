package ziparchive

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// localHeaderSize is the size of the header in front of a record's data, without the name that follows it.
const localHeaderSize = 30

// localHeaders passes reads on to r. While note is set it notes where the last local header was, which archive/zip reads
// to find the data and does not tell.
type localHeaders struct {
	r    io.ReaderAt
	note bool
	at   int64
	head [localHeaderSize]byte
}

func (h *localHeaders) ReadAt(p []byte, off int64) (int, error) {
	n, err := h.r.ReadAt(p, off)
	if h.note && len(p) == localHeaderSize {
		h.at = off
		copy(h.head[:], p)
	}
	return n, err
}

// check compares the local header of f, whose DataOffset was asked for last, with the directory. Programs that read a
// file from front to back follow the one, all others the other.
func (h *localHeaders) check(f *zip.File) error {
	damaged := func(what string) error {
		return checkpoint.Damaged("record %q has another %s before its data than in the directory", checkpoint.Clip(f.Name, 80), what)
	}
	name := make([]byte, binary.LittleEndian.Uint16(h.head[26:]))
	if err := checkpoint.ReadFull(h.r, name, h.at+localHeaderSize); err != nil {
		return err
	}
	if !bytes.Equal(name, []byte(f.Name)) {
		return damaged("name")
	}
	if binary.LittleEndian.Uint16(h.head[8:]) != f.Method {
		return damaged("method")
	}
	flags := binary.LittleEndian.Uint16(h.head[6:])
	const encrypted, later = 1, 1 << 3 // later: checksum and sizes follow the data
	if flags&encrypted != 0 {
		return checkpoint.Unsupported("encrypted archive")
	}
	if flags&later != 0 {
		return nil
	}
	if binary.LittleEndian.Uint32(h.head[14:]) != f.CRC32 {
		return damaged("checksum")
	}
	const inExtra = 1<<32 - 1 // the size is in the ZIP64 field
	for at, want := range map[int]uint64{18: f.CompressedSize64, 22: f.UncompressedSize64} {
		if size := binary.LittleEndian.Uint32(h.head[at:]); size != inExtra && uint64(size) != want {
			return damaged("size")
		}
	}
	return nil
}
