package hdf5

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"io"
	"sync"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// filter is one step of the pipeline that a chunk went through.
type filter struct {
	id     uint16
	values []uint32
}

// The registered filters that are undone here.
const (
	filterDeflate     = 1
	filterShuffle     = 2
	filterFletcher32  = 3
	filterNBit        = 5
	filterScaleOffset = 6
	filterLZF         = 32000 // h5py's
)

// filterNames are those of filters that are not undone (the registry at github.com/HDFGroup/hdf5_plugins).
var filterNames = map[uint16]string{
	4: "(szip)", 307: "(bzip2)", 32001: "(Blosc)", 32004: "(LZ4)", 32008: "(bitshuffle)", 32013: "(ZFP)", 32015: "(Zstandard)", 32017: "(SZ)", 32026: "(Blosc2)",
}

func parseFilters(data []byte) ([]filter, error) {
	b := &buffer{p: data}
	version, n := b.u8(), int(b.u8())
	if version == 1 {
		b.skip(6)
	} else if version != 2 {
		return nil, checkpoint.Unsupported("filter pipeline version %d", version)
	}
	var list []filter
	for range n {
		f := filter{id: b.u16()}
		nameLength := 0
		if version == 1 || f.id >= 256 {
			nameLength = int(b.u16())
		}
		b.skip(2) // flags
		values := int(b.u16())
		if version == 1 {
			nameLength = (nameLength + 7) / 8 * 8
		}
		b.skip(nameLength)
		if b.err != nil {
			return nil, b.err
		}
		for range values {
			f.values = append(f.values, b.u32())
		}
		if version == 1 && values%2 != 0 {
			b.skip(4)
		}
		switch f.id {
		case filterDeflate, filterShuffle, filterFletcher32, filterNBit, filterScaleOffset, filterLZF:
		default:
			return nil, checkpoint.Unsupported("data compressed by HDF5 filter %d %s", f.id, cmp.Or(filterNames[f.id], "(unknown)"))
		}
		list = append(list, f)
	}
	return list, b.err
}

// unlzf undoes LZF: runs of literals, and copies of what came up to 8 KiB before. A checksum may follow the elements.
func unlzf(in []byte, most int64) ([]byte, error) {
	short := checkpoint.Damaged("LZF data end early, or are too many")
	out := make([]byte, 0, most)
	for len(in) > 0 {
		control := int(in[0])
		in = in[1:]
		if control < 32 {
			n := control + 1
			if n > len(in) || n > cap(out)-len(out) {
				return nil, short
			}
			out, in = append(out, in[:n]...), in[n:]
			continue
		}
		n := control >> 5
		if n == 7 && len(in) > 0 {
			n, in = n+int(in[0]), in[1:]
		}
		n += 2
		if len(in) == 0 {
			return nil, short
		}
		distance := control&31<<8 + int(in[0]) + 1
		in = in[1:]
		if distance > len(out) || n > cap(out)-len(out) {
			return nil, short
		}
		for range n {
			out = append(out, out[len(out)-distance])
		}
	}
	return out, nil
}

// inflaters are passed on from one chunk to the next: each has a window, which is often larger than a chunk.
var inflaters sync.Pool

func (c *chunks) inflate(data []byte) ([]byte, error) {
	z, err := inflater(bytes.NewReader(data))
	if err != nil {
		return nil, checkpoint.Damaged("compressed chunk: %v", err)
	}
	out := make([]byte, c.chunkBytes+5) // a checksum may still follow the elements
	n := 0
	for n < len(out) {
		more, err := z.Read(out[n:])
		n += more
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, checkpoint.Damaged("compressed chunk: %v", err)
		}
	}
	inflaters.Put(z)
	return out[:n], nil
}

func inflater(r io.Reader) (io.ReadCloser, error) {
	z, ok := inflaters.Get().(io.ReadCloser)
	if !ok {
		return zlib.NewReader(r)
	}
	return z, z.(zlib.Resetter).Reset(r, nil)
}

// unshuffle puts the bytes of each element together again; bytes beyond whole elements stay where they are.
func unshuffle(data []byte, item int64) []byte {
	n := int64(len(data)) / item
	if item == 1 || n <= 1 {
		return data
	}
	out := make([]byte, len(data))
	for j := range item {
		for i := range n {
			out[i*item+j] = data[j*n+i]
		}
	}
	copy(out[n*item:], data[n*item:])
	return out
}

// unfletcher checks and drops the Fletcher-32 checksum: sums of big-endian 16-bit words modulo 65535.
func unfletcher(data []byte) ([]byte, error) {
	if len(data) < 4 {
		return nil, checkpoint.Damaged("chunk without its checksum")
	}
	body := data[:len(data)-4]
	var a, b uint32
	for i := 0; i+1 < len(body); i += 2 {
		a = (a + uint32(binary.BigEndian.Uint16(body[i:]))) % 65535
		b = (b + a) % 65535
	}
	if len(body)%2 != 0 {
		a = (a + uint32(body[len(body)-1])<<8) % 65535
		b = (b + a) % 65535
	}
	stored := binary.LittleEndian.Uint32(data[len(body):])
	// 0 and 65535 are one sum.
	same := func(x, y uint32) bool { return x%65535 == y%65535 }
	if !same(stored>>16, b) || !same(stored&0xffff, a) {
		return nil, checkpoint.Damaged("chunk without its checksum")
	}
	return body, nil
}
