package hdf5

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"slices"
	"sort"
	"sync"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// band is the part of a chunked dataset that is held in memory.
type band struct {
	mu    sync.Mutex
	index int64 // first coordinate divided by the chunk's extent; -1 while there is none
	data  []byte
}

func (c *chunks) ReadAt(p []byte, off int64) (int, error) {
	c.band.mu.Lock()
	defer c.band.mu.Unlock()
	bandBytes := c.rowBytes * c.dims[0]
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= c.total {
			return done, io.EOF
		}
		if index := at / bandBytes; c.band.data == nil || c.band.index != index {
			if err := c.load(index); err != nil {
				c.band.data = nil
				return done, err
			}
		}
		done += copy(p[done:], c.band.data[at-c.band.index*bandBytes:])
	}
	if off+int64(done) == c.total {
		c.band.data = nil // a file may have many datasets, read one after the other
	}
	return done, nil
}

// load assembles the rows of one band from its chunks, over fill values.
func (c *chunks) load(index int64) error {
	first := index * c.dims[0]
	rows := min(c.dims[0], c.d.shape[0]-first)
	out := make([]byte, rows*c.rowBytes)
	if len(c.d.fill) > 0 {
		if _, err := (&repeated{c.d.fill, int64(len(out))}).ReadAt(out, 0); err != nil && err != io.EOF {
			return err
		}
	}
	perBand := int64(1)
	for _, n := range c.counts[1:] {
		perBand *= n
	}
	from := sort.Search(len(c.list), func(i int) bool { return c.list[i].number >= index*perBand })
	origin := make([]int64, len(c.dims))
	for _, x := range c.list[from:] {
		if x.number >= (index+1)*perBand {
			break
		}
		c.origin(x, origin)
		data, err := c.read(x, origin)
		if err != nil {
			return err
		}
		c.place(out, data, origin, first)
	}
	c.band.index, c.band.data = index, out
	return nil
}

// place copies a chunk's rows, the runs along the last dimension, to their places in the band; what lies beyond the
// dataset's extents is dropped.
func (c *chunks) place(out, data []byte, origin []int64, first int64) {
	last := len(c.dims) - 1
	item := c.d.typ.size
	run := min(c.dims[last], c.d.shape[last]-origin[last]) * item
	index := make([]int64, len(c.dims))
	for {
		in, to, inside := int64(0), int64(0), true
		for d := range c.dims {
			at := origin[d] + index[d]
			inside = inside && at < c.d.shape[d]
			if d == 0 {
				at -= first
			}
			in = in*c.dims[d] + index[d]
			to = to*c.d.shape[d] + at
		}
		if inside {
			copy(out[to*item:to*item+run], data[in*item:])
		}
		d := last - 1
		for ; d >= 0; d-- {
			if index[d]++; index[d] < c.dims[d] {
				break
			}
			index[d] = 0
		}
		if d < 0 {
			return
		}
	}
}

// filter is one step of the pipeline that a chunk went through.
type filter struct {
	id     uint16
	values []uint32
}

// The registered filters that are undone here.
const (
	filterDeflate    = 1
	filterShuffle    = 2
	filterFletcher32 = 3
	filterLZF        = 32000 // h5py's
)

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
		if f.id != filterDeflate && f.id != filterShuffle && f.id != filterFletcher32 && f.id != filterLZF {
			return nil, checkpoint.Unsupported("HDF5 filter %d", f.id)
		}
		list = append(list, f)
	}
	return list, b.err
}

// read returns a chunk with its filters undone, last one first; a bit of the mask tells a filter that was left out.
func (c *chunks) read(x placed, origin []int64) ([]byte, error) {
	off, err := c.s.offset(x.addr, int64(x.size))
	if err != nil {
		return nil, err
	}
	data := make([]byte, x.size)
	if err := checkpoint.ReadFull(c.s.r, data, off); err != nil {
		return nil, err
	}
	filters := c.d.filters
	if c.partialPlain && c.partial(origin) {
		filters = nil
	}
	for i, f := range slices.Backward(filters) {
		if i < 32 && x.mask&(1<<i) != 0 {
			continue
		}
		switch f.id {
		case filterDeflate:
			data, err = c.inflate(data)
		case filterShuffle:
			data = unshuffle(data, c.d.typ.size)
		case filterFletcher32:
			data, err = unfletcher(data)
		case filterLZF:
			data, err = unlzf(data, c.chunkBytes+4)
		}
		if err != nil {
			return nil, err
		}
	}
	if int64(len(data)) != c.chunkBytes {
		return nil, checkpoint.Damaged("chunk of %d bytes instead of %d", len(data), c.chunkBytes)
	}
	return data, nil
}

// partial reports whether a chunk passes the end of the dataset.
func (c *chunks) partial(origin []int64) bool {
	for i, o := range origin {
		if o+c.dims[i] > c.d.shape[i] {
			return true
		}
	}
	return false
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
	// A checksum may still follow the elements.
	out, err := io.ReadAll(io.LimitReader(z, c.chunkBytes+5))
	if err != nil {
		return nil, checkpoint.Damaged("compressed chunk: %v", err)
	}
	inflaters.Put(z)
	return out, nil
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
