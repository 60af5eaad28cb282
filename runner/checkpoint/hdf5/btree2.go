package hdf5

import (
	"math"
	"math/bits"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// maxRecords bounds the records of a tree.
const maxRecords = maxChunks

// The kinds of version 2 B-trees that are read, by their records.
const (
	treeHuge       = 1
	treeLinkNames  = 5
	treeAttributes = 8
	treeChunks     = 10
	treeFiltered   = 11
)

// nodeFrame are the bytes of a node that are no records: signature, version, type, checksum.
const nodeFrame = 4 + 1 + 1 + 4

// tree2 is a version 2 B-tree.
type tree2 struct {
	s       *source
	kind    byte
	size    int64 // of a node
	record  int   // bytes of a record
	widths  []int // of the number of all records below a child, by the child's height
	count   int   // width of the number of a child's own records
	visit   func(*buffer) error
	visited int
}

// records visits the records of the tree at addr, which must be of one of the kinds.
func (s *source) records(addr uint64, kinds []byte, visit func(kind byte, b *buffer) error) error {
	h, err := s.sealed(addr, 4+1+1+4+2+2+1+1+8+2+8+4)
	if err != nil {
		return err
	}
	if err := h.expect("BTHD"); err != nil {
		return err
	}
	version, kind := h.u8(), h.u8()
	t := &tree2{s: s, kind: kind, size: int64(h.u32()), record: int(h.u16())}
	t.visit = func(b *buffer) error { return visit(kind, b) }
	height := int(h.u16())
	h.skip(2)
	root, n := h.u64(), int(h.u16())
	known := false
	for _, k := range kinds {
		known = known || k == kind
	}
	switch {
	case version != 0 || !known:
		return checkpoint.Unsupported("B-tree of version %d and type %d", version, kind)
	case t.record == 0 || t.size < int64(nodeFrame+t.record) || height > 16:
		return checkpoint.Damaged("B-tree of nodes of %d bytes, records of %d and height %d", t.size, t.record, height)
	case root == undefined:
		return nil
	}
	most := (float64(t.size) - nodeFrame) / float64(t.record)
	most = math.Floor(most)
	t.count = width(most)
	t.widths = []int{0}
	all := most
	for u := 1; u <= height; u++ {
		pointer := float64(8 + t.count + t.widths[u-1])
		own := math.Floor((float64(t.size) - nodeFrame - pointer) / (float64(t.record) + pointer))
		all = (own+1)*all + own
		t.widths = append(t.widths, width(all))
	}
	return t.node(root, n, height)
}

// width is how many bytes numbers up to n take.
func width(n float64) int {
	if n >= 1<<63 {
		return 8
	}
	return (bits.Len64(uint64(n))-1)/8 + 1
}

// node visits the n records of a node, and those below it.
func (t *tree2) node(addr uint64, n, height int) error {
	size := int64(n) * int64(t.record)
	pointer := 0
	if height > 0 {
		pointer = 8 + t.count + t.widths[height-1]
		size += int64(n+1) * int64(pointer)
	}
	// Behind the last record comes the checksum; the rest of the node is unused.
	b, err := t.s.sealed(addr, nodeFrame+size)
	if err != nil {
		return err
	}
	signature := "BTLF"
	if height > 0 {
		signature = "BTIN"
	}
	if err := b.expect(signature); err != nil {
		return err
	}
	if version, kind := b.u8(), b.u8(); version != 0 || kind != t.kind {
		return checkpoint.Damaged("B-tree with a node of another type")
	}
	if t.visited += n; t.visited > maxRecords {
		return checkpoint.Limit("B-tree of more than %d records", maxRecords)
	}
	for range n {
		r := b.sub(t.record)
		if r.err != nil {
			return r.err
		}
		if err := t.visit(r); err != nil {
			return err
		}
	}
	if height == 0 {
		return b.err
	}
	for range n + 1 {
		child := b.u64()
		own := int(b.uint(t.count))
		b.skip(t.widths[height-1])
		if b.err != nil {
			return b.err
		}
		if err := t.node(child, own, height-1); err != nil {
			return err
		}
	}
	return nil
}
