// Package ziparchive opens the ZIP containers of checkpoints, and refuses those that two programs could read
// differently: duplicate names, overlapping records, encryption.
package ziparchive

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

const (
	// maxDirectory bounds the central directory, which archive/zip reads into memory.
	maxDirectory = 12 << 20
	// maxRatio and freeBytes bound what the compressed records of an archive may inflate to.
	maxRatio  = 200
	freeBytes = 64 << 20
)

// Archive is an open ZIP container.
type Archive struct {
	Records []Record
	byName  map[string]int
}

// Record is one file of an archive.
type Record struct {
	Name string
	Size int64 // uncompressed
	// CRC32 is what the directory says, 0 where the writer left it out.
	CRC32  uint32
	Stored bool

	r     io.ReaderAt
	start int64 // of the header in front of the data
	off   int64 // of the data
	end   int64
	file  *zip.File // of a compressed record
}

// Signature reports whether head begins like a ZIP file with at least one record.
func Signature(head []byte) bool { return bytes.HasPrefix(head, []byte("PK\x03\x04")) }

// FirstName returns the name of the first record, read from the first bytes of a file; empty where it is not there.
func FirstName(head []byte) string {
	if !Signature(head) || len(head) < 30 {
		return ""
	}
	n := int(binary.LittleEndian.Uint16(head[26:]))
	if 30+n > len(head) {
		return ""
	}
	return string(head[30 : 30+n])
}

// Open reads the directory of the archive in r.
func Open(r io.ReaderAt, size int64) (*Archive, error) {
	if err := checkDirectory(r, size); err != nil {
		return nil, err
	}
	headers := &localHeaders{r: r, note: true}
	defer func() { headers.note = false }()
	z, err := zip.NewReader(headers, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, checkpoint.Damaged("%v", err)
	}
	a := &Archive{Records: make([]Record, 0, len(z.File)), byName: make(map[string]int, len(z.File))}
	var inflated, compressed uint64
	for _, f := range z.File {
		if f.Flags&1 != 0 {
			return nil, checkpoint.Unsupported("encrypted archive")
		}
		if _, ok := a.byName[f.Name]; ok {
			return nil, checkpoint.Damaged("archive has two records named %q", checkpoint.Clip(f.Name, 80))
		}
		off, err := f.DataOffset()
		if err != nil {
			return nil, checkpoint.Damaged("record %q: %v", checkpoint.Clip(f.Name, 80), err)
		}
		if off < 0 || f.CompressedSize64 > uint64(size) || uint64(off) > uint64(size)-f.CompressedSize64 {
			return nil, checkpoint.Damaged("record %q passes the end of the file", checkpoint.Clip(f.Name, 80))
		}
		if f.Method != zip.Store && f.Method != zip.Deflate {
			return nil, checkpoint.Unsupported("record %q with ZIP method %d", checkpoint.Clip(f.Name, 80), f.Method)
		}
		if f.Method == zip.Store && f.CompressedSize64 != f.UncompressedSize64 {
			return nil, checkpoint.Damaged("stored record %q with two sizes", checkpoint.Clip(f.Name, 80))
		}
		if f.UncompressedSize64 > 1<<56 {
			return nil, checkpoint.Damaged("record %q of %d bytes", checkpoint.Clip(f.Name, 80), f.UncompressedSize64)
		}
		if err := headers.check(f); err != nil {
			return nil, err
		}
		rec := Record{
			Name: f.Name, Size: int64(f.UncompressedSize64), CRC32: f.CRC32, Stored: f.Method == zip.Store,
			r: r, start: headers.at, off: off, end: off + int64(f.CompressedSize64),
		}
		if !rec.Stored {
			inflated, compressed = inflated+f.UncompressedSize64, compressed+f.CompressedSize64
			rec.file = f
		}
		a.byName[f.Name] = len(a.Records)
		a.Records = append(a.Records, rec)
	}
	if inflated > freeBytes && inflated > maxRatio*compressed {
		return nil, checkpoint.Limit("the archive would inflate to %d bytes from %d", inflated, compressed)
	}
	return a, a.checkOverlap()
}

func (a *Archive) checkOverlap() error {
	order := make([]int, len(a.Records))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(a.Records[i].start, a.Records[j].start), cmp.Compare(a.Records[i].end, a.Records[j].end))
	})
	end := int64(0)
	for _, i := range order {
		rec := &a.Records[i]
		if rec.start < end {
			return checkpoint.Damaged("record %q overlaps another one", checkpoint.Clip(rec.Name, 80))
		}
		end = rec.end
	}
	return nil
}

// checkDirectory bounds the size of the central directory before archive/zip allocates for it, and requires what ends the
// archive to follow it and to end the file: of two archives in one file, programs read one or the other.
func checkDirectory(r io.ReaderAt, size int64) error {
	tail := make([]byte, min(size, 22+20+0xffff))
	start := size - int64(len(tail))
	if err := checkpoint.ReadFull(r, tail, start); err != nil {
		return err
	}
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || len(tail)-at < 22 {
		return checkpoint.Damaged("archive without its directory, as when the file was cut short")
	}
	if at+22+int(binary.LittleEndian.Uint16(tail[at+20:])) != len(tail) {
		return checkpoint.Damaged("the file goes on behind the end of its archive")
	}
	if disk, first := binary.LittleEndian.Uint16(tail[at+4:]), binary.LittleEndian.Uint16(tail[at+6:]); disk != first || disk != 0 && disk != 0xffff ||
		binary.LittleEndian.Uint16(tail[at+8:]) != binary.LittleEndian.Uint16(tail[at+10:]) {
		return checkpoint.Unsupported("archive in several parts")
	}
	end := uint64(start) + uint64(at) // of the directory
	length, offset := uint64(binary.LittleEndian.Uint32(tail[at+12:])), uint64(binary.LittleEndian.Uint32(tail[at+16:]))
	if locator := at - 20; locator >= 0 && bytes.HasPrefix(tail[locator:], []byte("PK\x06\x07")) {
		off := binary.LittleEndian.Uint64(tail[locator+8:])
		if size < 56 || off > uint64(size)-56 {
			return checkpoint.Damaged("archive without its ZIP64 directory")
		}
		var large [56]byte
		if err := checkpoint.ReadFull(r, large[:], int64(off)); err != nil {
			return err
		}
		end, length, offset = off, binary.LittleEndian.Uint64(large[40:]), binary.LittleEndian.Uint64(large[48:])
	}
	if length > maxDirectory {
		return checkpoint.Limit("archive directory of %d bytes", length)
	}
	if offset > end || length != end-offset {
		return checkpoint.Damaged("archive whose directory does not end where it says")
	}
	return nil
}

// Verify compares every record's CRC-32 with its content. A checksum of 0 is not compared, because PyTorch writes that
// where it was told to compute none.
func (a *Archive) Verify(ctx context.Context) error {
	buf := make([]byte, 256<<10)
	for i := range a.Records {
		rec := &a.Records[i]
		if rec.CRC32 == 0 {
			continue
		}
		sum := crc32.NewIEEE()
		data := rec.Data()
		for off := int64(0); off < rec.Size; {
			if err := ctx.Err(); err != nil {
				return err
			}
			p := buf[:min(int64(len(buf)), rec.Size-off)]
			if err := checkpoint.ReadFull(data, p, off); err != nil {
				return err
			}
			sum.Write(p)
			off += int64(len(p))
		}
		if sum.Sum32() != rec.CRC32 {
			return checkpoint.Damaged("record %q does not have its checksum", checkpoint.Clip(rec.Name, 80))
		}
	}
	return nil
}

// Lookup returns the record of a name.
func (a *Archive) Lookup(name string) (*Record, bool) {
	i, ok := a.byName[name]
	if !ok {
		return nil, false
	}
	return &a.Records[i], true
}

// Data returns the record's content. That of a compressed record is sequential, and its CRC-32 is checked at its end.
func (rec *Record) Data() checkpoint.Data {
	if rec.Stored {
		return checkpoint.Section(rec.r, rec.off, rec.Size)
	}
	return &inflated{rec: rec}
}

// inflated reads a compressed record from front to back, and starts again where it is asked for earlier bytes.
type inflated struct {
	rec *Record
	mu  sync.Mutex
	r   io.ReadCloser
	pos int64
}

func (d *inflated) Size() int64      { return d.rec.Size }
func (d *inflated) Sequential() bool { return true }

func (d *inflated) ReadAt(p []byte, off int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if off < 0 || off >= d.rec.Size {
		return 0, io.EOF
	}
	if d.r == nil || off < d.pos {
		r, err := d.rec.file.Open()
		if err != nil {
			return 0, checkpoint.Damaged("record %q: %v", checkpoint.Clip(d.rec.Name, 80), err)
		}
		d.r, d.pos = r, 0
	}
	if off > d.pos {
		n, err := io.CopyN(io.Discard, d.r, off-d.pos)
		d.pos += n
		if err != nil {
			return 0, d.broken(err)
		}
	}
	p = p[:min(int64(len(p)), d.rec.Size-off)]
	n, err := io.ReadFull(d.r, p)
	d.pos += int64(n)
	if err != nil {
		return n, d.broken(err)
	}
	if d.pos == d.rec.Size {
		// The checksum is compared only when the end is seen.
		var one [1]byte
		_, err := d.r.Read(one[:])
		d.r = nil
		if err != io.EOF {
			return 0, d.broken(err)
		}
	}
	return n, nil
}

func (d *inflated) broken(err error) error {
	d.r = nil
	if err == nil {
		err = errors.New("more data than the directory says")
	}
	return checkpoint.Damaged("record %q: %v", checkpoint.Clip(d.rec.Name, 80), err)
}
