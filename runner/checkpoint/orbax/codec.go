package orbax

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// codec is how the bytes of a chunk are packed: "", "zstd", "gzip", "zlib", "bz2" or "blosc".
type codec struct {
	packing string
	// crc tells that a CRC-32C follows the packed bytes.
	crc bool
}

// known reports whether the packing can be undone.
func (c codec) known() bool {
	switch c.packing {
	case "", "zstd", "gzip", "zlib", "bz2", "blosc":
		return true
	}
	return false
}

// opened is a chunk that is unpacked from front to back.
type opened struct {
	io.Reader
	close func()
	// held is about how many bytes of memory the unpacking takes.
	held int64
}

func (c codec) open(data checkpoint.Data) (*opened, error) {
	var r io.Reader
	if c.crc {
		if data.Size() < crc32.Size {
			return nil, checkpoint.Damaged("chunk of %d bytes without its checksum", data.Size())
		}
		data = &checked{Data: data, hash: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	}
	r = io.NewSectionReader(data, 0, data.Size())
	o := &opened{Reader: r, close: func() {}, held: 4 << 10}
	var err error
	switch c.packing {
	case "zstd":
		var head zstd.Header
		p := make([]byte, min(data.Size(), zstd.HeaderMaxSize))
		if err := checkpoint.ReadFull(data, p, 0); err != nil {
			return nil, err
		}
		if err := head.Decode(p); err != nil {
			return nil, checkpoint.Damaged("chunk packed with zstd: %v", err)
		}
		var d *zstd.Decoder
		if d, err = unpack(io.NewSectionReader(data, 0, data.Size())); err == nil {
			// A decoder keeps the window and a block of up to 128 KiB.
			o.Reader, o.close, o.held = d, d.Close, int64(head.WindowSize)+512<<10
		}
	case "gzip":
		o.Reader, err = gzip.NewReader(bufio.NewReader(r))
		o.held = 64 << 10
	case "zlib":
		o.Reader, err = zlib.NewReader(bufio.NewReader(r))
		o.held = 64 << 10
	case "bz2":
		o.Reader = bzip2.NewReader(bufio.NewReader(r))
		o.held = 4 << 20
	case "blosc":
		var b *blosc
		if b, err = openBlosc(data); err == nil {
			o.Reader, o.held = b, 3*int64(b.blockSize)
		}
	}
	if err != nil {
		return nil, checkpoint.Damaged("packed chunk: %v", err)
	}
	return o, nil
}

// checked is data without the CRC-32C at its end, which it compares when it has been read from front to back.
type checked struct {
	checkpoint.Data
	hash hash.Hash32
	at   int64
}

func (c *checked) Size() int64 { return c.Data.Size() - crc32.Size }

func (c *checked) ReadAt(p []byte, off int64) (int, error) {
	if off >= c.Size() {
		return 0, io.EOF
	}
	short := int64(len(p)) > c.Size()-off
	if short {
		p = p[:c.Size()-off]
	}
	n, err := c.Data.ReadAt(p, off)
	if off <= c.at && off+int64(n) > c.at {
		c.hash.Write(p[c.at-off : n])
		c.at = off + int64(n)
	}
	if c.at == c.Size() && n == len(p) {
		var sum [crc32.Size]byte
		if err := checkpoint.ReadFull(c.Data, sum[:], c.Size()); err != nil {
			return 0, err
		}
		if binary.LittleEndian.Uint32(sum[:]) != c.hash.Sum32() {
			return 0, checkpoint.Damaged("it does not have its checksum")
		}
	}
	if n == len(p) && short {
		err = io.EOF
	} else if n == len(p) {
		err = nil
	}
	return n, err
}
