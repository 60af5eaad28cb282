package hdf5

import (
	"encoding/binary"
	"io"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// maxUnits bounds the units of a record.
const maxUnits = 1 << 12

// unit is a part of an element that is not in the canonical form, little endian with all bits in use: numbers of width
// bytes each, or bytes of no number, in the n bytes from at on.
type unit struct {
	at, n, width int64
	reversed     bool // big endian
	// bits is how many bits of an integer are in use, shift the place of the lowest; 0 where all are.
	shift, bits uint
	signed      bool
	unused      bool // no number, and read as 0
}

// canonical returns data with all elements in the canonical form.
func (t *datatype) canonical(data checkpoint.Data) checkpoint.Data {
	item := t.size
	if t.dims != nil {
		item = t.item
	}
	switch {
	case len(t.units) == 0:
		return data
	case len(t.units) == 1 && t.units[0].bits == 0 && t.units[0].n == item:
		return checkpoint.SwapBytes(data, t.units[0].width)
	}
	return &converted{data, item, t.units}
}

// converted brings elements into the canonical form while they are read.
type converted struct {
	checkpoint.Data
	item  int64
	units []unit
}

func (c *converted) Sequential() bool { return checkpoint.IsSequential(c.Data) }
func (c *converted) Heavy() bool      { return checkpoint.IsHeavy(c.Data) }

func (c *converted) ReadAt(p []byte, off int64) (int, error) {
	from := off / c.item * c.item
	to := min((off+int64(len(p))+c.item-1)/c.item*c.item, c.Size())
	if to <= off {
		return 0, io.EOF
	}
	whole := p
	if from != off || to != off+int64(len(p)) {
		whole = make([]byte, to-from)
	}
	if err := checkpoint.ReadFull(c.Data, whole, from); err != nil {
		return 0, err
	}
	for at := int64(0); at < int64(len(whole)); at += c.item {
		for _, u := range c.units {
			part := whole[at+u.at : at+u.at+u.n]
			for i := int64(0); i < u.n; i += u.width {
				u.convert(part[i : i+u.width])
			}
		}
	}
	n := len(p)
	if from != off || to != off+int64(len(p)) {
		n = copy(p, whole[off-from:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// convert brings one number into the canonical form.
func (u *unit) convert(p []byte) {
	if u.unused {
		clear(p)
	}
	if u.reversed {
		slices.Reverse(p)
	}
	if u.bits == 0 {
		return
	}
	var wide [8]byte
	copy(wide[:], p)
	v := binary.LittleEndian.Uint64(wide[:]) >> u.shift << (64 - u.bits)
	if u.signed {
		v = uint64(int64(v) >> (64 - u.bits))
	} else {
		v >>= 64 - u.bits
	}
	binary.LittleEndian.PutUint64(wide[:], v)
	copy(p, wide[:len(p)])
}
