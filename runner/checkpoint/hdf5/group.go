package hdf5

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// link is a member of a group.
type link struct {
	name string
	addr uint64
	soft string // the target of a symbolic link
	// order is the number of the link in the order of creation, 0 where the file does not say it.
	order uint64
}

// maxLinks bounds the members of all groups together.
const maxLinks = 1 << 17

// links lists a group's members, in the order in which they were made where the file tells it, else by name.
func (s *source) links(messages []message) ([]link, bool, error) {
	var list []link
	group := false
	for _, m := range messages {
		b := &buffer{p: m.data}
		switch m.kind {
		case msgSymbolTable:
			group = true
			tree, heap := b.u64(), b.u64()
			if b.err != nil {
				return nil, false, b.err
			}
			names, err := s.localHeap(heap)
			if err != nil {
				return nil, false, err
			}
			if err := s.walkGroup(tree, -1, names, &list); err != nil {
				return nil, false, err
			}
		case msgLinkInfo:
			group = true
			b.skip(1)
			flags := b.u8()
			if flags&1 != 0 {
				b.skip(8)
			}
			heap, tree := b.u64(), b.u64()
			if b.err == nil && heap != undefined {
				if err := s.denseLinks(heap, tree, &list); err != nil {
					return nil, false, err
				}
			}
		case msgLink:
			group = true
			l, err := parseLink(b)
			if err != nil {
				return nil, false, err
			}
			list = append(list, l)
		}
		if b.err != nil {
			return nil, false, b.err
		}
	}
	slices.SortStableFunc(list, func(a, b link) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.name, b.name)) })
	return list, group, nil
}

// denseLinks lists the members of a group that has many.
func (s *source) denseLinks(addr, tree uint64, list *[]link) error {
	heap, err := s.fractalHeap(addr)
	if err != nil {
		return err
	}
	var ids []heapID
	if err := s.records(tree, []byte{treeLinkNames}, func(_ byte, r *buffer) error {
		r.skip(4) // a hash of the name
		if len(ids) >= maxLinks {
			return checkpoint.Limit("group of more than %d members", maxLinks)
		}
		ids = append(ids, heapID{bytes: r.bytes(7)})
		return r.err
	}); err != nil {
		return err
	}
	return heap.objects(ids, func(_ heapID, b *buffer) error {
		l, err := parseLink(b)
		*list = append(*list, l)
		return err
	})
}

func parseLink(b *buffer) (link, error) {
	if version := b.u8(); version != 1 {
		return link{}, checkpoint.Unsupported("link version %d", version)
	}
	flags := b.u8()
	kind := byte(0)
	if flags&8 != 0 {
		kind = b.u8()
	}
	var order uint64
	if flags&4 != 0 {
		order = b.u64()
	}
	if flags&16 != 0 {
		b.skip(1)
	}
	n := b.uint(1 << (flags & 3))
	if n > maxName {
		return link{}, checkpoint.Limit("link with a name of %d bytes", n)
	}
	l := link{name: string(b.bytes(int(n))), order: order}
	switch kind {
	case 0:
		l.addr = b.u64()
	case 1:
		l.soft = string(b.bytes(int(b.u16())))
	default:
		return link{}, checkpoint.Unsupported("link %q to another file", checkpoint.Clip(l.name, 80))
	}
	return l, b.err
}

// localHeap returns the names of an old group.
func (s *source) localHeap(addr uint64) ([]byte, error) {
	b, err := s.block(addr, 32)
	if err != nil {
		return nil, err
	}
	if err := b.expect("HEAP"); err != nil {
		return nil, err
	}
	b.skip(4)
	size := b.u64()
	b.skip(8)
	data := b.u64()
	if b.err != nil || size > maxBlock {
		return nil, checkpoint.Damaged("heap of %d bytes", size)
	}
	names, err := s.block(data, int64(size))
	if err != nil {
		return nil, err
	}
	return names.p, nil
}

// maxName bounds the name of a link.
const maxName = 64 << 10

func (s *source) heapText(heap []byte, off uint64) (string, error) {
	if off >= uint64(len(heap)) {
		return "", checkpoint.Damaged("name outside its heap")
	}
	n := bytes.IndexByte(heap[off:min(uint64(len(heap)), off+maxName)], 0)
	if n < 0 {
		return "", checkpoint.Damaged("a name without its end, or of more than %d bytes", maxName)
	}
	return string(heap[off:][:n]), s.charge(4 * int64(n)) // names may share bytes of the heap, and stay in memory
}

// walkGroup lists the symbols below a node of a group's B-tree; level is the parent's, -1 above the root.
func (s *source) walkGroup(addr uint64, level int, heap []byte, list *[]link) error {
	head, err := s.block(addr, 24)
	if err != nil {
		return err
	}
	if err := head.expect("TREE"); err != nil {
		return err
	}
	kind, own, used := head.u8(), int(head.u8()), int(head.u16())
	if kind != 0 || level >= 0 && own != level-1 || own > 16 {
		return checkpoint.Damaged("tree of names with a node of another kind or level")
	}
	b, err := s.block(addr+24, int64(used)*16)
	if err != nil {
		return err
	}
	for range used {
		b.skip(8)
		child := b.u64()
		if b.err != nil {
			return b.err
		}
		if own > 0 {
			err = s.walkGroup(child, own, heap, list)
		} else {
			err = s.symbols(child, heap, list)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// symbols reads one symbol table node.
func (s *source) symbols(addr uint64, heap []byte, list *[]link) error {
	head, err := s.block(addr, 8)
	if err != nil {
		return err
	}
	if err := head.expect("SNOD"); err != nil {
		return err
	}
	head.skip(2)
	n := int(head.u16())
	b, err := s.block(addr+8, int64(n)*40)
	if err != nil {
		return err
	}
	for range n {
		name, header, cached := b.u64(), b.u64(), b.u32()
		b.skip(4)
		target := b.u32()
		b.skip(12)
		if b.err != nil {
			return b.err
		}
		l := link{addr: header}
		if l.name, err = s.heapText(heap, name); err != nil {
			return err
		}
		if cached == 2 {
			if l.soft, err = s.heapText(heap, uint64(target)); err != nil {
				return err
			}
		}
		if len(*list) >= maxLinks {
			return checkpoint.Limit("group of more than %d members", maxLinks)
		}
		// HDF5 finds a member by its place in the order: one that is out of it is not there for HDF5.
		if n := len(*list); n > 0 && (*list)[n-1].name >= l.name {
			return checkpoint.Damaged("members of a group out of their order, at %q", checkpoint.Clip(l.name, 80))
		}
		*list = append(*list, l)
	}
	return nil
}
