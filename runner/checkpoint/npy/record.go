package npy

import (
	"cmp"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Field is one field of a structured type.
type Field struct {
	Name   string
	Type   Type
	Offset int64
}

// gaps are the bytes of an element that belong to no field. They hold whatever the memory held before, as compilers align fields
// and NumPy copies those alone: they are no values, and are read as 0.
type gaps struct {
	between []span
	within  []repeated // fields that have gaps themselves
}

type span struct{ from, to int64 }

// repeated are n elements of some bytes each, in a row.
type repeated struct {
	at, n, item int64
	gaps        *gaps
}

// Record returns the structured type of fields in elements of item bytes.
func Record(fields []Field, item int64) (Type, error) {
	t := Type{Name: StructName(fields), Item: item}
	g := &gaps{}
	end := int64(0)
	for _, f := range slices.SortedStableFunc(slices.Values(fields), func(a, b Field) int { return cmp.Compare(a.Offset, b.Offset) }) {
		if f.Offset < 0 || f.Type.Item > item || f.Offset > item-f.Type.Item {
			return Type{}, checkpoint.Damaged("structured array type with the field %q outside its %d bytes", checkpoint.Clip(f.Name, 80), item)
		}
		if f.Offset < end {
			return t, nil // a union, of which each byte may be one field's and not another's
		}
		if f.Offset > end {
			g.between = append(g.between, span{end, f.Offset})
		}
		if f.Type.gaps != nil {
			g.within = append(g.within, repeated{f.Offset, 1, f.Type.Item, f.Type.gaps})
		}
		end = f.Offset + f.Type.Item
	}
	if end < item {
		g.between = append(g.between, span{end, item})
	}
	if len(g.between)+len(g.within) > 0 {
		t.gaps = g
	}
	return t, nil
}

// clear sets the gaps to 0 in a part of an element that begins at an offset.
func (g *gaps) clear(part []byte, at int64) {
	end := at + int64(len(part))
	for _, s := range g.between {
		if from, to := max(s.from, at), min(s.to, end); from < to {
			clear(part[from-at : to-at])
		}
	}
	for _, r := range g.within {
		if from, to := max(r.at, at), min(r.at+r.n*r.item, end); from < to {
			r.clear(part[from-at:to-at], from-r.at)
		}
	}
}

// clear does so in a part of the elements that begins at an offset.
func (r *repeated) clear(part []byte, at int64) {
	for len(part) > 0 {
		in := at % r.item
		n := min(r.item-in, int64(len(part)))
		r.gaps.clear(part[:n], in)
		part, at = part[n:], at+n
	}
}

// zeroed reads the gaps of elements as 0.
type zeroed struct {
	checkpoint.Data
	elements repeated
}

func (z *zeroed) Sequential() bool { return checkpoint.IsSequential(z.Data) }
func (z *zeroed) Heavy() bool      { return checkpoint.IsHeavy(z.Data) }

func (z *zeroed) ReadAt(p []byte, off int64) (int, error) {
	n, err := z.Data.ReadAt(p, off)
	z.elements.clear(p[:n], off)
	return n, err
}
