package pyobject

import (
	"math"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// known adds the entries of an object whose constructor has a fixed meaning, under the module names of NumPy 1 and 2; done is false for any other object.
func (w *walker) known(p *keypath.Path, g pickle.Global, o *pickle.Object) (done bool, err error) {
	switch g.Module {
	case "builtins":
		return w.builtin(p, g.Name, o)
	case "collections":
		return w.collection(p, g.Name, o)
	case "_codecs":
		if g.Name != "encode" {
			return false, nil
		}
		b, err := bytesOf(o)
		if err == nil {
			err = w.holdMade(o, b)
		}
		if err != nil {
			return true, err
		}
		return true, w.walk(p, b)
	case "copyreg":
		if made, ok := reconstructed(g, o); ok {
			return true, w.walk(p, made)
		}
		return false, nil
	case "jax._src.array":
		// (function, arguments, state, {"weak_type": bool}) of the NumPy array with the same elements.
		if args := argsOf(o); g.Name == "_reconstruct_array" && len(args) == 4 {
			return true, w.walk(p, &pickle.Object{Func: args[0], Args: args[1], State: args[2]})
		}
		return false, nil
	case "decimal":
		args := argsOf(o)
		if g.Name != "Decimal" || len(args) != 1 {
			return false, nil
		}
		text, ok := args[0].(string)
		if !ok {
			return false, nil
		}
		return true, w.add(p, checkpoint.Entry{
			Kind: checkpoint.KindNumber, Type: "decimal", Text: checkpoint.Clip(text, shortText), Data: checkpoint.Text(text),
		})
	case "numpy":
		if g.Name == "dtype" {
			d, err := w.dtype(o)
			if err != nil {
				return true, err
			}
			return true, w.add(p, checkpoint.Entry{
				Kind: checkpoint.KindObject, Type: "numpy.dtype", Text: string(d.Name), Data: checkpoint.Text(string(d.Name)),
			})
		}
	}
	if strings.HasPrefix(g.Module, "torch") {
		return w.torch(p, g, o)
	}
	if strings.HasPrefix(g.Module, "numpy.") || strings.HasPrefix(g.Module, "joblib.") {
		return w.numpy(p, g, o)
	}
	return false, nil
}

// reconstructed turns the calls by which protocols 0 and 1 make instances into what protocol 2 and later write.
func reconstructed(g pickle.Global, o *pickle.Object) (*pickle.Object, bool) {
	args := argsOf(o)
	made := &pickle.Object{New: true, State: o.State, Items: o.Items, Pairs: o.Pairs}
	switch {
	case g.Name == "__newobj__" && len(args) > 0:
		made.Func, made.Args = args[0], &pickle.Tuple{Items: args[1:]}
	case g.Name == "_reconstructor" && len(args) == 3 && args[1] == pickle.Value(pickle.Global{Module: "builtins", Name: "object"}):
		made.Func, made.Args = args[0], &pickle.Tuple{}
	default:
		return nil, false
	}
	_, ok := made.Func.(pickle.Global)
	return made, ok
}

func (w *walker) builtin(p *keypath.Path, name string, o *pickle.Object) (bool, error) {
	args := argsOf(o)
	switch name {
	case "set", "frozenset":
		if len(args) > 1 || o.State != nil {
			return false, nil
		}
		s := &pickle.Set{Frozen: name == "frozenset", Items: o.Items}
		if len(args) == 1 {
			items, ok := itemsOf(args[0])
			if !ok {
				return false, nil
			}
			s.Items = append(items[:len(items):len(items)], o.Items...)
		}
		return true, w.set(p, s)
	case "complex":
		if len(args) != 2 {
			return false, nil
		}
		re, ok1 := args[0].(float64)
		im, ok2 := args[1].(float64)
		if !ok1 || !ok2 {
			return false, nil
		}
		return true, w.add(p, checkpoint.Entry{
			Kind: checkpoint.KindNumber, Type: "complex", Text: complexText(re, im), Data: checkpoint.Text(FloatBytes(re) + FloatBytes(im)),
		})
	case "bytes":
		if len(args) > 0 {
			return false, nil
		}
		return true, w.walk(p, &pickle.Bytes{}) // how protocol 2 writes none
	case "bytearray":
		if len(args) == 0 {
			return true, w.walk(p, &pickle.Bytes{Mutable: true})
		}
		b, ok := asBytes(args[0])
		if !ok || len(args) > 1 {
			return false, nil
		}
		if err := w.holdMade(args[0], b); err != nil {
			return true, err
		}
		c := *b
		c.Mutable = true
		return true, w.walk(p, &c)
	}
	return false, nil
}

func complexText(re, im float64) string {
	text := FloatText(im) + "j)"
	if !math.Signbit(im) && !math.IsNaN(im) || math.IsNaN(im) {
		text = "+" + text
	}
	return "(" + FloatText(re) + text
}

// collection handles the mappings of package collections. An OrderedDict is content like a dict; the state that
// torch's state_dict() hangs on one (_metadata: module versions) is not content.
func (w *walker) collection(p *keypath.Path, name string, o *pickle.Object) (bool, error) {
	args := argsOf(o)
	switch name {
	case "OrderedDict":
		pairs, ok := orderedPairs(args, o.Pairs)
		if !ok || len(o.Items) > 0 {
			return false, nil
		}
		if o.State != nil && !onlyMetadata(o.State) {
			return false, nil
		}
		return true, w.mapping(p, "dict", pairs)
	case "defaultdict":
		if len(args) > 1 || len(o.Items) > 0 || o.State != nil {
			return false, nil
		}
		return true, w.mapping(p, "dict", o.Pairs)
	case "Counter":
		if len(args) == 1 && len(o.Pairs) == 0 && o.State == nil {
			if d, ok := args[0].(*pickle.Dict); ok {
				return true, w.mapping(p, "dict", d.Items)
			}
		}
	case "deque":
		if o.State != nil || len(args) > 2 {
			return false, nil
		}
		items := o.Items
		if len(args) > 0 {
			first, ok := itemsOf(args[0])
			if !ok {
				return false, nil
			}
			items = append(first[:len(first):len(first)], items...)
		}
		if err := w.sequence(p, "list", items); err != nil || len(args) < 2 || args[1] == pickle.Value(pickle.None{}) {
			return true, err
		}
		return true, w.walk(p.Key("maxlen"), args[1])
	}
	return false, nil
}

// orderedPairs joins the pairs that Python 2 passed as an argument with those set later.
func orderedPairs(args []pickle.Value, set []pickle.Pair) ([]pickle.Pair, bool) {
	if len(args) == 0 {
		return set, true
	}
	list, ok := args[0].(*pickle.List)
	if !ok || len(args) > 1 {
		return nil, false
	}
	var pairs []pickle.Pair
	for _, item := range list.Items {
		kv, ok := itemsOf(item)
		if !ok || len(kv) != 2 {
			return nil, false
		}
		pairs = append(pairs, pickle.Pair{Key: kv[0], Value: kv[1]})
	}
	return append(pairs, set...), true
}

func onlyMetadata(state pickle.Value) bool {
	d, ok := state.(*pickle.Dict)
	return ok && len(d.Items) == 1 && d.Items[0].Key == pickle.Value("_metadata")
}

func argsOf(o *pickle.Object) []pickle.Value {
	if t, ok := o.Args.(*pickle.Tuple); ok {
		return t.Items
	}
	return nil
}

func itemsOf(v pickle.Value) ([]pickle.Value, bool) {
	switch v := v.(type) {
	case *pickle.List:
		return v.Items, true
	case *pickle.Tuple:
		return v.Items, true
	}
	return nil, false
}

// asBytes returns v as bytes, where it is bytes or the call that protocol 2 writes for them.
func asBytes(v pickle.Value) (*pickle.Bytes, bool) { return asBytesWithin(v, false) }

// asBytesWithin is asBytes of what a bytearray may be made of.
func asBytesWithin(v pickle.Value, array bool) (*pickle.Bytes, bool) {
	switch v := v.(type) {
	case *pickle.Bytes:
		return v, true
	case *pickle.Object:
		if g, ok := v.Global(); ok {
			switch g.String() {
			case "_codecs.encode":
				b, err := bytesOf(v)
				return b, err == nil
			case "builtins.bytes":
				return &pickle.Bytes{}, len(argsOf(v)) == 0
			case "builtins.bytearray":
				if args := argsOf(v); len(args) == 1 && !array {
					return asBytesWithin(args[0], true)
				}
			}
		}
	}
	return nil, false
}

// holdMade takes the memory of bytes that a call makes, anew each time that it is in the tree.
func (w *walker) holdMade(v pickle.Value, b *pickle.Bytes) error {
	if _, call := v.(*pickle.Object); call && b.Held != nil {
		return w.hold(b.Len)
	}
	return nil
}

// bytesOf evaluates _codecs.encode(text, 'latin1'), which is how protocol 2 writes bytes.
func bytesOf(o *pickle.Object) (*pickle.Bytes, error) {
	args := argsOf(o)
	if len(args) != 2 {
		return nil, checkpoint.Unsupported("_codecs.encode with %d arguments", len(args))
	}
	codec, ok := args[1].(string)
	if !ok || codec != "latin1" && codec != "latin-1" {
		return nil, checkpoint.Unsupported("_codecs.encode other than to latin1")
	}
	if t, ok := args[0].(*pickle.Text); ok && t.Latin1 {
		return &pickle.Bytes{Off: t.Off, Len: t.Characters, UTF8: t.Len}, nil
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, checkpoint.Unsupported("_codecs.encode of what is no text of Latin-1")
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return nil, checkpoint.Damaged("bytes written as text hold the character %U", r)
		}
		b = append(b, byte(r))
	}
	return &pickle.Bytes{Held: b, Len: int64(len(b))}, nil
}

// Integers reads a sequence of integers: a shape, strides, a torch.Size.
func Integers(v pickle.Value) ([]int64, bool) {
	if o, ok := v.(*pickle.Object); ok {
		if g, ok := o.Global(); ok && g == (pickle.Global{Module: "torch", Name: "Size"}) {
			if args := argsOf(o); len(args) == 1 {
				v = args[0]
			}
		}
	}
	items, ok := itemsOf(v)
	if !ok || len(items) > 64 {
		return nil, false
	}
	out := make([]int64, len(items))
	for i, item := range items {
		if out[i], ok = pickle.Int(item); !ok {
			return nil, false
		}
	}
	return out, true
}
