package ziparchive

import (
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"sync"

	"github.com/ulikunitz/xz/lzma"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// The methods of the ZIP specification that Python's zipfile reads, and NumPy with it.
const (
	methodStored  = 0
	methodDeflate = 8
	methodBzip2   = 12
	methodLZMA    = 14
)

// maxWindow bounds what is held to inflate LZMA data. It is what Python's default takes.
const maxWindow = 8 << 20

// flaters are passed on from one record to the next.
var flaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

// inflated reads a compressed record from front to back, and starts again where it is asked for earlier bytes. Its
// checksum is compared where its end is seen.
type inflated struct {
	rec  Record
	mu   sync.Mutex
	r    io.Reader // nil before the beginning and behind the end
	done func()    // gives back what r holds
	sum  hash.Hash32
	pos  int64
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
		if err := d.begin(); err != nil {
			return 0, d.broken(err)
		}
	}
	if off > d.pos {
		n, err := io.CopyN(d.sum, d.r, off-d.pos)
		d.pos += n
		if err != nil {
			return 0, d.broken(err)
		}
	}
	p = p[:min(int64(len(p)), d.rec.Size-off)]
	n, err := io.ReadFull(d.r, p)
	d.sum.Write(p[:n])
	d.pos += int64(n)
	if err != nil {
		return n, d.broken(err)
	}
	if d.pos == d.rec.Size {
		if err := d.end(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// Release gives back the memory that inflating takes.
func (d *inflated) Release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.release()
}

func (d *inflated) begin() error {
	d.release()
	in := io.NewSectionReader(d.rec.r, d.rec.off, d.rec.end-d.rec.off)
	d.sum, d.pos = crc32.NewIEEE(), 0
	switch d.rec.method {
	case methodBzip2:
		d.r = bzip2.NewReader(in)
	case methodLZMA:
		r, err := lzmaReader(in, d.rec)
		d.r = r
		return err
	default:
		f := flaters.Get().(io.ReadCloser)
		if err := f.(flate.Resetter).Reset(in, nil); err != nil {
			return err
		}
		d.r, d.done = f, func() { flaters.Put(f) }
	}
	return nil
}

// end makes sure that nothing follows, and that what was read has its checksum.
func (d *inflated) end() error {
	var one [1]byte
	for {
		n, err := d.r.Read(one[:])
		if n > 0 {
			return d.broken(errors.New("more data than the directory says"))
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return d.broken(err)
		}
	}
	d.release()
	// PyTorch writes 0 where it was told to compute none.
	if d.rec.CRC32 != 0 && d.sum.Sum32() != d.rec.CRC32 {
		return d.broken(errors.New("checksum error"))
	}
	return nil
}

func (d *inflated) release() {
	if d.done != nil {
		d.done()
	}
	d.r, d.done = nil, nil
}

func (d *inflated) broken(err error) error {
	d.release()
	var limit *checkpoint.LimitError
	if errors.As(err, &limit) {
		return err
	}
	return checkpoint.Damaged("record %q: %v", checkpoint.Clip(d.rec.Name, 80), err)
}

// lzmaReader reads LZMA data as ZIP files have them: a version of 2 bytes, the length of the properties, the properties.
func lzmaReader(in io.Reader, rec Record) (io.Reader, error) {
	var head [9]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint16(head[2:]) != 5 {
		return nil, errors.New("LZMA properties of another length than 5")
	}
	window := binary.LittleEndian.Uint32(head[5:])
	if window > maxWindow {
		return nil, checkpoint.Limit("LZMA data with a window of more than %d MiB", maxWindow>>20)
	}
	// Nothing refers back further than to the beginning.
	window = uint32(max(lzma.MinDictCap, min(int64(window), rec.Size)))
	binary.LittleEndian.PutUint32(head[5:], window)
	// The header of a .lzma file has the properties and the length, all bits set where a marker ends the data.
	const marked = 1 << 1
	header := append(head[4:9:9], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	if rec.flags&marked == 0 {
		binary.LittleEndian.PutUint64(header[5:], uint64(rec.Size))
	}
	return lzma.ReaderConfig{DictCap: int(window)}.NewReader(io.MultiReader(bytes.NewReader(header), in))
}
