package pyobject

import (
	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// early is a tensor that stands in the tree for the call that rebuilds it, which takes several times the memory.
type early struct {
	t     *checkpoint.Tensor
	taken bool
}

// earlyCost is what a tensor takes in bytes as Go's allocator rounds them, without what depends on its shape and names.
const earlyCost = 16 + 80 + 48 + 32 + 32

// gatherCost is what is added for one that is not contiguous.
const gatherCost = 300

// Call is for pickle.Options: it evaluates the calls that rebuild plain tensors. What is wrong with one is told when the
// tree is walked, with the tensor's name.
func (s Source) Call(g pickle.Global, args *pickle.Tuple) (pickle.Value, int64) {
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
	w := walker{src: s}
	t, err := w.stridedTensor(g.Name, args.Items)
	if err != nil {
		return nil, 0
	}
	cost := int64(earlyCost + 8*len(t.Shape) + len(t.Origin().Storage))
	if checkpoint.IsSequential(t) {
		cost += gatherCost + 16*int64(len(t.Shape))
	}
	return &early{t: t}, cost
}

// early adds a tensor. No two entries share one.
func (w *walker) early(p *keypath.Path, e *early) error {
	if e.taken {
		second := *e.t
		return w.tensor(p, &second)
	}
	e.taken = true
	return w.tensor(p, e.t)
}

// change gives the tensor of an entry other attributes; what it was made from may be in the tree once more.
func change(e *checkpoint.Entry, change func(*checkpoint.Tensor)) {
	if t := e.Tensor(); t != nil {
		change(t)
		*e = checkpoint.TensorEntry(e.Name, t)
	}
}
