package hdf5

import (
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
	c.band.data = nil // the next one takes its place
	perBand := int64(1)
	for _, n := range c.counts[1:] {
		perBand *= n
	}
	from := sort.Search(len(c.list), func(i int) bool { return c.list[i].number >= index*perBand })
	origin := make([]int64, len(c.dims))
	if c.alone() && from < len(c.list) && c.list[from].number == index {
		c.origin(c.list[from], origin)
		data, err := c.read(c.list[from], origin)
		c.band.index, c.band.data = index, data
		return err
	}
	out := make([]byte, rows*c.rowBytes)
	if len(c.d.fill) > 0 {
		if _, err := (&repeated{c.d.fill, int64(len(out))}).ReadAt(out, 0); err != nil && err != io.EOF {
			return err
		}
	}
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
		case filterNBit:
			data, err = unpackBits(data, f.values, c.chunkBytes)
		case filterScaleOffset:
			data, err = unscale(data, f.values, c.chunkBytes)
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
