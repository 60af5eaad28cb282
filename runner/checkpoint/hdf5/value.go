package hdf5

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/kerascode"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npy"
)

// value adds a dataset, an attribute or a part of one. Where the bytes of the elements are their values that is a tensor.
// Others become one entry if there is one, else one for each.
func (w *walker) value(name string, typ datatype, shape []int64, data checkpoint.Data) error {
	if typ.dims != nil { // as h5py does, the extents of arrays within elements are the last of the whole
		typ, shape = typ.element(), append(shape[:len(shape):len(shape)], typ.dims...)
	}
	if typ.plain() && !(typ.text && len(shape) == 0) {
		t, err := npy.Array(typ.canonical(data), npy.Type{Name: typ.name, Item: typ.size}, shape, nil)
		if err != nil {
			return err
		}
		return w.add(checkpoint.TensorEntry(name, t))
	}
	if data.Size() > maxBlock {
		return checkpoint.Limit("%d bytes of strings, references, sequences or records of such", data.Size())
	}
	// What is read here stays in memory, or is read again and again where many datasets share their bytes.
	if err := w.s.charge(data.Size()); err != nil {
		return err
	}
	raw := make([]byte, data.Size())
	if err := checkpoint.ReadFull(data, raw, 0); err != nil {
		return err
	}
	if typ.members != nil {
		return w.records(name, typ, shape, raw)
	}
	if len(shape) == 0 {
		return w.element(name, typ, raw)
	}
	if err := w.container(name, "list", checkpoint.ShapeText(shape)); err != nil {
		return err
	}
	for i := 0; int64(len(raw)) >= typ.size; i++ {
		if err := w.element(name+"["+strconv.Itoa(i)+"]", typ, raw[:typ.size]); err != nil {
			return err
		}
		raw = raw[typ.size:]
	}
	return nil
}

// container adds the entry of a value that has others for its members.
func (w *walker) container(name, typ, text string) error {
	return w.add(checkpoint.Entry{Name: name, Kind: checkpoint.KindObject, Type: typ, Text: text, Structure: true, Data: checkpoint.Text(text)})
}

// records adds records of which some members are strings, references or sequences: each member is a value of its own, for
// all records together.
func (w *walker) records(name string, typ datatype, shape []int64, raw []byte) error {
	if err := w.container(name, "records", checkpoint.ShapeText(shape)); err != nil {
		return err
	}
	for _, m := range typ.members {
		column := make([]byte, 0, int64(len(raw))/typ.size*m.typ.size)
		for at := int64(0); at < int64(len(raw)); at += typ.size {
			column = append(column, raw[at+m.at:at+m.at+m.typ.size]...)
		}
		if err := w.value(keypath.Join(name, m.name), m.typ, shape, bytes.NewReader(column)); err != nil {
			return err
		}
	}
	return nil
}

// element adds one string, reference or sequence.
func (w *walker) element(name string, typ datatype, raw []byte) error {
	switch {
	case typ.text && !typ.variable:
		return w.text(name, strings.TrimRight(string(raw), "\x00"))
	case typ.reference != 0:
		return w.refer(name, typ.reference, raw)
	}
	n, item := int64(binary.LittleEndian.Uint32(raw)), int64(1)
	if typ.sequence != nil {
		item = typ.sequence.size
	}
	if n > w.s.size/item {
		return checkpoint.Damaged("element of %d members of %d bytes", n, item)
	}
	object, err := w.inHeap(raw[4:], n*item)
	if err != nil {
		return err
	}
	if typ.sequence == nil {
		return w.text(name, object)
	}
	return w.value(name, *typ.sequence, []int64{n}, checkpoint.Text(object))
}

// modelConfig is the attribute in which Keras keeps what a model is made of.
const modelConfig = "@model_config"

func (w *walker) text(name, s string) error {
	if name == modelConfig {
		w.f.Findings = append(w.f.Findings, kerascode.Findings(name, s)...)
	}
	return w.add(checkpoint.Entry{Name: name, Kind: checkpoint.KindString, Type: "str", Text: checkpoint.Clip(s, 200), Data: checkpoint.Text(s)})
}
