package npy

import (
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// maxUsed bounds the records of which the used bytes are noted.
const maxUsed = 1 << 20

// Field is one field of a structured type.
type Field struct {
	Name   string
	Type   Type
	Offset int64
}

// Record returns the structured type of fields in elements of item bytes. The bytes between fields hold whatever the memory held
// before, as compilers align fields and NumPy copies those alone: they are no values, and are read as 0.
func Record(fields []Field, item int64) (Type, error) {
	t := Type{Name: StructName(fields), Item: item}
	taken := int64(0)
	padded := false
	for _, f := range fields {
		if f.Offset < 0 || f.Type.Item > item || f.Offset > item-f.Type.Item {
			return Type{}, checkpoint.Damaged("structured array type with the field %q outside its %d bytes", checkpoint.Clip(f.Name, 80), item)
		}
		taken += f.Type.Item
		padded = padded || f.Type.used != nil
	}
	if taken == item && !padded && !overlap(fields) {
		return t, nil
	}
	if item > maxUsed {
		return Type{}, checkpoint.Limit("structured array type of %d bytes, of which some are not used", item)
	}
	t.used = make([]bool, item)
	for _, f := range fields {
		part := t.used[f.Offset : f.Offset+f.Type.Item]
		for i := range part {
			part[i] = part[i] || f.Type.used == nil || f.Type.used[i]
		}
	}
	if !slices.Contains(t.used, false) {
		t.used = nil
	}
	return t, nil
}

func overlap(fields []Field) bool {
	order := slices.SortedFunc(slices.Values(fields), func(a, b Field) int { return int(a.Offset - b.Offset) })
	for i := 1; i < len(order); i++ {
		if order[i-1].Offset+order[i-1].Type.Item > order[i].Offset {
			return true
		}
	}
	return false
}

// zeroed reads the bytes of elements that are not used as 0.
type zeroed struct {
	checkpoint.Data
	used []bool
}

func (z *zeroed) Sequential() bool { return checkpoint.IsSequential(z.Data) }
func (z *zeroed) Heavy() bool      { return checkpoint.IsHeavy(z.Data) }

func (z *zeroed) ReadAt(p []byte, off int64) (int, error) {
	n, err := z.Data.ReadAt(p, off)
	at := int(off % int64(len(z.used)))
	for i := range p[:n] {
		if !z.used[at] {
			p[i] = 0
		}
		if at++; at == len(z.used) {
			at = 0
		}
	}
	return n, err
}
