package hdf5

import (
	"math/bits"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// The indices of chunks of HDF5 1.10 and newer.
const (
	indexSingle     = 1
	indexImplicit   = 2
	indexFixed      = 3
	indexExtensible = 4
	indexTree       = 5
)

// chunked4 reads the layout of newer files.
func (s *source) chunked4(d *dataset, b *buffer, total int64) (checkpoint.Data, error) {
	flags, rank, width := b.u8(), int(b.u8()), int(b.u8())
	if rank < 1 || rank > 33 || width < 1 || width > 8 {
		return nil, checkpoint.Damaged("chunk layout of %d dimensions", rank)
	}
	dims := make([]int64, rank)
	for i := range dims {
		dims[i] = int64(b.uint(width))
	}
	layout, err := newChunks(s, d, dims[:rank-1], total)
	if err != nil {
		return nil, err
	}
	layout.partialPlain = flags&1 != 0
	kind := b.u8()
	single := chunk{size: layout.chunkBytes, origin: make([]int64, rank-1)}
	switch kind {
	case indexSingle:
		if flags&2 != 0 {
			single.size, single.mask = int64(b.u64()), b.u32()
		}
	case indexImplicit:
	case indexFixed:
		b.skip(1)
	case indexExtensible:
		b.skip(5)
	case indexTree:
		b.skip(6)
	default:
		return nil, checkpoint.Unsupported("chunk index %d", kind)
	}
	addr := b.u64()
	if b.err != nil {
		return nil, b.err
	}
	if addr == undefined || total == 0 {
		return layout.finish()
	}
	x := &chunkIndex{s: s, layout: layout}
	switch kind {
	case indexSingle:
		single.addr = addr
		err = x.add(single)
	case indexImplicit:
		err = x.implicit(addr)
	case indexFixed:
		err = x.fixed(addr)
	case indexExtensible:
		err = x.extensible(addr)
	case indexTree:
		err = x.tree(addr)
	}
	if err != nil {
		return nil, err
	}
	return layout.finish()
}

// chunkIndex adds the chunks of an index to a layout.
type chunkIndex struct {
	s      *source
	layout *chunks
	// counts are the numbers of chunks along the dimensions, as far as the dataset can grow, with the one that can grow
	// without end in front; unlimited is that one's place.
	counts    []int64
	unlimited int
	item      int // bytes of an element of an array
	filtered  bool
}

func (x *chunkIndex) add(c chunk) error {
	if c.addr == undefined {
		return nil
	}
	return x.layout.add(c)
}

// measure finds how the chunks are numbered.
func (x *chunkIndex) measure() error {
	d := x.layout.d
	for i, n := range d.most {
		if n == unlimitedExtent {
			x.unlimited = i
		}
	}
	for i := range x.layout.dims {
		n := d.shape[i]
		if len(d.most) > 0 {
			n = d.most[i]
		}
		if n == unlimitedExtent {
			n = 1 // its count is not needed
		}
		if n < d.shape[i] && (len(d.most) == 0 || d.most[i] != unlimitedExtent) {
			return checkpoint.Damaged("dataset of shape %s that may grow to %s", checkpoint.ShapeText(d.shape), checkpoint.ShapeText(d.most))
		}
		count := int64(0)
		if n > 0 {
			count = (n-1)/x.layout.dims[i] + 1
		}
		x.counts = append(x.counts, count)
	}
	return nil
}

// origin returns where the chunk of a number lies.
func (x *chunkIndex) origin(number int64) ([]int64, error) {
	origin := make([]int64, len(x.counts))
	order := make([]int, 0, len(x.counts)) // slowest dimension first
	order = append(order, x.unlimited)
	for i := range x.counts {
		if i != x.unlimited {
			order = append(order, i)
		}
	}
	for k := len(order) - 1; k > 0; k-- {
		i := order[k]
		if x.counts[i] == 0 {
			return nil, checkpoint.Damaged("chunks in a dataset without extent")
		}
		origin[i] = number % x.counts[i] * x.layout.dims[i]
		number /= x.counts[i]
	}
	i := order[0]
	if number > (1<<62)/x.layout.dims[i] {
		return nil, checkpoint.Damaged("chunk of number %d", number)
	}
	origin[i] = number * x.layout.dims[i]
	return origin, nil
}

// element adds the chunk of a number, from an element of an array.
func (x *chunkIndex) element(number int64, b *buffer) error {
	e := b.sub(x.item)
	c := chunk{addr: e.u64(), size: x.layout.chunkBytes}
	if x.filtered {
		c.size, c.mask = int64(e.uint(x.item-12)), e.u32()
	}
	if e.err != nil {
		return e.err
	}
	if c.addr == undefined || x.filtered && c.addr == 0 && c.size == 0 {
		return nil
	}
	var err error
	if c.origin, err = x.origin(number); err != nil {
		return err
	}
	for i, o := range c.origin {
		if o >= x.layout.d.shape[i] {
			return nil // left from before the dataset shrank
		}
	}
	return x.add(c)
}

// implicit adds chunks that lie one behind the other.
func (x *chunkIndex) implicit(addr uint64) error {
	if err := x.measure(); err != nil {
		return err
	}
	total := int64(1)
	for _, n := range x.counts {
		if n > maxChunks/max(total, 1) {
			return checkpoint.Limit("dataset of more than %d chunks", maxChunks)
		}
		total *= n
	}
	x.unlimited = 0
	for i := range total {
		origin, err := x.origin(i)
		if err != nil {
			return err
		}
		inside := true
		for d, o := range origin {
			inside = inside && o < x.layout.d.shape[d]
		}
		if !inside {
			continue
		}
		if err := x.add(chunk{addr: addr + uint64(i*x.layout.chunkBytes), size: x.layout.chunkBytes, origin: origin}); err != nil {
			return err
		}
	}
	return nil
}

// client reads what the elements of an array are.
func (x *chunkIndex) client(b *buffer) error {
	client := b.u8()
	x.item = int(b.u8())
	x.filtered = client == 1
	if client > 1 || !x.filtered && x.item != 8 || x.filtered && (x.item < 13 || x.item > 20) {
		return checkpoint.Unsupported("array of chunks of kind %d with elements of %d bytes", client, x.item)
	}
	return b.err
}

// fixed reads a fixed array.
func (x *chunkIndex) fixed(addr uint64) error {
	if err := x.measure(); err != nil {
		return err
	}
	h, err := x.s.sealed(addr, 4+1+1+1+1+8+8+4)
	if err != nil {
		return err
	}
	if err := h.expect("FAHD"); err != nil {
		return err
	}
	h.skip(1)
	if err := x.client(h); err != nil {
		return err
	}
	pageBits, count, block := h.u8(), h.u64(), h.u64()
	if h.err != nil || pageBits > 32 || count > 1<<40 {
		return checkpoint.Damaged("array of %d chunks", count)
	}
	if block == undefined {
		return nil
	}
	a := &pages{x: x, addr: block, frame: 4 + 1 + 1 + 8, signature: "FADB", first: 0, count: int64(count)}
	if page := int64(1) << pageBits; a.count > page {
		a.page = page
		a.bitmap = make([]byte, ((a.count+page-1)/page+7)/8)
		a.ownBitmap = true
		if len(a.bitmap) > maxBlock {
			return checkpoint.Limit("array of %d chunks", count)
		}
	}
	return a.read()
}

// pages is a block of elements, in one piece or in pages of which some may never have been written.
type pages struct {
	x         *chunkIndex
	addr      uint64
	frame     int64 // bytes in front of the elements
	signature string
	first     int64 // number of the first element
	count     int64
	page      int64 // elements of a page, 0 where there is one piece
	bitmap    []byte
	ownBitmap bool // the bitmap is in the block, behind the frame
}

func (a *pages) read() error {
	item := int64(a.x.item)
	if a.count > maxBlock/item && a.page == 0 {
		return checkpoint.Limit("block of %d chunks", a.count)
	}
	size := a.frame + 4
	if a.page == 0 {
		size += a.count * item
	}
	if a.ownBitmap {
		size += int64(len(a.bitmap))
	}
	b, err := a.x.s.sealed(a.addr, size)
	if err != nil {
		return err
	}
	if err := b.expect(a.signature); err != nil {
		return err
	}
	b.skip(int(a.frame) - 4)
	if a.page == 0 {
		for i := range a.count {
			if err := a.x.element(a.first+i, b); err != nil {
				return err
			}
		}
		return b.err
	}
	if a.ownBitmap {
		a.bitmap = b.bytes(len(a.bitmap))
	}
	if b.err != nil {
		return b.err
	}
	at := a.addr + uint64(size)
	for p := int64(0); p*a.page < a.count; p++ {
		n := min(a.page, a.count-p*a.page)
		if a.bitmap[p/8]<<(p%8)&0x80 != 0 {
			b, err := a.x.s.sealed(at, n*item+4)
			if err != nil {
				return err
			}
			for i := range n {
				if err := a.x.element(a.first+p*a.page+i, b); err != nil {
					return err
				}
			}
		}
		at += uint64(n*item + 4)
	}
	return nil
}

// extensible reads an extensible array: some elements in its index, then blocks of elements, then blocks of blocks.
func (x *chunkIndex) extensible(addr uint64) error {
	if err := x.measure(); err != nil {
		return err
	}
	h, err := x.s.sealed(addr, 4+1+1+6+6*8+8+4)
	if err != nil {
		return err
	}
	if err := h.expect("EAHD"); err != nil {
		return err
	}
	h.skip(1)
	if err := x.client(h); err != nil {
		return err
	}
	indexBits, inIndex, minElements, minPointers, pageBits := uint(h.u8()), int64(h.u8()), int64(h.u8()), int(h.u8()), h.u8()
	h.skip(6 * 8)
	block := h.u64()
	if h.err != nil || indexBits > 64 || bits.OnesCount64(uint64(minElements)) != 1 || bits.OnesCount(uint(minPointers)) != 1 || pageBits > 32 {
		return checkpoint.Damaged("extensible array of blocks of %d elements and tables of %d", minElements, minPointers)
	}
	if block == undefined {
		return nil
	}
	levels := 1 + int(indexBits) - bits.TrailingZeros64(uint64(minElements))
	direct := 2 * bits.TrailingZeros(uint(minPointers)) // levels whose blocks the index points at
	if levels < direct || levels > 64 {
		return checkpoint.Damaged("extensible array of %d levels", levels)
	}
	blocks := 2 * (minPointers - 1)
	size := int64(4+1+1+8) + inIndex*int64(x.item) + 8*int64(blocks+levels-direct) + 4
	b, err := x.s.sealed(block, size)
	if err != nil {
		return err
	}
	if err := b.expect("EAIB"); err != nil {
		return err
	}
	b.skip(1 + 1 + 8)
	for i := range inIndex {
		if err := x.element(i, b); err != nil {
			return err
		}
	}
	offsets := int64(indexBits+7) / 8
	first := inIndex
	for level := range levels {
		many, elements := int64(1)<<(level/2), minElements<<((level+1)/2)
		if level >= direct {
			if table := b.u64(); table != undefined && b.err == nil {
				if err := x.table(table, first, many, elements, int64(1)<<pageBits, offsets); err != nil {
					return err
				}
			}
			first += many * elements
			continue
		}
		for range many {
			if at := b.u64(); at != undefined && b.err == nil {
				a := &pages{x: x, addr: at, frame: 4 + 1 + 1 + 8 + offsets, signature: "EADB", first: first, count: elements}
				if err := a.read(); err != nil {
					return err
				}
			}
			first += elements
		}
	}
	return b.err
}

// table reads a block of an extensible array that points at blocks of elements.
func (x *chunkIndex) table(addr uint64, first, many, elements, page, offsets int64) error {
	bitmap := int64(0) // bytes for each block
	if elements > page {
		bitmap = (elements/page + 7) / 8
	}
	if many > maxBlock/(8+bitmap) {
		return checkpoint.Limit("table of %d blocks", many)
	}
	b, err := x.s.sealed(addr, 4+1+1+8+offsets+many*(8+bitmap)+4)
	if err != nil {
		return err
	}
	if err := b.expect("EASB"); err != nil {
		return err
	}
	b.skip(int(1 + 1 + 8 + offsets))
	maps := b.bytes(int(many * bitmap))
	for i := range many {
		at := b.u64()
		if b.err != nil {
			return b.err
		}
		if at == undefined {
			continue
		}
		a := &pages{x: x, addr: at, frame: 4 + 1 + 1 + 8 + offsets, signature: "EADB", first: first + i*elements, count: elements}
		if bitmap > 0 {
			a.page, a.bitmap = page, maps[i*bitmap:(i+1)*bitmap]
		}
		if err := a.read(); err != nil {
			return err
		}
	}
	return nil
}

// tree reads a B-tree of chunks, whose records end with the chunk's place in units of chunks.
func (x *chunkIndex) tree(addr uint64) error {
	rank := len(x.layout.dims)
	return x.s.records(addr, []byte{treeChunks, treeFiltered}, func(kind byte, b *buffer) error {
		c := chunk{addr: b.u64(), size: x.layout.chunkBytes}
		if kind == treeFiltered {
			n := len(b.p) - 4 - 8*rank
			if n < 1 || n > 8 {
				return checkpoint.Damaged("record of a chunk of %d bytes", len(b.p)+8)
			}
			c.size, c.mask = int64(b.uint(n)), b.u32()
		}
		for i := range rank {
			scaled := b.u64()
			if scaled > (1<<62)/uint64(x.layout.dims[i]) {
				return checkpoint.Damaged("chunk at %d", scaled)
			}
			c.origin = append(c.origin, int64(scaled)*x.layout.dims[i])
		}
		if b.err != nil || len(b.p) > 0 {
			return checkpoint.Damaged("record of a chunk with %d bytes left", len(b.p))
		}
		return x.add(c)
	})
}
