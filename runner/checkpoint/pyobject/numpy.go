package pyobject

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npy"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// numpy adds the entries of arrays and array scalars.
func (w *walker) numpy(p *keypath.Path, g pickle.Global, o *pickle.Object) (bool, error) {
	switch {
	case g.Name == "_reconstruct" && strings.HasSuffix(g.Module, "multiarray"):
		return true, w.ndarray(p, o)
	case g.Name == "_frombuffer" && strings.HasSuffix(g.Module, ".numeric"):
		t, err := w.fromBuffer(o)
		if err != nil {
			return true, err
		}
		return true, w.tensor(p, t)
	case g.Name == "scalar" && strings.HasSuffix(g.Module, "multiarray"):
		return true, w.arrayScalar(p, o)
	case g.Name == "NumpyArrayWrapper" && g.Module == "joblib.numpy_pickle":
		return true, w.wrapped(p, o)
	}
	return false, nil
}

func (w *walker) tensor(p *keypath.Path, t *checkpoint.Tensor) error {
	t.Shape = w.shapes.Shared(t.Shape)
	return w.add(p, checkpoint.TensorEntry("", t))
}

// ndarray adds an array.
func (w *walker) ndarray(p *keypath.Path, o *pickle.Object) error {
	args := argsOf(o)
	if len(args) != 3 {
		return checkpoint.Unsupported("array constructor with %d arguments", len(args))
	}
	if sub, ok := args[0].(pickle.Global); !ok || sub.Name != "ndarray" {
		return w.opaque(p, o)
	}
	a, err := readArray(o.State)
	if err != nil {
		return fmt.Errorf("array %q: %w", checkpoint.Clip(p.String(), 80), err)
	}
	if a.typ.Object {
		return w.objectArray(p, a.shape, a.data)
	}
	data, ok := asBytes(a.data)
	if !ok {
		return checkpoint.Damaged("array %q whose data is no bytes", checkpoint.Clip(p.String(), 80))
	}
	if err := w.holdMade(a.data, data); err != nil {
		return err
	}
	t, err := npy.Array(w.bytes(data), a.typ, a.shape, npy.Axes(len(a.shape), a.fortran))
	if err != nil {
		return fmt.Errorf("array %q: %w", checkpoint.Clip(p.String(), 80), err)
	}
	return w.tensor(p, t)
}

// array is the state of an array.
type array struct {
	shape   []int64
	typ     npy.Type
	fortran bool
	data    pickle.Value
}

// readArray reads the state that ndarray.__reduce__ writes: (version, shape, dtype, Fortran order, data).
func readArray(v pickle.Value) (a array, err error) {
	state, ok := v.(*pickle.Tuple)
	if !ok || len(state.Items) != 5 {
		return a, checkpoint.Damaged("no state")
	}
	if a.shape, ok = Integers(state.Items[1]); !ok {
		return a, checkpoint.Damaged("shape that is no tuple of integers")
	}
	if a.typ, err = readDType(state.Items[2], 0); err != nil {
		return a, err
	}
	if a.fortran, ok = state.Items[3].(bool); !ok {
		n, isInt := pickle.Int(state.Items[3])
		if !isInt {
			return a, checkpoint.Damaged("order that is no bool")
		}
		a.fortran = n != 0
	}
	a.data = state.Items[4]
	return a, nil
}

// wrapped reads an array of joblib, whose bytes follow its description.
func (w *walker) wrapped(p *keypath.Path, o *pickle.Object) error {
	if w.src.Outside == nil {
		return checkpoint.Unsupported("array of joblib inside another format")
	}
	outside, ok := w.src.Outside(o)
	if !ok {
		return checkpoint.Damaged("array %q without its data", checkpoint.Clip(p.String(), 80))
	}
	if outside.Objects != nil {
		return w.walk(p, outside.Objects)
	}
	a, err := DescribeArray(o)
	if err != nil {
		return err
	}
	t, err := npy.Array(outside.Data, a.typ, a.Shape, npy.Axes(len(a.Shape), a.Fortran))
	if err != nil {
		return fmt.Errorf("array %q: %w", checkpoint.Clip(p.String(), 80), err)
	}
	return w.tensor(p, t)
}

// ArrayDescription is what joblib's NumpyArrayWrapper says of an array.
type ArrayDescription struct {
	Shape   []int64
	Fortran bool
	Objects bool  // the elements are Python objects
	Bytes   int64 // of all elements, where they are not
	Aligned bool  // a byte with a count of padding bytes, and those, precede the elements
	typ     npy.Type
}

// DescribeArray reads the state of a NumpyArrayWrapper.
func DescribeArray(o *pickle.Object) (*ArrayDescription, error) {
	d, ok := o.State.(*pickle.Dict)
	if !ok {
		return nil, checkpoint.Damaged("array of joblib without a description")
	}
	a := &ArrayDescription{}
	var seen int
	for _, pair := range d.Items {
		switch pair.Key {
		case pickle.Value("shape"):
			if a.Shape, ok = Integers(pair.Value); !ok {
				return nil, checkpoint.Damaged("array of joblib with a shape that is no tuple of integers")
			}
			seen++
		case pickle.Value("order"):
			a.Fortran = pair.Value == pickle.Value("F")
			seen++
		case pickle.Value("dtype"):
			typ, err := readDType(pair.Value, 0)
			if err != nil {
				return nil, err
			}
			a.typ, a.Objects = typ, typ.Object
			seen++
		case pickle.Value("numpy_array_alignment_bytes"):
			_, none := pair.Value.(pickle.None)
			a.Aligned = !none
		}
	}
	if seen != 3 {
		return nil, checkpoint.Damaged("array of joblib with half a description")
	}
	n, err := checkpoint.Elements(a.Shape)
	if err != nil {
		return nil, err
	}
	if a.typ.Item > 0 && n > (1<<62)/a.typ.Item {
		return nil, checkpoint.Damaged("array of joblib with %d elements of %d bytes", n, a.typ.Item)
	}
	a.Bytes = n * a.typ.Item
	return a, nil
}

// ObjectArrayShape returns the shape of an array of Python objects, false where v is something else.
func ObjectArrayShape(v pickle.Value) ([]int64, bool) {
	o, ok := v.(*pickle.Object)
	if !ok {
		return nil, false
	}
	state, ok := o.State.(*pickle.Tuple)
	if g, named := o.Global(); !ok || !named || g.Name != "_reconstruct" || len(state.Items) != 5 {
		return nil, false
	}
	if d, err := readDType(state.Items[2], 0); err != nil || !d.Object {
		return nil, false
	}
	return Integers(state.Items[1])
}

// objectArray lists the members of an array of Python objects. NumPy pickles them in C order whatever the array's own is.
func (w *walker) objectArray(p *keypath.Path, shape []int64, data pickle.Value) error {
	list, ok := data.(*pickle.List)
	n, err := checkpoint.Elements(shape)
	if err != nil {
		return err
	}
	if !ok || int64(len(list.Items)) != n {
		return checkpoint.Damaged("object array %q without its %d members", checkpoint.Clip(p.String(), 80), n)
	}
	return w.sequence(p, "ndarray"+checkpoint.ShapeText(shape), list.Items)
}

// fromBuffer reads protocol 5's numpy._core.numeric._frombuffer(data, dtype, shape, order[, axes]). An array of which the
// dimensions are in neither order has the order "K": it is of the shape, transposed by the axes.
func (w *walker) fromBuffer(o *pickle.Object) (*checkpoint.Tensor, error) {
	args := argsOf(o)
	if len(args) < 4 || len(args) > 5 {
		return nil, checkpoint.Unsupported("array from a buffer with %d arguments", len(args))
	}
	data, ok := asBytes(args[0])
	shape, ok2 := Integers(args[2])
	order, ok3 := args[3].(string)
	if !ok || !ok2 || !ok3 {
		return nil, checkpoint.Damaged("array from a buffer with arguments of other types")
	}
	if err := w.holdMade(args[0], data); err != nil {
		return nil, err
	}
	d, err := w.dtype(args[1])
	if err != nil {
		return nil, err
	}
	if d.Object {
		return nil, checkpoint.Damaged("array of objects from a buffer")
	}
	switch {
	case order == "C" || order == "F":
		return npy.Array(w.bytes(data), d, shape, npy.Axes(len(shape), order == "F"))
	case order != "K" || len(args) < 5:
		return nil, checkpoint.Unsupported("array from a buffer in the order %q", checkpoint.Clip(order, 20))
	}
	axes, ok := permutation(args[4], len(shape))
	if !ok {
		return nil, checkpoint.Damaged("array from a buffer whose axes are no permutation")
	}
	transposed := make([]int64, len(shape))
	for d, a := range axes {
		transposed[d] = shape[a]
	}
	return npy.Array(w.bytes(data), d, transposed, axes)
}

// permutation reads a tuple of the numbers below n, each once.
func permutation(v pickle.Value, n int) ([]int, bool) {
	list, ok := Integers(v)
	if !ok || len(list) != n {
		return nil, false
	}
	axes, seen := make([]int, n), make([]bool, n)
	for i, a := range list {
		if a < 0 || a >= int64(n) || seen[a] {
			return nil, false
		}
		axes[i], seen[a] = int(a), true
	}
	return axes, true
}

// arrayScalar reads numpy.core.multiarray.scalar(dtype, bytes): a number with NumPy's type.
func (w *walker) arrayScalar(p *keypath.Path, o *pickle.Object) error {
	args := argsOf(o)
	if len(args) != 2 {
		return checkpoint.Unsupported("array scalar with %d arguments", len(args))
	}
	d, err := w.dtype(args[0])
	if err != nil {
		return err
	}
	if d.Object {
		return w.walk(p, args[1])
	}
	raw, err := scalarBytes(d, args[1])
	if err != nil {
		return fmt.Errorf("array scalar %q: %w", checkpoint.Clip(p.String(), 80), err)
	}
	e := checkpoint.Entry{Kind: checkpoint.KindNumber, Type: "numpy." + string(d.Name), Data: checkpoint.Text(string(raw))}
	e.Text = ScalarText(d.Name, raw)
	return w.add(p, e)
}

// scalarBytes returns the little-endian bytes of a number that is pickled as v.
func scalarBytes(d npy.Type, v pickle.Value) ([]byte, error) {
	data, ok := asBytes(v)
	if !ok || data.Len != d.Item || data.Held == nil && data.Len > 0 {
		return nil, checkpoint.Damaged("data that does not fit its type")
	}
	t, err := npy.Array(bytes.NewReader(data.Held), d, nil, nil)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, d.Item)
	return raw, checkpoint.ReadFull(t, raw, 0)
}

// ScalarText writes a number of the common types; others show their type only.
func ScalarText(d checkpoint.DType, raw []byte) string {
	le := binary.LittleEndian
	switch d {
	case checkpoint.Bool:
		if raw[0] != 0 {
			return "True"
		}
		return "False"
	case checkpoint.Int8:
		return strconv.FormatInt(int64(int8(raw[0])), 10)
	case checkpoint.Uint8:
		return strconv.FormatUint(uint64(raw[0]), 10)
	case checkpoint.Int16:
		return strconv.FormatInt(int64(int16(le.Uint16(raw))), 10)
	case checkpoint.Uint16:
		return strconv.FormatUint(uint64(le.Uint16(raw)), 10)
	case checkpoint.Int32:
		return strconv.FormatInt(int64(int32(le.Uint32(raw))), 10)
	case checkpoint.Uint32:
		return strconv.FormatUint(uint64(le.Uint32(raw)), 10)
	case checkpoint.Int64:
		return strconv.FormatInt(int64(le.Uint64(raw)), 10)
	case checkpoint.Uint64:
		return strconv.FormatUint(le.Uint64(raw), 10)
	case checkpoint.Float32:
		return strconv.FormatFloat(float64(math.Float32frombits(le.Uint32(raw))), 'g', -1, 32)
	case checkpoint.Float64:
		return FloatText(math.Float64frombits(le.Uint64(raw)))
	}
	return fmt.Sprintf("%s 0x%x", d, raw)
}

// dtype reads numpy.dtype(code, align, copy) with the state that dtype.__setstate__ takes:
// (version, byte order, subarray, names, fields, item size, alignment, flags[, metadata]).
func (w *walker) dtype(v pickle.Value) (npy.Type, error) { return readDType(v, 0) }

func readDType(v pickle.Value, depth int) (npy.Type, error) {
	o, ok := v.(*pickle.Object)
	if !ok || depth > 8 {
		return npy.Type{}, checkpoint.Damaged("array type that is no numpy.dtype")
	}
	g, _ := o.Global()
	args := argsOf(o)
	if g != (pickle.Global{Module: "numpy", Name: "dtype"}) {
		// NumPy 2 pickles the type of unusual dtypes through their classes, and ml_dtypes registers its own.
		return npy.Type{}, checkpoint.Unsupported("array type %s", checkpoint.Clip(g.String(), 80))
	}
	if len(args) == 0 {
		return npy.Type{}, checkpoint.Damaged("numpy.dtype without a code")
	}
	code, ok := args[0].(string)
	if len(code) > maxLiteral {
		return npy.Type{}, checkpoint.Unsupported("array type %q", checkpoint.Clip(code, 40))
	}
	if named, isGlobal := args[0].(pickle.Global); isGlobal && named == (pickle.Global{Module: "numpy", Name: "record"}) {
		code, ok = "V", true // a structured type all the same
	} else if isGlobal {
		return namedDType(named)
	}
	if !ok {
		return npy.Type{}, checkpoint.Damaged("numpy.dtype with a code that is no string")
	}
	order := "|"
	var state []pickle.Value
	if t, ok := o.State.(*pickle.Tuple); ok && len(t.Items) >= 8 {
		state = t.Items
		if order, ok = state[1].(string); !ok {
			return npy.Type{}, checkpoint.Damaged("numpy.dtype with a byte order that is no string")
		}
		if sub, ok := state[2].(*pickle.Tuple); ok {
			return subArray(sub, depth)
		}
		if names, ok := state[3].(*pickle.Tuple); ok {
			return structDType(names.Items, state[4], state[5], depth)
		}
	}
	unit := ""
	if strings.HasPrefix(code, "M8") || strings.HasPrefix(code, "m8") {
		unit = timeUnit(state)
	}
	return npy.ParseType(order + code + unit)
}

// hasParts reports whether a numpy.dtype is of structures or of arrays.
func hasParts(v pickle.Value) bool {
	o, ok := v.(*pickle.Object)
	if !ok {
		return false
	}
	state, ok := o.State.(*pickle.Tuple)
	if !ok || len(state.Items) < 8 {
		return false
	}
	_, array := state.Items[2].(*pickle.Tuple)
	_, names := state.Items[3].(*pickle.Tuple)
	return array || names
}

// timeUnit reads the metadata of datetime64: (..., ({}, (unit, count, 1, 1))) in bytes or text.
func timeUnit(state []pickle.Value) string {
	if len(state) < 9 {
		return ""
	}
	meta, _ := itemsOf(state[8])
	if len(meta) != 2 {
		return ""
	}
	unit, _ := itemsOf(meta[1])
	if len(unit) < 2 {
		return ""
	}
	name := ""
	switch u := unit[0].(type) {
	case string:
		name = u
	case *pickle.Bytes:
		name = string(u.Held)
	case *pickle.Object:
		if args := argsOf(u); len(args) > 0 {
			name, _ = args[0].(string)
		}
	}
	if name == "generic" {
		return "" // NumPy's name for none
	}
	if n, ok := pickle.Int(unit[1]); ok && n != 1 {
		name = strconv.FormatInt(n, 10) + name
	}
	return "[" + name + "]"
}

// namedDType returns an element type that ml_dtypes adds to NumPy and JAX pickles by its class; those of less than a byte
// take a whole one in memory, which no other format does, and are refused.
func namedDType(g pickle.Global) (npy.Type, error) {
	if g.Module == "ml_dtypes" {
		switch d := checkpoint.DType(g.Name); d {
		case checkpoint.BFloat16, checkpoint.Float8E4M3FN, checkpoint.Float8E4M3FNUZ, checkpoint.Float8E5M2,
			checkpoint.Float8E5M2FNUZ, checkpoint.Float8E8M0FNU:
			return npy.Type{Name: d, Item: int64(d.Bits() / 8)}, nil
		}
	}
	return npy.Type{}, checkpoint.Unsupported("array type %s", checkpoint.Clip(g.String(), 80))
}

// subArray reads the type of a field that is an array itself: (element type, shape).
func subArray(sub *pickle.Tuple, depth int) (npy.Type, error) {
	if len(sub.Items) != 2 {
		return npy.Type{}, checkpoint.Damaged("array type of %d parts within an array", len(sub.Items))
	}
	base, err := readDType(sub.Items[0], depth+1)
	if err != nil {
		return npy.Type{}, err
	}
	shape, ok := Integers(sub.Items[1])
	if !ok {
		return npy.Type{}, checkpoint.Damaged("array type with a shape that is no tuple of integers")
	}
	return npy.SubArray(base, shape)
}

func structDType(names []pickle.Value, fields, size pickle.Value, depth int) (npy.Type, error) {
	byName := map[string][]pickle.Value{}
	if d, ok := fields.(*pickle.Dict); ok {
		if len(d.Items) > 2*len(names) { // a field may have a title too
			return npy.Type{}, checkpoint.Damaged("structured array type of %d names with %d fields", len(names), len(d.Items))
		}
		for _, pair := range d.Items {
			name, ok1 := pair.Key.(string)
			field, ok2 := itemsOf(pair.Value)
			if ok1 && ok2 {
				byName[name] = field
			}
		}
	}
	item, ok := pickle.Int(size)
	if !ok || item < 0 || item > 1<<31 {
		return npy.Type{}, checkpoint.Damaged("structured array type without its size")
	}
	var list []npy.Field
	length := 0
	for _, n := range names {
		name, ok := n.(string)
		field := byName[name]
		if !ok || len(field) < 2 {
			return npy.Type{}, checkpoint.Damaged("structured array type without the field %q", checkpoint.Clip(name, 40))
		}
		sub, err := readDType(field[0], depth+1)
		if err != nil {
			return npy.Type{}, err
		}
		off, ok := pickle.Int(field[1])
		if !ok || sub.Object || sub.Swap != 0 {
			return npy.Type{}, checkpoint.Unsupported("structured array type with objects or big-endian fields")
		}
		if length += len(name) + len(sub.Name); length > npy.MaxHeader {
			return npy.Type{}, checkpoint.Limit("structured array type with names of more than %d KiB", npy.MaxHeader>>10)
		}
		list = append(list, npy.Field{Name: name, Type: sub, Offset: off})
	}
	return npy.Record(list, item)
}
