package pyobject

import (
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// distributed adds a DTensor, of which a rank's file holds the part that the rank has, as that part; its attributes say
// of what. The mesh stays out: it holds hashes and names of process groups that are other ones in every run. Reports
// false, having added nothing, for what has not the layout that PyTorch 2.0 to 2.15 write.
func (w *walker) distributed(p *keypath.Path, typ pickle.Global, state pickle.Value) (bool, error) {
	if typ.Name != "DTensor" || !strings.HasPrefix(typ.Module, "torch.distributed.") {
		return false, nil
	}
	slots, ok := slotsOf(state)
	if !ok {
		return false, nil
	}
	spec, ok := slots["_spec"].(*pickle.Object)
	if !ok {
		return false, nil
	}
	d, ok := spec.State.(*pickle.Dict)
	if !ok {
		return false, nil
	}
	attrs, ok := placed(attributes(d))
	if !ok {
		return false, nil
	}
	before := len(w.file.Entries)
	if err := w.walk(p, slots["_local_tensor"]); err != nil {
		return true, err
	}
	t := w.file.Entries[before].Tensor()
	if t == nil || len(w.file.Entries) != before+1 || t.Attrs != "" {
		return true, checkpoint.Unsupported("DTensor %q whose local part is no plain tensor", checkpoint.Clip(p.String(), 80))
	}
	change(&w.file.Entries[before], func(t *checkpoint.Tensor) { t.Attrs = attrs })
	return true, nil
}

// placed writes the whole shape and how it is cut along each dimension of the mesh: "dtensor[7,5] Shard(0)".
func placed(spec map[string]pickle.Value) (string, bool) {
	meta, ok := spec["tensor_meta"].(*pickle.Object)
	if !ok {
		return "", false
	}
	args := argsOf(meta)
	if len(args) != 3 { // shape, stride, element type
		return "", false
	}
	shape, ok := sizeOf(args[0])
	placements, ok2 := itemsOf(spec["placements"])
	if !ok || !ok2 {
		return "", false
	}
	text := "dtensor" + checkpoint.ShapeText(shape)
	for _, v := range placements {
		o, ok := v.(*pickle.Object)
		if !ok {
			return "", false
		}
		g, ok := o.Global()
		if !ok {
			return "", false
		}
		text += " " + g.Name
		state, _ := o.State.(*pickle.Dict)
		if state == nil {
			continue
		}
		members, ok := attributes(state), true
		switch g.Name {
		case "Shard":
			dim, isInt := pickle.Int(members["dim"])
			text, ok = text+"("+strconv.FormatInt(dim, 10)+")", isInt
		case "Partial", "_Partial":
			op, isString := members["reduce_op"].(string)
			text, ok = text+"("+op+")", isString
		default:
			ok = len(members) == 0
		}
		if !ok {
			return "", false
		}
	}
	return text, true
}

// sizeOf reads a torch.Size or a tuple.
func sizeOf(v pickle.Value) ([]int64, bool) {
	if o, ok := v.(*pickle.Object); ok {
		if args := argsOf(o); len(args) == 1 {
			return Integers(args[0])
		}
	}
	return Integers(v)
}

// slotsOf returns the second part of the state of a class with __slots__.
func slotsOf(state pickle.Value) (map[string]pickle.Value, bool) {
	t, ok := state.(*pickle.Tuple)
	if !ok || len(t.Items) != 2 {
		return nil, false
	}
	if _, none := t.Items[0].(pickle.None); !none {
		return nil, false
	}
	d, ok := t.Items[1].(*pickle.Dict)
	if !ok {
		return nil, false
	}
	return attributes(d), true
}

func attributes(d *pickle.Dict) map[string]pickle.Value {
	m := make(map[string]pickle.Value, len(d.Items))
	for _, pair := range d.Items {
		if key, ok := pair.Key.(string); ok {
			m[key] = pair.Value
		}
	}
	return m
}
