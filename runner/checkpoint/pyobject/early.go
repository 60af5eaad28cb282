package pyobject

import (
	"github.com/reprocheck/reprocheck/runner/checkpoint"
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
)

// gatherCost is what is added for one that is not contiguous.
const gatherCost = 300

// Calls returns what evaluates the calls that rebuild plain tensors, for pickle.Options. What is wrong with one is told when
// the tree is walked, with the tensor's name.
func (s Source) Calls() func(pickle.Global, *pickle.Tuple) (pickle.Value, int64) {
	w := newWalker(nil, s)
	kinds := map[kind]*kind{}
	return func(g pickle.Global, args *pickle.Tuple) (pickle.Value, int64) {
		switch g.String() {
		case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
		default:
			return nil, 0
		}
		if len(args.Items) == 0 {
			return nil, 0
		}
		if _, plain := args.Items[0].(*pickle.Persistent); !plain {
			return nil, 0 // a nested torch.save, which is read once for all that refer to it
		}
		t, err := w.stridedTensor(g.Name, args.Items)
		if err != nil {
			return nil, 0
		}
		e := &early{t.Data, w.shapes.Shared(t.Shape), &kind{t.DType, t.Attrs, t.From}}
		cost := int64(earlyCost + 8*len(e.shape))
		if same, ok := kinds[*e.kind]; ok {
			e.kind = same
		} else {
			kinds[*e.kind] = e.kind
			cost += kindCost + int64(len(t.From.Device))
		}
		if checkpoint.IsSequential(t) {
			cost += gatherCost + 16*int64(len(t.Shape))
		}
		return e, cost
	}
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
