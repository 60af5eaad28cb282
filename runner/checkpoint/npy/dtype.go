// Package npy reads the types, headers (format versions 1 to 3) and elements of NumPy's arrays.
package npy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// Type is an element type that NumPy's type strings describe ("<f4", "|S5", ">M8[ns]").
type Type struct {
	Name   checkpoint.DType
	Item   int64 // bytes
	Swap   int64 // size of the units to reverse, 0 where the file is little endian
	Object bool  // Python objects, pickled

	gaps *gaps // of a structured type, nil where there are none
}

// StructName writes a structured type: "{a:float32@0,b:int64@4}".
func StructName(fields []Field) checkpoint.DType {
	var b strings.Builder
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		name := f.Name
		if strings.ContainsAny(name, "{}:@,\"") {
			name = strconv.Quote(name)
		}
		b.WriteString(name + ":" + string(f.Type.Name) + "@" + strconv.FormatInt(f.Offset, 10))
	}
	b.WriteByte('}')
	return checkpoint.DType(b.String())
}

// SubArray returns the type of a field of a structured type that is an array itself: "float64[2,3]".
func SubArray(t Type, shape []int64) (Type, error) {
	n, err := checkpoint.Elements(shape)
	if err != nil {
		return Type{}, err
	}
	if t.Item > 0 && n > 1<<31/t.Item {
		return Type{}, checkpoint.Limit("array of more than 2 GiB within an array")
	}
	t.Name += checkpoint.DType(checkpoint.ShapeText(shape))
	if t.gaps != nil {
		t.gaps = &gaps{within: []repeated{{0, n, t.Item, t.gaps}}}
	}
	t.Item *= n
	return t, nil
}

// ParseType reads a type string of NumPy's array interface.
func ParseType(s string) (Type, error) {
	refused := func() (Type, error) { return Type{}, checkpoint.Unsupported("array type %q", checkpoint.Clip(s, 40)) }
	if s == "|O" || s == "O" || s == "|O8" || s == "O8" || s == "<O8" || s == "=O8" {
		return Type{Name: "object", Item: 8, Object: true}, nil
	}
	order := byte('|')
	if s != "" && strings.IndexByte("<>|=", s[0]) >= 0 {
		order, s = s[0], s[1:]
	}
	if s == "" {
		return refused()
	}
	code, rest := s[0], s[1:]
	unit := ""
	if i := strings.IndexByte(rest, '['); i >= 0 {
		rest, unit = rest[:i], rest[i:]
	}
	n, err := strconv.ParseInt(rest, 10, 32)
	if err != nil || n < 0 {
		return refused()
	}
	t := Type{Item: n, Swap: n}
	switch code {
	case 'b':
		if n == 1 {
			t.Name = checkpoint.Bool
		}
	case 'i':
		t.Name = map[int64]checkpoint.DType{1: checkpoint.Int8, 2: checkpoint.Int16, 4: checkpoint.Int32, 8: checkpoint.Int64}[n]
	case 'u':
		t.Name = map[int64]checkpoint.DType{1: checkpoint.Uint8, 2: checkpoint.Uint16, 4: checkpoint.Uint32, 8: checkpoint.Uint64}[n]
	case 'f':
		t.Name = map[int64]checkpoint.DType{2: checkpoint.Float16, 4: checkpoint.Float32, 8: checkpoint.Float64,
			12: "longdouble12", 16: "longdouble16"}[n]
	case 'c':
		t.Name = map[int64]checkpoint.DType{8: checkpoint.Complex64, 16: checkpoint.Complex128,
			24: "clongdouble24", 32: "clongdouble32"}[n]
		t.Swap = n / 2
	case 'S', 'a':
		t.Name, t.Swap = checkpoint.DType("bytes"+rest), 1
	case 'U':
		if n > 1<<28 {
			return refused()
		}
		t.Name, t.Item, t.Swap = checkpoint.DType("str"+rest), 4*n, 4
	case 'V':
		t.Name, t.Swap = checkpoint.DType("void"+rest), 1
	case 'M':
		t.Name = checkpoint.DType("datetime64" + unit)
	case 'm':
		t.Name = checkpoint.DType("timedelta64" + unit)
	}
	if t.Name == "" || unit != "" && code != 'M' && code != 'm' || (code == 'M' || code == 'm') && n != 8 {
		return refused()
	}
	if order != '>' || t.Swap <= 1 {
		t.Swap = 0
	}
	return t, nil
}

// Axes returns the axes for Array of an array of n dimensions in C order, or in Fortran order.
func Axes(n int, fortran bool) []int {
	if !fortran {
		return nil
	}
	axes := make([]int, n)
	for d := range axes {
		axes[d] = n - 1 - d
	}
	return axes
}

// Array returns the tensor of a shape whose elements data holds, in C order, or in that of the array with its dimensions in another
// order where axes, a permutation, is not nil: dimension d of the tensor is the array's dimension axes[d].
func Array(data checkpoint.Data, typ Type, shape []int64, axes []int) (*checkpoint.Tensor, error) {
	name, item := typ.Name, typ.Item
	n, err := checkpoint.Elements(shape)
	if err != nil {
		return nil, err
	}
	if item == 0 {
		// NumPy allows elements of no bytes ("<U0"); such an array has a shape and nothing else.
		if data.Size() != 0 {
			return nil, checkpoint.Damaged("array of empty elements with %d bytes of data", data.Size())
		}
		return &checkpoint.Tensor{DType: name, Shape: shape, Data: data}, nil
	}
	if n > (1<<62)/item || data.Size() != n*item {
		return nil, checkpoint.Damaged("array of %d elements of %d bytes, with %d bytes of data", n, item, data.Size())
	}
	if typ.Swap > 0 {
		data = checkpoint.SwapBytes(data, typ.Swap)
	}
	if typ.gaps != nil {
		data = &zeroed{data, repeated{0, n, item, typ.gaps}}
	}
	if !slices.IsSorted(axes) {
		stride := make([]int64, len(shape))
		order := make([]int, len(shape)) // the tensor's dimensions as they are in data
		for d, a := range axes {
			order[a] = d
		}
		step := int64(1)
		for _, d := range slices.Backward(order) {
			stride[d] = step
			step *= max(shape[d], 1)
		}
		if data, err = checkpoint.Strided(data, data.Size(), checkpoint.View{Item: item, Shape: shape, Stride: stride}); err != nil {
			return nil, err
		}
	}
	return &checkpoint.Tensor{DType: name, Shape: shape, Data: data}, nil
}
