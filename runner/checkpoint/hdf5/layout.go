package hdf5

import (
	"bytes"
	"cmp"
	"io"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// dataset is what the messages of a dataset say.
type dataset struct {
	typ     datatype
	shape   []int64
	most    []int64 // how far each extent may grow; empty where none may
	null    bool
	fill    []byte // one element; nil means zeros
	filters []filter
	layout  []byte
}

// data returns the dataset's bytes in C order, in the byte order of the file.
func (s *source) data(d *dataset) (checkpoint.Data, error) {
	n, err := checkpoint.Elements(d.shape)
	if err != nil {
		return nil, err
	}
	if d.null {
		n = 0
	}
	if n > (1<<62)/d.typ.size {
		return nil, checkpoint.Damaged("dataset of %d elements", n)
	}
	total := n * d.typ.size
	if s.values -= total; s.values < 0 {
		return nil, checkpoint.Limit("datasets of over %d times the bytes of the file", maxRatio)
	}
	b := &buffer{p: d.layout}
	switch version := b.u8(); version {
	case 1, 2:
		return s.oldLayout(d, b, total)
	case 3, 4, 5: // 5 is 4 with wider sizes of chunks
		switch class := b.u8(); class {
		case 0:
			size := int(b.u16())
			return s.compact(b, size, total)
		case 1:
			addr, size := b.u64(), b.u64()
			return s.contiguous(d, b, addr, size, total)
		case 2:
			if version >= 4 {
				return s.chunked4(d, b, total)
			}
			rank := int(b.u8())
			tree := b.u64()
			return s.chunked(d, b, rank, tree, total)
		case 3:
			return nil, checkpoint.Unsupported("virtual dataset, whose data lie in other ones")
		default:
			return nil, checkpoint.Unsupported("storage class %d", class)
		}
	default:
		return nil, checkpoint.Unsupported("layout version %d", version)
	}
}

func (s *source) oldLayout(d *dataset, b *buffer, total int64) (checkpoint.Data, error) {
	rank, class := int(b.u8()), b.u8()
	b.skip(5)
	addr := undefined
	if class != 0 {
		addr = b.u64()
	}
	switch class {
	case 0:
		b.skip(4 * rank)
		size := int(b.u32())
		return s.compact(b, size, total)
	case 1:
		return s.contiguous(d, b, addr, uint64(total), total)
	case 2:
		return s.chunked(d, b, rank, addr, total)
	}
	return nil, checkpoint.Unsupported("storage class %d", class)
}

func (s *source) compact(b *buffer, size int, total int64) (checkpoint.Data, error) {
	p := b.bytes(size)
	if b.err != nil {
		return nil, b.err
	}
	if int64(size) != total {
		return nil, checkpoint.Damaged("dataset of %d bytes has %d in its header", total, size)
	}
	return bytes.NewReader(p), nil
}

func (s *source) contiguous(d *dataset, b *buffer, addr, size uint64, total int64) (checkpoint.Data, error) {
	if b.err != nil {
		return nil, b.err
	}
	if addr == undefined || total == 0 {
		return d.unwritten(total)
	}
	if size != uint64(total) {
		return nil, checkpoint.Damaged("dataset of %d bytes is stored in %d", total, size)
	}
	off, err := s.offset(addr, total)
	if err != nil {
		return nil, err
	}
	return checkpoint.Section(s.r, off, total), nil
}

// unwritten is a dataset that was made and never written: all fill values.
func (d *dataset) unwritten(total int64) (checkpoint.Data, error) {
	if total > 1<<30 {
		return nil, checkpoint.Limit("dataset of %d bytes that was never written", total)
	}
	return &repeated{d.fill, total}, nil
}

// repeated is an element over and over; zeros where there is none.
type repeated struct {
	element []byte
	size    int64
}

func (r *repeated) Size() int64 { return r.size }

func (r *repeated) ReadAt(p []byte, off int64) (int, error) {
	n := min(int64(len(p)), max(r.size-off, 0))
	if len(r.element) == 0 {
		clear(p[:n])
	} else {
		for i := range p[:min(n, int64(len(r.element)))] {
			p[i] = r.element[(off+int64(i))%int64(len(r.element))]
		}
		for done := int64(len(r.element)); done < n; done *= 2 {
			copy(p[done:n], p[:done])
		}
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// chunked reads a B-tree of chunks. rank counts one dimension for the bytes of an element.
func (s *source) chunked(d *dataset, b *buffer, rank int, tree uint64, total int64) (checkpoint.Data, error) {
	if rank < 1 || rank > 33 {
		return nil, checkpoint.Damaged("chunk layout of %d dimensions", rank)
	}
	dims := make([]int64, rank-1)
	for i := range dims {
		dims[i] = int64(b.u32())
	}
	if b.err != nil {
		return nil, b.err
	}
	layout, err := newChunks(s, d, dims, total)
	if err != nil {
		return nil, err
	}
	if tree != undefined {
		if err := s.walkChunks(tree, rank, -1, layout); err != nil {
			return nil, err
		}
	}
	return layout.finish()
}

// walkChunks adds the chunks below a node of a version 1 B-tree; level is the parent's, -1 above the root.
func (s *source) walkChunks(addr uint64, rank, level int, layout *chunks) error {
	head, err := s.block(addr, 24)
	if err != nil {
		return err
	}
	if err := head.expect("TREE"); err != nil {
		return err
	}
	kind, own, used := head.u8(), int(head.u8()), int(head.u16())
	if kind != 1 || level >= 0 && own != level-1 || own > 16 {
		return checkpoint.Damaged("tree of chunks with a node of another kind or level")
	}
	key := 8 + 8*rank
	b, err := s.block(addr+24, int64(used*(key+8)))
	if err != nil {
		return err
	}
	for range used {
		c := chunk{size: int64(b.u32()), mask: b.u32()}
		for range rank - 1 {
			c.origin = append(c.origin, int64(b.u64()))
		}
		within := b.u64() // an element, where chunks never begin
		c.addr = b.u64()
		if b.err != nil {
			return b.err
		}
		// HDF5 finds a chunk by its place in the order: one that is out of it is not there for HDF5.
		first := len(layout.list)
		if within != 0 || first > 0 && layout.compare(layout.list[first-1], c.origin) >= 0 {
			return checkpoint.Damaged("tree of chunks out of their order")
		}
		if own > 0 {
			err = s.walkChunks(c.addr, rank, own, layout)
			if first < len(layout.list) && layout.compare(layout.list[first], c.origin) < 0 {
				return checkpoint.Damaged("tree of chunks out of their order")
			}
		} else {
			err = layout.add(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chunk is a part of a dataset, as an index of chunks has it.
type chunk struct {
	addr   uint64
	size   int64 // as stored
	mask   uint32
	origin []int64
}

// placed is a chunk as it is held, in 24 bytes: there may be a million.
type placed struct {
	number int64 // of the place in the grid of chunks, in C order
	addr   uint64
	size   uint32
	mask   uint32
}

const (
	// maxBand bounds the chunks that are held in memory at a time: those that share their first coordinate, and while they are
	// read one of them before and after a filter.
	maxBand = 32 << 20
	// heavyBand is what a dataset may take while others are read too.
	heavyBand = 4 << 20
	// maxRatio and freeBytes bound what is made of a file's bytes: the same data may belong to many datasets, and what was never
	// written has any size.
	maxRatio  = 1100
	freeBytes = 256 << 20
)

// maxChunks bounds the chunks of all datasets together.
const maxChunks = 1 << 20

// chunks yields a chunked dataset in C order, a band of chunks at a time.
type chunks struct {
	s          *source
	d          *dataset
	dims       []int64 // of a chunk
	total      int64
	chunkBytes int64
	rowBytes   int64   // of all of the dataset at one first index
	counts     []int64 // of chunks along each dimension
	list       []placed
	band       band
	// partialPlain tells that chunks that pass the end of the dataset went through no filters.
	partialPlain bool
}

func newChunks(s *source, d *dataset, dims []int64, total int64) (*chunks, error) {
	if len(dims) != len(d.shape) || len(dims) == 0 {
		return nil, checkpoint.Damaged("chunks of %d dimensions in a dataset of %d", len(dims), len(d.shape))
	}
	c := &chunks{s: s, d: d, dims: dims, total: total, rowBytes: d.typ.size, chunkBytes: d.typ.size}
	for i, n := range dims {
		c.counts = append(c.counts, (d.shape[i]-1)/max(n, 1)+1)
		if n < 1 || n > maxBand || c.chunkBytes > maxBand/n {
			return nil, checkpoint.Unsupported("chunks of shape %s, over %d MiB", checkpoint.ShapeText(dims), maxBand>>20)
		}
		c.chunkBytes *= n
		if i > 0 {
			c.rowBytes *= d.shape[i]
		}
	}
	if total == 0 {
		return c, nil
	}
	if c.rowBytes > maxBand/dims[0] || c.held() > maxBand {
		return nil, checkpoint.Unsupported("chunks that span %d rows of %d bytes each, and take more than %d MiB while they are read", dims[0], c.rowBytes, maxBand>>20)
	}
	return c, nil
}

// held is what is in memory at a time: a chunk before and after a filter, and the band that it goes into.
func (c *chunks) held() int64 {
	if c.alone() {
		return 2 * c.chunkBytes
	}
	return c.rowBytes*c.dims[0] + 2*c.chunkBytes
}

// alone reports whether a band is one chunk as it is.
func (c *chunks) alone() bool {
	return slices.Equal(c.dims[1:], c.d.shape[1:]) && c.d.shape[0]%c.dims[0] == 0
}

// add takes a chunk, which must lie on the grid.
func (c *chunks) add(x chunk) error {
	if c.s.chunks++; c.s.chunks > maxChunks {
		return checkpoint.Limit("more than %d chunks", maxChunks)
	}
	if x.size < 0 || x.size > c.chunkBytes+c.chunkBytes/8+4096 {
		return checkpoint.Damaged("chunk of %d bytes stored in %d", c.chunkBytes, x.size)
	}
	number := int64(0)
	for i, o := range x.origin {
		if o < 0 || o%c.dims[i] != 0 || o >= c.d.shape[i] {
			return checkpoint.Damaged("chunk at %s of a dataset of shape %s", checkpoint.ShapeText(x.origin), checkpoint.ShapeText(c.d.shape))
		}
		number = number*c.counts[i] + o/c.dims[i]
	}
	c.list = append(c.list, placed{number, x.addr, uint32(x.size), x.mask})
	return nil
}

// origin fills at with the place of a chunk.
func (c *chunks) origin(x placed, at []int64) {
	for i, n := len(at)-1, x.number; i >= 0; i-- {
		at[i] = n % c.counts[i] * c.dims[i]
		n /= c.counts[i]
	}
}

// compare orders the place of a chunk and another place.
func (c *chunks) compare(x placed, place []int64) int {
	var at [32]int64
	c.origin(x, at[:len(c.dims)])
	return slices.Compare(at[:len(c.dims)], place)
}

// finish sorts the chunks and refuses two at one place.
func (c *chunks) finish() (checkpoint.Data, error) {
	slices.SortFunc(c.list, func(a, b placed) int { return cmp.Compare(a.number, b.number) })
	stored := int64(0)
	for i, x := range c.list {
		if i > 0 && c.list[i-1].number == x.number {
			return nil, checkpoint.Damaged("two chunks at place %d", x.number)
		}
		if _, err := c.s.offset(x.addr, int64(x.size)); err != nil {
			return nil, err
		}
		stored += int64(x.size)
	}
	if c.total > freeBytes+maxRatio*stored {
		return nil, checkpoint.Limit("dataset of %d bytes of which %d are stored", c.total, stored)
	}
	return c, nil
}

func (c *chunks) Size() int64      { return c.total }
func (c *chunks) Sequential() bool { return true }
func (c *chunks) Heavy() bool      { return c.held() > heavyBand }
