// Package ziparchive opens the ZIP containers of checkpoints, and refuses those that two programs could read
// differently: duplicate names, overlapping records, encryption.
package ziparchive

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

const (
	// maxDirectory bounds the central directory, whose records are held.
	maxDirectory = 12 << 20
	// maxRatio and freeBytes bound what the compressed records of an archive may inflate to.
	maxRatio  = 200
	freeBytes = 64 << 20
	// maxLarge bounds the records of methods that take up to megabytes for each, however small. NumPy writes none.
	maxLarge = 1000
)

// Archive is an open ZIP container.
type Archive struct {
	Records []Record
	byName  []int32 // Records in the order of their names

	first, last stamp // times of records
}

// Record is one file of an archive.
type Record struct {
	Name string
	Size int64 // uncompressed
	// CRC32 is what the directory says, 0 where the writer left it out.
	CRC32 uint32

	method, flags uint16
	r             io.ReaderAt
	start         int64 // of the header in front of the data
	off           int64 // of the data
	end           int64
}

// Stored reports whether the record is not compressed.
func (rec *Record) Stored() bool { return rec.method == methodStored }

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
	d, err := findDirectory(r, size)
	if err != nil {
		return nil, err
	}
	a := &Archive{Records: make([]Record, 0, min(d.records, uint64(d.length/headerSize)))}
	var inflated, compressed int64
	large := 0
	err = d.each(r, func(rec Record, at stamp) error {
		if len(a.Records) == 0 {
			a.first = at
		}
		a.first, a.last = min(a.first, at), max(a.last, at)
		if rec.flags&flagEncrypted != 0 {
			return checkpoint.Unsupported("encrypted archive")
		}
		switch rec.method {
		case methodStored, methodDeflate, methodBzip2, methodLZMA:
		default:
			return checkpoint.Unsupported("record %q with ZIP method %d", checkpoint.Clip(rec.Name, 80), rec.method)
		}
		rec.r = r
		if err := rec.locate(r, size); err != nil {
			return err
		}
		stored := rec.end - rec.off
		if rec.Stored() && stored != rec.Size {
			return checkpoint.Damaged("stored record %q with two sizes", checkpoint.Clip(rec.Name, 80))
		}
		if rec.method == methodBzip2 || rec.method == methodLZMA {
			if large++; large > maxLarge {
				return checkpoint.Limit("more than %d records compressed by bzip2 or LZMA", maxLarge)
			}
		}
		if !rec.Stored() {
			inflated, compressed = inflated+rec.Size, compressed+stored
			if inflated < 0 {
				return checkpoint.Limit("records of too many bytes")
			}
		}
		a.Records = append(a.Records, rec)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if inflated > freeBytes && inflated/maxRatio > compressed {
		return nil, checkpoint.Limit("the archive would inflate to %d bytes from %d", inflated, compressed)
	}
	if err := a.sort(); err != nil {
		return nil, err
	}
	return a, a.checkOverlap()
}

// sort prepares Lookup.
func (a *Archive) sort() error {
	a.byName = a.order(func(x, y *Record) int { return cmp.Compare(x.Name, y.Name) })
	for i := 1; i < len(a.byName); i++ {
		if name := a.Records[a.byName[i]].Name; name == a.Records[a.byName[i-1]].Name {
			return checkpoint.Damaged("archive has two records named %q", checkpoint.Clip(name, 80))
		}
	}
	return nil
}

func (a *Archive) order(compare func(x, y *Record) int) []int32 {
	order := make([]int32, len(a.Records))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int { return compare(&a.Records[i], &a.Records[j]) })
	return order
}

func (a *Archive) checkOverlap() error {
	end := int64(0)
	for _, i := range a.order(func(x, y *Record) int {
		return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.end, y.end))
	}) {
		rec := &a.Records[i]
		if rec.start < end {
			return checkpoint.Damaged("record %q overlaps another one", checkpoint.Clip(rec.Name, 80))
		}
		end = rec.end
	}
	return nil
}

// Verify returns what compares the CRC-32 of every record of the archive in r with its content. A checksum of 0 is not
// compared, because PyTorch writes that where it was told to compute none. The records, of which there may be very many,
// are not held until then.
func Verify(r io.ReaderAt, size int64) func(context.Context) error {
	return func(ctx context.Context) error {
		a, err := Open(r, size)
		if err != nil {
			return err
		}
		return a.verify(ctx)
	}
}

func (a *Archive) verify(ctx context.Context) error {
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
	i, ok := slices.BinarySearchFunc(a.byName, name, func(i int32, name string) int { return cmp.Compare(a.Records[i].Name, name) })
	if !ok {
		return nil, false
	}
	return &a.Records[a.byName[i]], true
}

// Offset is where in the file the content of a record begins.
func (rec *Record) Offset() int64 { return rec.off }

// Data returns the record's content. That of a compressed record is sequential, and its CRC-32 is checked at its end.
func (rec *Record) Data() checkpoint.Data {
	if rec.Stored() {
		return checkpoint.Section(rec.r, rec.off, rec.Size)
	}
	return &inflated{rec: *rec}
}

// Entry returns the record as a value of bytes under the record's name.
func (rec *Record) Entry() checkpoint.Entry {
	return checkpoint.Entry{
		Name: rec.Name, Kind: checkpoint.KindBytes, Type: "bytes", Text: strconv.FormatInt(rec.Size, 10) + " bytes", Data: rec.Data(),
	}
}
