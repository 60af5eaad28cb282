package hdf5

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// attributes adds an object's attributes as "name@attribute".
func (w *walker) attributes(messages []message, name string) error {
	for _, m := range messages {
		switch m.kind {
		case msgAttributes:
			if err := w.denseAttributes(m, name); err != nil {
				return fmt.Errorf("attributes of %q: %w", checkpoint.Clip(name, 80), err)
			}
		case msgAttribute:
			if err := w.attribute(m, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// denseAttributes adds the attributes of an object that has many.
func (w *walker) denseAttributes(m message, name string) error {
	b := &buffer{p: m.data}
	b.skip(1)
	if flags := b.u8(); flags&1 != 0 {
		b.skip(2)
	}
	addr, tree := b.u64(), b.u64()
	if b.err != nil || addr == undefined {
		return b.err
	}
	heap, err := w.s.fractalHeap(addr)
	if err != nil {
		return err
	}
	var ids []heapID
	if err := w.s.records(tree, []byte{treeAttributes}, func(_ byte, r *buffer) error {
		if len(ids) >= maxLinks {
			return checkpoint.Limit("object of more than %d attributes", maxLinks)
		}
		ids = append(ids, heapID{r.bytes(8), r.u8()})
		return r.err
	}); err != nil {
		return err
	}
	return heap.objects(ids, func(id heapID, b *buffer) error {
		return w.attribute(message{msgAttribute, id.flags&2 != 0, b.p}, name)
	})
}

// attribute adds an attribute. One that is not understood is reason to refuse the file, as a dataset is: files that differ
// in it would pass for the same.
func (w *walker) attribute(m message, object string) error {
	name, err := w.readAttribute(m, object)
	if err != nil {
		return fmt.Errorf("attribute %q of %q: %w", checkpoint.Clip(name, 80), checkpoint.Clip(object, 80), err)
	}
	return nil
}

func (w *walker) readAttribute(m message, object string) (name string, err error) {
	b := &buffer{p: m.data}
	version, flags := b.u8(), b.u8()
	nameSize, typeSize, spaceSize := int(b.u16()), int(b.u16()), int(b.u16())
	pad := 1
	switch version {
	case 1:
		pad = 8
	case 2:
	case 3:
		b.skip(1)
	default:
		return "", checkpoint.Unsupported("attribute version %d", version)
	}
	round := func(n int) int { return (n + pad - 1) / pad * pad }
	name = strings.TrimRight(string(b.bytes(round(nameSize))), "\x00")
	if m.shared || version > 1 && flags&2 != 0 {
		return name, checkpoint.Unsupported("message shared between objects")
	}
	typ, err := w.s.datatype(b.sub(round(typeSize)), version > 1 && flags&1 != 0)
	if err != nil {
		return name, err
	}
	shape, _, null, err := dataspace(b.bytes(round(spaceSize)))
	if err != nil {
		return name, err
	}
	full := object + "@" + name
	if null {
		return name, w.add(checkpoint.Entry{Name: full, Kind: checkpoint.KindObject, Type: "None", Text: "None", Data: checkpoint.Text("")})
	}
	n, err := checkpoint.Elements(shape)
	if err != nil || b.err != nil || n > int64(len(b.p))/typ.size {
		return name, checkpoint.Damaged("its value is cut short")
	}
	return name, w.value(full, typ, shape, bytes.NewReader(b.p[:n*typ.size]))
}
