package pyobject

import (
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/npy"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// early is a tensor that stands in the tree for the call that rebuilds it, which takes ten times the memory.
type early struct {
	data  checkpoint.Data
	shape []int64
	*kind
}

// kind is what many tensors of a file have in common.
type kind struct {
	dtype checkpoint.DType
	attrs string
	from  *checkpoint.Origin
}

// earlyCost is what a tensor takes in bytes as Go's allocator rounds them, without its shape; kindCost what is added for one
// of a new kind, or kept as none before it is.
const (
	earlyCost = 48 + 32
	kindCost  = 300
	bytesCost = 48 + 48 // those of an array, and their reader
)

// gatherCost is what is added for one that is not contiguous.
const gatherCost = 300

// Early makes tensors of a pickle's objects while it is read. What is wrong with one is told when the tree is walked, with the
// tensor's name.
type Early struct {
	w     walker
	kinds map[kind]*kind
}

// Early returns one for the pickle of a source.
func (s Source) Early() *Early { return &Early{newWalker(nil, s), map[kind]*kind{}} }

// Call is for pickle.Options: it evaluates the calls that rebuild plain tensors, and NumPy's arrays of protocol 5.
func (x *Early) Call(g pickle.Global, args *pickle.Tuple) (pickle.Value, int64) {
	if len(args.Items) == 0 {
		return nil, 0
	}
	if g.Name == "_frombuffer" && strings.HasSuffix(g.Module, ".numeric") {
		data, ok := args.Items[0].(*pickle.Bytes)
		if !ok {
			return nil, 0
		}
		return x.array(data, func() (*checkpoint.Tensor, error) { return x.w.fromBuffer(&pickle.Object{Func: g, Args: args}) })
	}
	switch g.String() {
	case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
	default:
		return nil, 0
	}
	if _, plain := args.Items[0].(*pickle.Persistent); !plain {
		return nil, 0 // a nested torch.save, which is read once for all that refer to it
	}
	t, err := x.w.stridedTensor(g.Name, args.Items)
	if err != nil {
		return nil, 0
	}
	return x.tensor(t)
}

// Built is for pickle.Options: it makes NumPy's plain arrays.
func (x *Early) Built(o *pickle.Object) (pickle.Value, int64) {
	g, _ := o.Global()
	if args := argsOf(o); g.Name != "_reconstruct" || !strings.HasSuffix(g.Module, ".multiarray") || len(args) != 3 ||
		args[0] != pickle.Value(pickle.Global{Module: "numpy", Name: "ndarray"}) {
		return nil, 0
	}
	a, err := readArray(o.State)
	if err != nil || a.typ.Object {
		return nil, 0
	}
	data, ok := a.data.(*pickle.Bytes)
	if !ok {
		return nil, 0
	}
	return x.array(data, func() (*checkpoint.Tensor, error) {
		return npy.Array(x.w.bytes(data), a.typ, a.shape, npy.Axes(len(a.shape), a.fortran))
	})
}

// array makes one of bytes.
func (x *Early) array(data *pickle.Bytes, read func() (*checkpoint.Tensor, error)) (pickle.Value, int64) {
	t, err := read()
	if err != nil {
		return nil, 0
	}
	v, cost := x.tensor(t)
	return v, cost + bytesCost + int64(len(data.Held))
}

func (x *Early) tensor(t *checkpoint.Tensor) (pickle.Value, int64) {
	e := &early{t.Data, x.w.shapes.Shared(t.Shape), &kind{t.DType, t.Attrs, t.From}}
	cost := int64(earlyCost + 8*len(e.shape))
	if same, ok := x.kinds[*e.kind]; ok {
		e.kind = same
	} else {
		x.kinds[*e.kind] = e.kind
		cost += kindCost + int64(len(t.DType)+len(t.Origin().Device))
	}
	if checkpoint.IsSequential(t) {
		cost += gatherCost + 16*int64(len(t.Shape))
	}
	return e, cost
}

func (e *early) tensor() *checkpoint.Tensor {
	return &checkpoint.Tensor{DType: e.dtype, Shape: e.shape, Attrs: e.attrs, Data: e.data, From: e.from}
}

// change gives the tensor of an entry other attributes; what it was made from may be in the tree once more.
func change(e *checkpoint.Entry, change func(*checkpoint.Tensor)) {
	if t := e.Tensor(); t != nil {
		change(t)
		*e = checkpoint.TensorEntry(e.Name, t)
	}
}
