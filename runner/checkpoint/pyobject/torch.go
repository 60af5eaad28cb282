package pyobject

import (
	"fmt"
	"math"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// torch adds the entries of what torch._utils and friends rebuild.
func (w *walker) torch(p *keypath.Path, g pickle.Global, o *pickle.Object) (bool, error) {
	args := argsOf(o)
	switch g.String() {
	case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state", "torch.nn.parameter.Parameter",
		"torch.nn.parameter.Buffer", "torch.nn.parameter._rebuild_parameter":
		// (data, requires_grad, backward_hooks[, state]): whether a gradient is asked for is no content.
		if len(args) == 0 {
			return true, checkpoint.Damaged("parameter without data")
		}
		before := len(w.file.Entries)
		if err := w.walk(p, args[0]); err != nil {
			return true, err
		}
		if len(args) > 1 && before < len(w.file.Entries) {
			if grad, _ := args[1].(bool); grad {
				change(&w.file.Entries[before], func(t *checkpoint.Tensor) {
					t.From = w.origins.Shared(checkpoint.Origin{Device: t.Origin().Device, RequiresGrad: true})
				})
			}
		}
		if len(args) > 3 {
			return true, w.walk(p.Bracket("state"), args[3])
		}
		return true, nil
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
		t, err := w.stridedTensor(g.Name, args)
		if err != nil {
			return true, fmt.Errorf("tensor %q: %w", checkpoint.Clip(p.String(), 80), err)
		}
		return true, w.tensor(p, t)
	case "torch._utils._rebuild_qtensor":
		return true, w.quantised(p, args)
	case "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_sparse_csr_tensor":
		return true, w.sparse(p, args)
	case "torch._tensor._rebuild_from_type_v2":
		return true, w.fromType(p, args)
	case "torch._utils._rebuild_device_tensor_from_cpu_tensor", "torch._utils._rebuild_device_tensor_from_numpy":
		// (data, dtype, device, requires_grad)
		if len(args) != 4 {
			return true, checkpoint.Unsupported("%s with %d arguments", g.Name, len(args))
		}
		return true, w.elsewhere(p, args[0], args[1])
	case "torch.Size":
		if len(args) == 1 {
			return true, w.walk(p, args[0])
		}
	case "torch.storage._load_from_bytes":
		s, err := w.loadLegacy(o)
		if err != nil {
			return true, err
		}
		return true, w.storageTensor(p, s)
	}
	return false, nil
}

// elsewhere adds a tensor of a device whose memory PyTorch does not save, which it keeps as one of the CPU, or as an array where
// it makes another type of that again.
func (w *walker) elsewhere(p *keypath.Path, data, dtype pickle.Value) error {
	before := len(w.file.Entries)
	if err := w.walk(p, data); err != nil {
		return err
	}
	if d, err := torchDType(dtype); err == nil && before < len(w.file.Entries) && w.file.Entries[before].Type == string(d) {
		return nil
	}
	return w.walk(p.Bracket("dtype"), dtype)
}

// storageOf resolves what a rebuild function got as its storage: a persistent id, a typed wrapper around one, or a
// nested torch.save.
func (w *walker) storageOf(v pickle.Value) (*Storage, error) {
	switch v := v.(type) {
	case *pickle.Persistent:
		if w.src.Storage == nil {
			return nil, checkpoint.Unsupported("persistent references in a pickle that is not PyTorch's")
		}
		return w.src.Storage(v.ID)
	case *pickle.Object:
		g, _ := v.Global()
		switch g.String() {
		case "torch.storage._load_from_bytes":
			return w.loadLegacy(v)
		case "torch.storage.TypedStorage", "torch.storage._TypedStorage":
			return nil, checkpoint.Unsupported("typed storage pickled as an object")
		}
	}
	return nil, checkpoint.Damaged("tensor without a storage")
}

func (w *walker) loadLegacy(o *pickle.Object) (*Storage, error) {
	args := argsOf(o)
	if w.src.LoadLegacy == nil || len(args) != 1 {
		return nil, checkpoint.Unsupported("nested torch.save")
	}
	if s, ok := w.loaded[args[0]]; ok {
		return s, nil
	}
	b, ok := asBytes(args[0])
	if !ok {
		return nil, checkpoint.Damaged("nested torch.save that is no bytes")
	}
	if err := w.holdMade(args[0], b); err != nil {
		return nil, err
	}
	data := w.bytes(b)
	s, err := w.src.LoadLegacy(data, data.Size())
	if err != nil {
		return nil, err
	}
	if w.loaded == nil {
		w.loaded = map[pickle.Value]*Storage{}
	}
	w.loaded[args[0]] = s
	return s, nil
}

// origin is how a tensor is kept that is a view of the storage.
func (w *walker) origin(s *Storage, grad bool) *checkpoint.Origin {
	return w.origins.Shared(checkpoint.Origin{Device: s.Device, RequiresGrad: grad})
}

// storage adds a storage that is a value of its own as a flat tensor.
func (w *walker) storage(p *keypath.Path, ref *pickle.Persistent) error {
	s, err := w.storageOf(ref)
	if err != nil {
		return err
	}
	return w.storageTensor(p, s)
}

func (w *walker) storageTensor(p *keypath.Path, s *Storage) error {
	item := int64(s.DType.Bits() / 8)
	if item == 0 || s.Size%item != 0 {
		return checkpoint.Damaged("storage %q of %d bytes is no whole number of %s", s.Key, s.Size, s.DType)
	}
	t, err := checkpoint.NewTensor(s.DType, int(item)*8, []int64{s.Size / item}, checkpoint.Section(s.Data, 0, s.Size))
	if err != nil {
		return err
	}
	t.Attrs, t.From = "storage", w.origin(s, false)
	return w.tensor(p, t)
}

// stridedTensor evaluates _rebuild_tensor(storage, offset, size, stride), _v2(..., requires_grad, hooks[, metadata]) and
// _v3(..., requires_grad, hooks, dtype[, metadata]).
func (w *walker) stridedTensor(fn string, args []pickle.Value) (*checkpoint.Tensor, error) {
	if len(args) < 4 {
		return nil, checkpoint.Damaged("%s with %d arguments", fn, len(args))
	}
	s, err := w.storageOf(args[0])
	if err != nil {
		return nil, err
	}
	dtype, metaAt := s.DType, 6
	if fn == "_rebuild_tensor_v3" {
		metaAt = 7
		if len(args) < 7 {
			return nil, checkpoint.Damaged("%s with %d arguments", fn, len(args))
		}
		if dtype, err = torchDType(args[6]); err != nil {
			return nil, err
		}
	}
	t, err := view(s, dtype, args[1], args[2], args[3])
	if err != nil {
		return nil, err
	}
	t.From = w.origin(s, len(args) > 4 && args[4] == pickle.Value(true))
	if len(args) > metaAt {
		if t.Attrs, err = viewFlags(args[metaAt]); err != nil {
			return nil, err
		}
	}
	if len(args) > metaAt+1 {
		return nil, checkpoint.Unsupported("%s with %d arguments", fn, len(args))
	}
	return t, nil
}

// view makes a tensor of offset, size and stride, all in elements.
func view(s *Storage, dtype checkpoint.DType, offset, size, stride pickle.Value) (*checkpoint.Tensor, error) {
	shape, ok := Integers(size)
	if !ok {
		return nil, checkpoint.Damaged("size that is no tuple of integers")
	}
	strides, ok := Integers(stride)
	if !ok {
		return nil, checkpoint.Damaged("stride that is no tuple of integers")
	}
	off, ok := pickle.Int(offset)
	item := int64(dtype.Bits() / 8)
	if item == 0 {
		return nil, checkpoint.Unsupported("element type %s", dtype)
	}
	if !ok || off < 0 || off > math.MaxInt64/item {
		return nil, checkpoint.Damaged("view that starts outside its storage")
	}
	data, err := checkpoint.Strided(s.Data, s.Size, checkpoint.View{Item: item, Base: off * item, Shape: shape, Stride: strides})
	if err != nil {
		return nil, err
	}
	return checkpoint.NewTensor(dtype, int(item)*8, shape, data)
}

// packedView makes a tensor of the quantised types of which a byte holds 2 or 4 elements; such tensors have no strides.
func packedView(s *Storage, dtype checkpoint.DType, offset, size, stride pickle.Value) (*checkpoint.Tensor, error) {
	shape, ok1 := Integers(size)
	strides, ok2 := Integers(stride)
	if _, err := checkpoint.Elements(shape); err != nil {
		return nil, err
	}
	if !ok1 || !ok2 || len(shape) != len(strides) {
		return nil, checkpoint.Damaged("size or stride that is no tuple of integers")
	}
	bits := map[checkpoint.DType]int{"quint4x2": 4, "quint2x4": 2}[dtype]
	step := int64(1)
	for d := len(shape) - 1; d >= 0; d-- {
		if strides[d] != step {
			return nil, checkpoint.Unsupported("%s that is not contiguous", dtype)
		}
		step *= max(shape[d], 1)
	}
	if off, ok := pickle.Int(offset); !ok || off != 0 {
		return nil, checkpoint.Unsupported("%s that starts within its storage", dtype)
	}
	return checkpoint.NewTensor(dtype, bits, shape, checkpoint.Section(s.Data, 0, s.Size))
}

// viewFlags reads the metadata of lazy views: {"conj": True, "neg": True}.
func viewFlags(v pickle.Value) (string, error) {
	var pairs []pickle.Pair
	switch v := v.(type) {
	case pickle.None:
		return "", nil
	case *pickle.Dict:
		pairs = v.Items
	case *pickle.Object:
		pairs = v.Pairs
	default:
		return "", checkpoint.Unsupported("tensor metadata that is no dictionary")
	}
	var conj, neg bool
	for _, pair := range pairs {
		set, ok := pair.Value.(bool)
		switch {
		case ok && pair.Key == pickle.Value("conj"):
			conj = set
		case ok && pair.Key == pickle.Value("neg"):
			neg = set
		default:
			return "", checkpoint.Unsupported("tensor metadata other than conj and neg")
		}
	}
	switch {
	case conj && neg:
		return "conj,neg", nil
	case conj:
		return "conj", nil
	case neg:
		return "neg", nil
	}
	return "", nil
}

// quantised evaluates _rebuild_qtensor(storage, offset, size, stride, quantizer, requires_grad, hooks) where quantizer
// is (torch.per_tensor_affine, scale, zero point) or (torch.per_channel_affine, scales, zero points, axis).
func (w *walker) quantised(p *keypath.Path, args []pickle.Value) error {
	if len(args) < 5 {
		return checkpoint.Damaged("quantised tensor with %d arguments", len(args))
	}
	s, err := w.storageOf(args[0])
	if err != nil {
		return err
	}
	read := view
	if s.DType == "quint4x2" || s.DType == "quint2x4" {
		read = packedView
	}
	t, err := read(s, s.DType, args[1], args[2], args[3])
	if err != nil {
		return fmt.Errorf("tensor %q: %w", checkpoint.Clip(p.String(), 80), err)
	}
	q, ok := itemsOf(args[4])
	if !ok || len(q) < 3 {
		return checkpoint.Damaged("quantised tensor %q without its quantiser", checkpoint.Clip(p.String(), 80))
	}
	scheme, ok := q[0].(pickle.Global)
	if !ok {
		return checkpoint.Damaged("quantised tensor %q without a scheme", checkpoint.Clip(p.String(), 80))
	}
	t.Attrs, t.From = scheme.Name, w.origin(s, false)
	if err := w.tensor(p, t); err != nil {
		return err
	}
	names := []string{"scale", "zero_point", "axis"}
	for i, v := range q[1:min(len(q), 4)] {
		if err := w.walk(p.Key(names[i]), v); err != nil {
			return err
		}
	}
	return nil
}

// sparse evaluates _rebuild_sparse_tensor(layout, data): data is (indices, values, size[, coalesced]) for COO and
// (compressed indices, plain indices, values, size) for the compressed layouts.
func (w *walker) sparse(p *keypath.Path, args []pickle.Value) error {
	if len(args) != 2 {
		return checkpoint.Damaged("sparse tensor with %d arguments", len(args))
	}
	data, ok := itemsOf(args[1])
	layout, ok2 := w.globalName(args[0])
	if !ok || !ok2 {
		return checkpoint.Damaged("sparse tensor %q without layout or data", checkpoint.Clip(p.String(), 80))
	}
	layout = strings.TrimPrefix(layout, "torch.")
	names := []string{"compressed_indices", "plain_indices", "values", "size"}
	if layout == "sparse_coo" {
		names = []string{"indices", "values", "size", "is_coalesced"}
	}
	if len(data) > len(names) {
		return checkpoint.Unsupported("sparse tensor with %d parts", len(data))
	}
	e := checkpoint.Entry{Kind: checkpoint.KindObject, Type: "sparse tensor", Text: layout, Data: checkpoint.Text(layout)}
	if err := w.add(p, e); err != nil {
		return err
	}
	for i, v := range data {
		if err := w.walk(p.Key(names[i]), v); err != nil {
			return err
		}
	}
	return nil
}

// globalName reads a layout or dtype, which is a plain global or, in some versions, a call with its name.
func (w *walker) globalName(v pickle.Value) (string, bool) {
	switch v := v.(type) {
	case pickle.Global:
		return v.String(), true
	case *pickle.Object:
		if args := argsOf(v); len(args) == 1 {
			s, ok := args[0].(string)
			return s, ok
		}
	case string:
		return v, true
	}
	return "", false
}

// fromType evaluates _rebuild_from_type_v2(func, type, args, state): a tensor subclass or a tensor with attributes.
func (w *walker) fromType(p *keypath.Path, args []pickle.Value) error {
	if len(args) != 4 {
		return checkpoint.Damaged("tensor subclass with %d arguments", len(args))
	}
	fn, ok := args[0].(pickle.Global)
	inner, ok2 := args[2].(*pickle.Tuple)
	if !ok || !ok2 {
		return checkpoint.Damaged("tensor subclass %q without a constructor", checkpoint.Clip(p.String(), 80))
	}
	typ, ok := args[1].(pickle.Global)
	if ok {
		if done, err := w.distributed(p, typ, args[3]); done || err != nil {
			return err
		}
	}
	if err := w.walk(p, &pickle.Object{Func: fn, Args: inner}); err != nil {
		return err
	}
	if ok && typ.String() != "torch._tensor.Tensor" && typ.String() != "torch.Tensor" && typ.Name != "Parameter" {
		e := checkpoint.Entry{Kind: checkpoint.KindObject, Type: "class", Text: typ.String(), Data: checkpoint.Text(typ.String())}
		if err := w.add(p.Bracket("class"), e); err != nil {
			return err
		}
	}
	if d, ok := args[3].(*pickle.Dict); ok && len(d.Items) == 0 {
		return nil
	}
	if _, none := args[3].(pickle.None); none {
		return nil
	}
	return w.walk(p.Bracket("state"), args[3])
}

func torchDType(v pickle.Value) (checkpoint.DType, error) {
	g, ok := v.(pickle.Global)
	if !ok || g.Module != "torch" {
		return "", checkpoint.Damaged("element type that is no torch.dtype")
	}
	name := g.Name
	switch name { // PyTorch's synonyms
	case "half":
		name = "float16"
	case "float":
		name = "float32"
	case "double":
		name = "float64"
	case "long":
		name = "int64"
	case "int":
		name = "int32"
	case "short":
		name = "int16"
	case "cfloat":
		name = "complex64"
	case "cdouble":
		name = "complex128"
	}
	d := checkpoint.DType(name)
	if d.Bits() == 0 || d.Bits()%8 != 0 {
		return "", checkpoint.Unsupported("element type torch.%s", checkpoint.Clip(name, 40))
	}
	return d, nil
}

// StorageDType returns the element type of a storage class ("torch.FloatStorage", "torch.cuda.FloatStorage").
func StorageDType(g pickle.Global) (checkpoint.DType, error) {
	if g.Module == "torch" || g.Module == "torch.cuda" || g.Module == "torch.storage" {
		switch g.Name {
		case "FloatStorage":
			return checkpoint.Float32, nil
		case "DoubleStorage":
			return checkpoint.Float64, nil
		case "HalfStorage":
			return checkpoint.Float16, nil
		case "BFloat16Storage":
			return checkpoint.BFloat16, nil
		case "LongStorage":
			return checkpoint.Int64, nil
		case "IntStorage":
			return checkpoint.Int32, nil
		case "ShortStorage":
			return checkpoint.Int16, nil
		case "CharStorage":
			return checkpoint.Int8, nil
		case "ByteStorage", "UntypedStorage", "_UntypedStorage":
			return checkpoint.Uint8, nil
		case "BoolStorage":
			return checkpoint.Bool, nil
		case "ComplexFloatStorage":
			return checkpoint.Complex64, nil
		case "ComplexDoubleStorage":
			return checkpoint.Complex128, nil
		case "QInt8Storage":
			return "qint8", nil
		case "QUInt8Storage":
			return "quint8", nil
		case "QInt32Storage":
			return "qint32", nil
		case "QUInt4x2Storage":
			return "quint4x2", nil
		case "QUInt2x4Storage":
			return "quint2x4", nil
		}
	}
	return "", checkpoint.Unsupported("storage class %s", checkpoint.Clip(g.String(), 80))
}
