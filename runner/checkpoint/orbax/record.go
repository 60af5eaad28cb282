package orbax

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

const (
	manifestMagic = 0x0cdb3a2a
	nodeMagic     = 0x0cdb20de
	// maxRecord bounds a manifest or node, packed or not; one with 10,000 arrays takes about 3 MiB.
	maxRecord = 16 << 20
	// maxWindow bounds what a decoder of zstd holds of what it has written.
	maxWindow = 8 << 20
	// maxCount bounds the entries of a record, and maxPaths the bytes of the paths of files in it, which share their beginnings.
	maxCount = 1 << 17
	maxPaths = 8 << 20
)

// record is the content of a manifest or node, read from front to back. The first failure stays in err, and every later
// read gives zeros.
type record struct {
	p   []byte
	err error
}

// openRecord checks the frame that manifests and nodes share: magic number, length, version, compression, content, CRC-32C.
func openRecord(p []byte, magic uint32) (*record, error) {
	if len(p) < 18 || binary.BigEndian.Uint32(p) != magic || binary.LittleEndian.Uint64(p[4:]) != uint64(len(p)) {
		return nil, checkpoint.Damaged("OCDBT record of %d bytes without its magic number and length", len(p))
	}
	body, sum := p[:len(p)-4], binary.LittleEndian.Uint32(p[len(p)-4:])
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != sum {
		return nil, checkpoint.Damaged("OCDBT record does not have its checksum")
	}
	r := &record{p: body[12:]}
	version, compression := r.number(), r.number()
	switch {
	case r.err != nil:
		return nil, r.err
	case version != 0:
		return nil, checkpoint.Unsupported("OCDBT version %d", version)
	case compression > 1:
		return nil, checkpoint.Unsupported("OCDBT compression %d", compression)
	case compression == 1:
		d, err := unpack(bytes.NewReader(r.p))
		if err != nil {
			return nil, err
		}
		defer d.Close()
		if r.p, err = io.ReadAll(io.LimitReader(d, maxRecord+1)); err != nil {
			return nil, checkpoint.Damaged("OCDBT record: %v", err)
		}
		if len(r.p) > maxRecord {
			return nil, checkpoint.Limit("OCDBT record of more than %d MiB", maxRecord>>20)
		}
	}
	return r, nil
}

// unpack returns a reader of what zstd has packed.
func unpack(r io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
}

func (r *record) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// bytes takes n bytes.
func (r *record) bytes(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.p)) {
		r.fail(checkpoint.Damaged("OCDBT record that ends early"))
	}
	if r.err != nil {
		return nil
	}
	p := r.p[:n]
	r.p = r.p[n:]
	return p
}

func (r *record) byte() byte {
	if p := r.bytes(1); p != nil {
		return p[0]
	}
	return 0
}

// number takes a variable-length integer.
func (r *record) number() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := protowire.ConsumeVarint(r.p)
	if n < 0 {
		r.fail(checkpoint.Damaged("OCDBT record with a number cut short"))
		return 0
	}
	r.p = r.p[n:]
	return v
}

// count takes the number of things that take at least one byte each.
func (r *record) count() int {
	n := r.number()
	if r.err == nil && n > uint64(len(r.p)) {
		r.fail(checkpoint.Damaged("OCDBT record of %d entries in %d bytes", n, len(r.p)))
	}
	if r.err == nil && n > maxCount {
		r.fail(checkpoint.Limit("OCDBT record of more than %d entries", maxCount))
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

// column takes n numbers.
func (r *record) column(n int) []uint64 {
	c := make([]uint64, n)
	for i := range c {
		c[i] = r.number()
	}
	return c
}

// end returns the first failure, or an error where something is left.
func (r *record) end() error {
	if r.err == nil && len(r.p) > 0 {
		r.fail(checkpoint.Damaged("OCDBT record with %d bytes behind its end", len(r.p)))
	}
	return r.err
}
