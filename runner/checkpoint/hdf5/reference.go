package hdf5

import (
	"encoding/binary"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// dangling is what a reference reads as whose object no path leads to: the object was deleted, and its place may hold anything.
const dangling = "dangling"

// reference is an entry that refers to an object, by its address until all objects are known.
type reference struct {
	entry     int
	addr      uint64
	selection string // of a region
}

// refer adds a reference. Addresses differ between files of one content, so it reads as the path of the object, followed
// by the region; the one to nothing is empty.
func (w *walker) refer(name string, to refersTo, raw []byte) error {
	e := checkpoint.Entry{Name: name, Kind: checkpoint.KindObject, Type: "reference", Data: checkpoint.Text("")}
	r := reference{entry: len(w.f.Entries)}
	if to == toObject {
		r.addr = binary.LittleEndian.Uint64(raw)
	} else {
		e.Type = "region reference"
		object, err := w.inHeap(raw, wholeObject)
		if err != nil {
			return err
		}
		if object != "" {
			b := &buffer{p: []byte(object)}
			r.addr = b.u64()
			if r.selection, err = selection(b); err != nil {
				return err
			}
			if err := w.s.charge(int64(len(r.selection))); err != nil {
				return err
			}
		}
	}
	if r.addr != 0 && r.addr != undefined {
		w.references = append(w.references, r)
	}
	return w.add(e)
}

// resolve gives references their values. Of several paths to an object it takes the one that is first bytewise.
func (w *walker) resolve(root uint64) error {
	if len(w.references) == 0 {
		return nil
	}
	paths := map[uint64]string{}
	for _, r := range w.references {
		paths[r.addr] = ""
	}
	w.s.budget = structureBudget(w.s.size) // nothing of this walk is kept
	if err := w.paths(root, "", 0, paths); err != nil {
		return err
	}
	for _, r := range w.references {
		text := paths[r.addr]
		if text == "" {
			text = dangling
		}
		if r.selection != "" {
			text += " " + r.selection
		}
		w.f.Entries[r.entry].Text = checkpoint.Clip(text, 200)
		w.f.Entries[r.entry].Data = checkpoint.Text(text)
	}
	return nil
}

// paths finds the paths of those objects from addr on that are keys of found.
func (w *walker) paths(addr uint64, path string, depth int, found map[uint64]string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth+1 {
		return checkpoint.Limit("groups nested more than %d deep", maxDepth)
	}
	if before, ok := found[addr]; ok {
		full := path
		if full == "" {
			full = "/"
		}
		if before == "" || full < before {
			found[addr] = full
		}
	}
	messages, err := w.s.header(addr)
	if err != nil {
		return err
	}
	links, _, err := w.s.links(messages)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.soft != "" {
			continue
		}
		if err := w.paths(l.addr, path+"/"+l.name, depth+1, found); err != nil {
			return err
		}
	}
	return nil
}

// maxBlocks bounds the points and blocks of a selection.
const maxBlocks = 1 << 16

// selection reads the elements that a region consists of: "all", "none", "points [0,1] [2,3]", or blocks from their first to
// their last element, "blocks [0,0]:[1,4]".
func selection(b *buffer) (string, error) {
	kind, version := b.u32(), b.u32()
	switch {
	case b.err != nil:
		return "", b.err
	case kind == 0:
		return "none", nil
	case kind == 3:
		return "all", nil
	case kind != 1 && kind != 2:
		return "", checkpoint.Unsupported("selection of kind %d", kind)
	}
	width, regular := 4, false
	switch {
	case version == 1:
		b.skip(8)
	case kind == 1 && version == 2:
		width = int(b.u8())
	case kind == 2 && version == 2:
		width, regular = 8, b.u8()&1 != 0
		b.skip(4)
	case kind == 2 && version == 3:
		regular, width = b.u8()&1 != 0, int(b.u8())
	default:
		return "", checkpoint.Unsupported("selection of kind %d, version %d", kind, version)
	}
	rank := int(b.u32())
	if b.err != nil || rank < 1 || rank > 32 || width < 1 || width > 8 {
		return "", checkpoint.Damaged("selection in %d dimensions with numbers of %d bytes", rank, width)
	}
	if regular {
		return grid(b, rank, width)
	}
	n := b.uint(width)
	if n > maxBlocks {
		return "", checkpoint.Limit("selection of %d points or blocks", n)
	}
	var text strings.Builder
	text.WriteString(map[bool]string{true: "points", false: "blocks"}[kind == 1])
	place := func() []int64 {
		at := make([]int64, rank)
		for d := range at {
			at[d] = int64(b.uint(width))
		}
		return at
	}
	for range n {
		text.WriteString(" " + checkpoint.ShapeText(place()))
		if kind == 2 {
			text.WriteString(":" + checkpoint.ShapeText(place()))
		}
		if b.err != nil {
			return "", b.err
		}
	}
	return text.String(), nil
}

// grid reads blocks that lie at equal distances, and lists them.
func grid(b *buffer, rank, width int) (string, error) {
	start, stride, count, block := make([]uint64, rank), make([]uint64, rank), make([]uint64, rank), make([]uint64, rank)
	total := uint64(1)
	for d := range rank {
		start[d], stride[d], count[d], block[d] = b.uint(width), b.uint(width), b.uint(width), b.uint(width)
		if count[d] == 0 || block[d] == 0 || count[d] > maxBlocks/total || max(start[d], stride[d], block[d]) > checkpoint.MaxElements {
			return "", checkpoint.Limit("selection of a grid of blocks that are empty, more than %d, or without end", maxBlocks)
		}
		total *= count[d]
	}
	if b.err != nil {
		return "", b.err
	}
	var text strings.Builder
	text.WriteString("blocks")
	index := make([]uint64, rank)
	for range total {
		first, last := make([]int64, rank), make([]int64, rank)
		for d := range rank {
			first[d] = int64(start[d] + index[d]*stride[d])
			last[d] = first[d] + int64(block[d]) - 1
		}
		text.WriteString(" " + checkpoint.ShapeText(first) + ":" + checkpoint.ShapeText(last))
		for d := rank - 1; d >= 0; d-- {
			if index[d]++; index[d] < count[d] {
				break
			}
			index[d] = 0
		}
	}
	return text.String(), nil
}
