package hdf5

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// fractalHeap holds the links or the attributes of an object that has many. Its space is divided into blocks by a
// doubling table: rows of equally many blocks, each row's blocks twice as large as those of the row before, but for the
// first two.
type fractalHeap struct {
	s                 *source
	addr              uint64
	perRow            int
	first, largest    uint64 // sizes of the smallest and of the largest blocks that hold data
	root              uint64
	rows              int // of the root, 0 where it is a block of data
	offsets, lengths  int // bytes of an offset and of a length in an identifier
	space             uint
	checked           bool // blocks of data have checksums
	blockFrom, blockN uint64
	held              *buffer
	hugeTree          uint64
	huge              map[uint64]extent // objects that are too large for a block, by their numbers
}

// extent is where something lies in the file.
type extent struct{ addr, size uint64 }

func (s *source) fractalHeap(addr uint64) (*fractalHeap, error) {
	// Signature, version, two lengths, flags, then 4 bytes and twelve numbers, the doubling table and the checksum.
	b, err := s.sealed(addr, 4+1+2+2+1+4+12*8+2+8+8+2+2+8+2+4)
	if err != nil {
		return nil, err
	}
	if err := b.expect("FRHP"); err != nil {
		return nil, err
	}
	version := b.u8()
	b.skip(2)
	filters, flags, most := b.u16(), b.u8(), b.u32()
	b.skip(8)
	hugeTree := b.u64()
	b.skip(10 * 8)
	h := &fractalHeap{s: s, addr: addr, hugeTree: hugeTree, perRow: int(b.u16()), first: b.u64(), largest: b.u64()}
	h.space = uint(b.u16())
	b.skip(2)
	h.root, h.rows = b.u64(), int(b.u16())
	h.checked = flags&2 != 0
	switch {
	case b.err != nil:
		return nil, b.err
	case version != 0 || filters != 0:
		return nil, checkpoint.Unsupported("heap of version %d with %d bytes of filters", version, filters)
	case h.perRow < 1 || h.space > 64 || bits.OnesCount64(h.first) != 1 || bits.OnesCount64(h.largest) != 1 ||
		h.largest < h.first || h.largest > maxBlock || h.rows > 64:
		return nil, checkpoint.Damaged("heap of %d blocks of %d to %d bytes", h.perRow, h.first, h.largest)
	}
	h.offsets = int(h.space+7) / 8
	h.lengths = width(float64(min(h.largest, uint64(most))))
	return h, nil
}

// objects visits what identifiers stand for, in the order of the heap, so that no block is read twice.
func (h *fractalHeap) objects(ids []heapID, visit func(id heapID, b *buffer) error) error {
	offset := func(id heapID) uint64 { return (&buffer{p: id.bytes[1:]}).uint(min(h.offsets, len(id.bytes)-1)) }
	slices.SortFunc(ids, func(a, b heapID) int { return cmp.Compare(offset(a), offset(b)) })
	for _, id := range ids {
		b, err := h.object(&buffer{p: id.bytes})
		if err != nil {
			return err
		}
		if err := visit(id, b); err != nil {
			return err
		}
	}
	return nil
}

// heapID is an identifier as a record of a tree has it, with the flags that an attribute has there.
type heapID struct {
	bytes []byte
	flags byte
}

// object returns what an identifier stands for.
func (h *fractalHeap) object(id *buffer) (*buffer, error) {
	first := id.u8()
	if first>>6 != 0 {
		return nil, checkpoint.Unsupported("identifier of version %d in a heap", first>>6)
	}
	switch kind := first >> 4 & 3; kind {
	case 0:
		offset, n := id.uint(h.offsets), id.uint(h.lengths)
		if id.err != nil {
			return nil, id.err
		}
		return h.managed(offset, n)
	case 1:
		return h.large(id.uint(min(len(id.p), 8)))
	case 2:
		b := id.sub(int(first&15) + 1)
		return b, b.err
	default:
		return nil, checkpoint.Unsupported("object of a heap of kind %d", kind)
	}
}

// large returns an object that lies by itself in the file.
func (h *fractalHeap) large(number uint64) (*buffer, error) {
	if h.huge == nil {
		h.huge = map[uint64]extent{}
		if err := h.s.records(h.hugeTree, []byte{treeHuge}, func(_ byte, r *buffer) error {
			if len(h.huge) >= maxLinks {
				return checkpoint.Limit("heap of more than %d large objects", maxLinks)
			}
			x := extent{r.u64(), r.u64()}
			h.huge[r.u64()] = x
			return r.err
		}); err != nil {
			return nil, err
		}
	}
	x, ok := h.huge[number]
	if !ok || x.size > uint64(h.s.size) {
		return nil, checkpoint.Damaged("object %d of %d bytes is not in its heap", number, x.size)
	}
	return h.s.block(x.addr, int64(x.size))
}

func (h *fractalHeap) managed(offset, n uint64) (*buffer, error) {
	if h.held == nil || offset < h.blockFrom || offset-h.blockFrom >= h.blockN {
		if err := h.find(offset); err != nil {
			return nil, err
		}
	}
	at := offset - h.blockFrom
	if n > h.blockN-at {
		return nil, checkpoint.Damaged("object of %d bytes passes the end of its heap", n)
	}
	return &buffer{p: h.held.p[at : at+n]}, nil
}

// rowSize is the size of a row's blocks.
func (h *fractalHeap) rowSize(row int) uint64 {
	if row == 0 {
		return h.first
	}
	if row > 63 || bits.LeadingZeros64(h.first) < row {
		return 1 << 63
	}
	return h.first << (row - 1)
}

// find loads the block of data that holds an offset.
func (h *fractalHeap) find(offset uint64) error {
	if h.root == undefined {
		return checkpoint.Damaged("object of an empty heap")
	}
	if h.rows == 0 {
		return h.load(h.root, 0, h.first, offset)
	}
	addr, rows, from := h.root, h.rows, uint64(0)
	for range 64 {
		// The rows whose blocks are no larger than the largest hold data, those behind them further tables.
		direct := min(rows, bits.TrailingZeros64(h.largest)-bits.TrailingZeros64(h.first)+2)
		row, start := 0, from
		for ; row < rows; row++ {
			n := h.rowSize(row) * uint64(h.perRow)
			if n/uint64(h.perRow) != h.rowSize(row) || offset-start < n {
				break
			}
			start += n
		}
		if row == rows || offset < from {
			return checkpoint.Damaged("offset %d is not in its heap", offset)
		}
		size := h.rowSize(row)
		column := (offset - start) / size
		frame := 4 + 1 + 8 + h.offsets
		entries := rows * h.perRow
		b, err := h.s.sealed(addr, int64(frame+8*entries+4))
		if err != nil {
			return err
		}
		if err := b.expect("FHIB"); err != nil {
			return err
		}
		b.skip(1)
		if owner := b.u64(); owner != h.addr {
			return checkpoint.Damaged("table of another heap")
		}
		b.skip(h.offsets + 8*(row*h.perRow+int(column)))
		addr = b.u64()
		if b.err != nil {
			return b.err
		}
		from = start + column*size
		if row < direct {
			return h.load(addr, from, size, offset)
		}
		rows = bits.TrailingZeros64(size) - bits.TrailingZeros64(h.first) - bits.Len(uint(h.perRow)) + 2
		if rows < 1 || rows > 64 {
			return checkpoint.Damaged("table of %d rows in a heap", rows)
		}
	}
	return checkpoint.Damaged("heap nested more than 64 deep")
}

// load reads a block of data.
func (h *fractalHeap) load(addr, from, size, offset uint64) error {
	if offset-from >= size {
		return checkpoint.Damaged("offset %d is not in its heap", offset)
	}
	b, err := h.s.block(addr, int64(size))
	if err != nil {
		return err
	}
	whole := b.p
	if err := b.expect("FHDB"); err != nil {
		return err
	}
	b.skip(1)
	if owner := b.u64(); owner != h.addr || b.err != nil {
		return checkpoint.Damaged("block of another heap")
	}
	b.skip(h.offsets)
	if h.checked {
		// The checksum is that of the block with zeros in its place.
		sum := b.u32()
		at := 4 + 1 + 8 + h.offsets
		if b.err != nil {
			return b.err
		}
		clear(whole[at : at+4])
		if lookup3(whole) != sum {
			return checkpoint.Damaged("a block of a heap does not have its checksum")
		}
	}
	h.held, h.blockFrom, h.blockN = &buffer{p: whole}, from, size
	return nil
}
