package ziparchive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

const (
	// headerSize is the size of a record's header in the directory, localSize that of the one in front of its data,
	// both without the name and what follows it.
	headerSize = 46
	localSize  = 30
	// escape stands in a field of 32 bits for a value in the ZIP64 one.
	escape = 1<<32 - 1

	flagEncrypted = 1
	flagLater     = 1 << 3 // checksum and sizes follow the data
)

// directory is where the list of an archive's records lies.
type directory struct {
	offset, length int64
	records        uint64
	whole          bool // records is their number, not its lowest 16 bits
}

// findDirectory bounds the size of the directory, and requires what ends the archive to follow it and to end the file: of
// two archives in one file, programs read one or the other.
func findDirectory(r io.ReaderAt, size int64) (directory, error) {
	le := binary.LittleEndian
	tail := make([]byte, min(size, 22+20+0xffff))
	start := size - int64(len(tail))
	if err := checkpoint.ReadFull(r, tail, start); err != nil {
		return directory{}, err
	}
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || len(tail)-at < 22 {
		return directory{}, checkpoint.Damaged("archive without its directory, as when the file was cut short")
	}
	if at+22+int(le.Uint16(tail[at+20:])) != len(tail) {
		return directory{}, checkpoint.Damaged("the file goes on behind the end of its archive")
	}
	if disk, first := le.Uint16(tail[at+4:]), le.Uint16(tail[at+6:]); disk != first || disk != 0 && disk != 0xffff ||
		le.Uint16(tail[at+8:]) != le.Uint16(tail[at+10:]) {
		return directory{}, checkpoint.Unsupported("archive in several parts")
	}
	end := uint64(start) + uint64(at) // of the directory
	records, length, offset := uint64(le.Uint16(tail[at+10:])), uint64(le.Uint32(tail[at+12:])), uint64(le.Uint32(tail[at+16:]))
	large := false
	if locator := at - 20; locator >= 0 && bytes.HasPrefix(tail[locator:], []byte("PK\x06\x07")) {
		off := le.Uint64(tail[locator+8:])
		if size < 56 || off > uint64(size)-56 {
			return directory{}, checkpoint.Damaged("archive without its ZIP64 directory")
		}
		var d [56]byte
		if err := checkpoint.ReadFull(r, d[:], int64(off)); err != nil {
			return directory{}, err
		}
		if !bytes.HasPrefix(d[:], []byte("PK\x06\x06")) {
			return directory{}, checkpoint.Damaged("archive without its ZIP64 directory")
		}
		n, l, o := le.Uint64(d[32:]), le.Uint64(d[40:]), le.Uint64(d[48:])
		if records != 0xffff && records != n || length != escape && length != l || offset != escape && offset != o {
			return directory{}, checkpoint.Damaged("archive with two directories, one of them ZIP64")
		}
		end, records, length, offset, large = off, n, l, o, true
	}
	if length > maxDirectory {
		return directory{}, checkpoint.Limit("archive directory of %d bytes", length)
	}
	if offset > end || length != end-offset {
		return directory{}, checkpoint.Damaged("archive whose directory does not end where it says")
	}
	return directory{int64(offset), int64(length), records, large}, nil
}

// each calls visit for every record of the directory, with its time.
func (d directory) each(r io.ReaderAt, visit func(Record, stamp) error) error {
	in := bufio.NewReaderSize(io.NewSectionReader(r, d.offset, d.length), int(min(d.length, 64<<10)))
	n := uint64(0)
	for left := d.length; left > 0; n++ {
		rec, at, taken, err := readHeader(in, left)
		if err != nil {
			return err
		}
		if err := visit(rec, at); err != nil {
			return err
		}
		left -= taken
	}
	if n != d.records && (d.whole || n&0xffff != d.records) {
		return checkpoint.Damaged("archive directory of %d records, where it says %d", n, d.records)
	}
	return nil
}

// readHeader reads one record of the directory, of which left bytes are left, and returns how many it took. What lies in
// the file is not known then but for the beginning of its local header.
func readHeader(in io.Reader, left int64) (rec Record, at stamp, taken int64, err error) {
	le := binary.LittleEndian
	damaged := func() (Record, stamp, int64, error) {
		return Record{}, 0, 0, checkpoint.Damaged("archive directory that is cut short, or goes on with something else")
	}
	var h [headerSize]byte
	if left < headerSize {
		return damaged()
	}
	if _, err := io.ReadFull(in, h[:]); err != nil || !bytes.HasPrefix(h[:], []byte("PK\x01\x02")) {
		return damaged()
	}
	names, extras, comments := int(le.Uint16(h[28:])), int(le.Uint16(h[30:])), int(le.Uint16(h[32:]))
	taken = int64(headerSize + names + extras + comments)
	if taken > left {
		return damaged()
	}
	rest := make([]byte, names+extras+comments)
	if _, err := io.ReadFull(in, rest); err != nil {
		return damaged()
	}
	rec = Record{Name: string(rest[:names]), flags: le.Uint16(h[8:]), method: le.Uint16(h[10:]), CRC32: le.Uint32(h[16:])}
	if !utf8.ValidString(rec.Name) {
		return Record{}, 0, 0, checkpoint.Unsupported("archive with a record whose name is not UTF-8")
	}
	if disk := le.Uint16(h[34:]); disk != 0 && disk != 0xffff {
		return Record{}, 0, 0, checkpoint.Unsupported("archive in several parts")
	}
	stored, size, start := uint64(le.Uint32(h[20:])), uint64(le.Uint32(h[24:])), uint64(le.Uint32(h[42:]))
	if size == escape || stored == escape || start == escape {
		if !large(rest[names:names+extras], &size, &stored, &start) {
			return Record{}, 0, 0, checkpoint.Damaged("record %q without its ZIP64 sizes", checkpoint.Clip(rec.Name, 80))
		}
	}
	const most = 1 << 56
	if size > most || stored > most || start > most {
		return Record{}, 0, 0, checkpoint.Damaged("record %q of %d bytes at %d", checkpoint.Clip(rec.Name, 80), size, start)
	}
	rec.Size, rec.start = int64(size), int64(start)
	rec.end = int64(stored) // until its beginning is known
	return rec, stamp(le.Uint32(h[12:])), taken, nil
}

// large replaces values that are escaped by those of the ZIP64 field, which has them in this order.
func large(extra []byte, values ...*uint64) bool {
	const zip64 = 1
	for len(extra) >= 4 {
		tag, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; n > len(extra) {
			return false
		}
		if field := extra[:n]; tag == zip64 {
			for _, v := range values {
				if *v != escape {
					continue
				}
				if len(field) < 8 {
					return false
				}
				*v, field = binary.LittleEndian.Uint64(field), field[8:]
			}
			return true
		}
		extra = extra[n:]
	}
	return false
}

// locate reads the local header of a record, and compares it with the directory: programs that read a file from front to
// back follow the one, all others the other.
func (rec *Record) locate(r io.ReaderAt, size int64) error {
	le := binary.LittleEndian
	damaged := func(what string) error {
		return checkpoint.Damaged("record %q has another %s before its data than in the directory", checkpoint.Clip(rec.Name, 80), what)
	}
	stored := rec.end
	h := make([]byte, localSize+len(rec.Name))
	if rec.start > size-int64(len(h)) {
		return checkpoint.Damaged("record %q passes the end of the file", checkpoint.Clip(rec.Name, 80))
	}
	if err := checkpoint.ReadFull(r, h, rec.start); err != nil {
		return err
	}
	if !bytes.HasPrefix(h, []byte("PK\x03\x04")) {
		return checkpoint.Damaged("record %q is not where the directory says", checkpoint.Clip(rec.Name, 80))
	}
	names, extras := int(le.Uint16(h[26:])), int64(le.Uint16(h[28:]))
	if names != len(rec.Name) || string(h[localSize:]) != rec.Name {
		return damaged("name")
	}
	rec.off = rec.start + int64(len(h)) + extras
	if stored > size || rec.off > size-stored {
		return checkpoint.Damaged("record %q passes the end of the file", checkpoint.Clip(rec.Name, 80))
	}
	rec.end = rec.off + stored
	if le.Uint16(h[8:]) != rec.method {
		return damaged("method")
	}
	flags := le.Uint16(h[6:])
	if flags&flagEncrypted != 0 {
		return checkpoint.Unsupported("encrypted archive")
	}
	if flags&flagLater != 0 {
		return nil
	}
	if le.Uint32(h[14:]) != rec.CRC32 {
		return damaged("checksum")
	}
	for at, want := range map[int]int64{18: stored, 22: rec.Size} {
		if n := le.Uint32(h[at:]); n != escape && int64(n) != want {
			return damaged("size")
		}
	}
	return nil
}
