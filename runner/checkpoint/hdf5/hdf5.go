// Package hdf5 reads HDF5 files as h5py and Keras write them: groups, datasets that are contiguous, compact or chunked
// (with deflate, shuffle, Fletcher-32 and LZF), and attributes. External files, virtual datasets and whatever else is not
// understood are refused. It follows the HDF5 File Format Specification, version 3.0.
package hdf5

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
)

const (
	signature = "\x89HDF\r\n\x1a\n"
	// structureBytes bounds the bytes of all structures that are read, and structureOfFile how many more may be those of a
	// file that has as many.
	structureBytes  = 64 << 20
	structureOfFile = 128 << 20
	// maxDepth bounds nested groups.
	maxDepth = 100
	// maxEntries bounds the values of a file, and maxHeld the bytes of their names, of the names of their types and of texts
	// that are made of these.
	maxEntries = 1 << 17
	maxHeld    = 24 << 20
)

// Reader reads HDF5 files.
type Reader struct{}

// Format returns "hdf5".
func (Reader) Format() string { return "hdf5" }

// Sniff looks for the signature at the beginning, or behind a user block, as MATLAB writes one.
func (Reader) Sniff(head []byte, _ string, _ int64) bool { return userBlock(head) >= 0 }

// userBlock returns the bytes in front of the signature: none, or 512 times a power of two. It is negative where the
// signature is not in the head of the file.
func userBlock(head []byte) int64 {
	for at := 0; at < len(head); at = max(512, 2*at) {
		if bytes.HasPrefix(head[at:], []byte(signature)) {
			return int64(at)
		}
	}
	return -1
}

func structureBudget(size int64) int64 { return structureBytes + min(size, structureOfFile) }

// Open reads the structure of the file.
func (Reader) Open(ctx context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	head := make([]byte, min(size, 4096))
	if err := checkpoint.ReadFull(r, head, 0); err != nil {
		return nil, err
	}
	block := userBlock(head)
	if block < 0 {
		return nil, checkpoint.ErrUnknownFormat
	}
	w := &walker{
		ctx: ctx, f: &checkpoint.File{Format: "hdf5"}, onPath: map[uint64]bool{},
		s:     source{r: checkpoint.Section(r, block, size-block), size: size - block, front: uint64(block), budget: structureBudget(size), values: freeBytes + maxRatio*min(size, 1<<50)},
		heaps: map[uint64]map[uint16]string{}, shapes: checkpoint.Shapes{},
	}
	root, err := w.superblock()
	if err != nil {
		return nil, err
	}
	if err := w.object(root, "", 0); err != nil {
		return nil, err
	}
	if err := w.resolve(root); err != nil {
		return nil, err
	}
	return w.f, checkpoint.CheckNames(w.f.Entries)
}

type walker struct {
	ctx    context.Context
	f      *checkpoint.File
	s      source
	onPath map[uint64]bool // groups between the root and here
	heaps  map[uint64]map[uint16]string
	// inHeaps is how many bytes of values that lie in heaps have been read.
	inHeaps    int64
	held       int // bytes of names
	references []reference
	shapes     checkpoint.Shapes
}

// superblock returns the address of the root group.
func (w *walker) superblock() (uint64, error) {
	b, err := w.s.block(0, min(96, w.s.size))
	if err != nil {
		return 0, err
	}
	b.skip(len(signature))
	version := b.u8()
	var offsets, lengths byte
	var base, root, end uint64
	switch version {
	case 0, 1:
		b.skip(4)
		offsets, lengths = b.u8(), b.u8()
		b.skip(1 + 4 + 4)
		if version == 1 {
			b.skip(4)
		}
		base = b.u64()
		b.skip(8)
		end = b.u64()
		b.skip(8 + 8)
		root = b.u64()
	case 2, 3:
		offsets, lengths = b.u8(), b.u8()
		b.skip(1)
		base = b.u64()
		b.skip(8)
		end = b.u64()
		root = b.u64()
	default:
		return 0, checkpoint.Unsupported("HDF5 superblock version %d", version)
	}
	if b.err != nil {
		return 0, b.err
	}
	if offsets != 8 || lengths != 8 || base != w.s.front {
		return 0, checkpoint.Unsupported("HDF5 file with addresses of %d bytes from %d on", offsets, base)
	}
	if end > uint64(w.s.size)+base {
		return 0, checkpoint.Damaged("the file has %d bytes of %d: it was cut short, or not closed", w.s.size+int64(base), end)
	}
	w.f.Facts = append(w.f.Facts, checkpoint.Fact{Key: "superblock version", Value: strconv.Itoa(int(version))})
	return root, nil
}

func (w *walker) add(e checkpoint.Entry) error {
	if len(w.f.Entries) >= maxEntries {
		return checkpoint.Limit("file of more than %d values", maxEntries)
	}
	if err := w.hold(len(e.Name) + len(e.Type)); err != nil {
		return err
	}
	if !utf8.ValidString(e.Name) {
		return checkpoint.Unsupported("name %q, which is not UTF-8", checkpoint.Clip(e.Name, 80))
	}
	w.f.Entries = append(w.f.Entries, e)
	return nil
}

// hold takes n bytes that stay in memory and are not those of the file's structure.
func (w *walker) hold(n int) error {
	if w.held += n; w.held > maxHeld {
		return checkpoint.Limit("names of more than %d MiB", maxHeld>>20)
	}
	return nil
}

// object adds the group or dataset at addr, and what is below it.
func (w *walker) object(addr uint64, name string, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth {
		return checkpoint.Limit("groups nested more than %d deep", maxDepth)
	}
	messages, err := w.s.header(addr)
	if err != nil {
		return fmt.Errorf("object %q: %w", checkpoint.Clip(name, 80), err)
	}
	links, group, err := w.s.links(messages)
	if err != nil {
		return fmt.Errorf("group %q: %w", checkpoint.Clip(name, 80), err)
	}
	if !group {
		first := len(w.f.Entries)
		if err := w.dataset(messages, name); err != nil {
			return fmt.Errorf("dataset %q: %w", checkpoint.Clip(name, 80), err)
		}
		if err := w.attributes(messages, name); err != nil {
			return err
		}
		bfloat16(w.f.Entries[first:])
		return nil
	}
	if w.onPath[addr] {
		return checkpoint.Unsupported("group %q that contains itself", checkpoint.Clip(name, 80))
	}
	w.onPath[addr] = true
	defer delete(w.onPath, addr)
	count := strconv.Itoa(len(links))
	if err := w.add(checkpoint.Entry{
		Name: name, Kind: checkpoint.KindObject, Type: "dict", Text: count, Structure: true, Data: checkpoint.Text(count),
	}); err != nil {
		return err
	}
	if err := w.attributes(messages, name); err != nil {
		return err
	}
	// What is added to a list that is full is held twice meanwhile.
	w.f.Entries = slices.Grow(w.f.Entries, max(0, min(len(links), maxEntries-len(w.f.Entries))))
	for _, l := range links {
		member := keypath.Join(name, l.name)
		if l.soft != "" {
			err = w.add(checkpoint.Entry{
				Name: member, Kind: checkpoint.KindObject, Type: "link", Text: checkpoint.Clip(l.soft, 200), Data: checkpoint.Text(l.soft),
			})
		} else {
			err = w.object(l.addr, member, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) dataset(messages []message, name string) error {
	d := &dataset{}
	var seen int
	for _, m := range messages {
		if m.shared && (m.kind == msgDataspace || m.kind == msgFilters || m.kind == msgFill) {
			return checkpoint.Unsupported("message shared between objects")
		}
		var err error
		switch m.kind {
		case msgDatatype:
			d.typ, err = w.s.datatype(&buffer{p: m.data}, m.shared)
			seen |= 1
		case msgDataspace:
			d.shape, d.most, d.null, err = dataspace(m.data)
			seen |= 2
		case msgLayout:
			d.layout = m.data
			seen |= 4
		case msgFilters:
			d.filters, err = parseFilters(m.data)
		case msgFill, msgFillOld:
			if fill := fillValue(m); len(fill) > 0 {
				d.fill = fill
			}
		case msgExternal:
			err = checkpoint.Unsupported("data in another file")
		}
		if err != nil {
			return err
		}
	}
	if seen == 1 { // a committed datatype, which datasets and attributes may refer to
		text := d.typ.describe()
		if err := w.hold(len(text)); err != nil {
			return err
		}
		return w.add(checkpoint.Entry{
			Name: name, Kind: checkpoint.KindObject, Type: "datatype", Text: checkpoint.Clip(text, 200), Data: checkpoint.Text(text),
		})
	}
	if seen != 7 {
		return checkpoint.Unsupported("object that is neither a group nor a dataset")
	}
	if d.null {
		return w.add(checkpoint.Entry{Name: name, Kind: checkpoint.KindObject, Type: "None", Text: "None", Data: checkpoint.Text("")})
	}
	if len(d.fill) > 0 && int64(len(d.fill)) != d.typ.size {
		return checkpoint.Damaged("fill value of %d bytes for elements of %d", len(d.fill), d.typ.size)
	}
	data, err := w.s.data(d)
	if err != nil {
		return err
	}
	return w.value(name, d.typ, w.shapes.Shared(d.shape), data)
}

// bfloat16 gives a dataset its type back where Keras wrote numbers of that type, which HDF5 lacks, as 2 bytes of no type
// and noted it in an attribute. The dataset comes first, then its attributes.
func bfloat16(entries []checkpoint.Entry) {
	if entries[0].Kind != checkpoint.KindTensor || entries[0].Type != "void2" {
		return
	}
	for _, e := range entries[1:] {
		if e.Name == entries[0].Name+"@dtype" && e.Kind == checkpoint.KindString && e.Text == string(checkpoint.BFloat16) {
			entries[0].Type = string(checkpoint.BFloat16)
		}
	}
}

// fillValue reads the element that stands for what was never written.
func fillValue(m message) []byte {
	b := &buffer{p: m.data}
	if m.kind == msgFillOld {
		return b.bytes(int(b.u32()))
	}
	switch version := b.u8(); version {
	case 1, 2:
		b.skip(2)
		if defined := b.u8(); version == 2 && defined == 0 {
			return nil
		}
	case 3:
		if flags := b.u8(); flags&0x20 == 0 {
			return nil
		}
	default:
		return nil
	}
	n := int(b.u32())
	if b.err != nil || n > len(b.p) {
		return nil
	}
	return b.bytes(n)
}
