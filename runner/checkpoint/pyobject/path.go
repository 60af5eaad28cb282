package pyobject

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/keypath"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
)

// maxLiteral bounds the text of one member of a key that is no string. With the bounds of depth and width it keeps keys
// that share much from growing without end.
const maxLiteral = 4096

// maxMembers bounds the members of a key.
const maxMembers = 64

// Name names a value below the root by the keys and indices that lead to it, texts and int64.
func Name(steps []pickle.Value) (string, bool) {
	var p *keypath.Path
	for _, step := range steps {
		switch v := step.(type) {
		case string:
			p = p.Key(v)
		case int64:
			p = p.Bracket(strconv.FormatInt(v, 10))
		default:
			return "", false
		}
	}
	return p.String(), true
}

// unambiguous renames entries whose dotted names collide.
func (w *walker) unambiguous() error {
	for _, i := range checkpoint.RepeatedNames(w.file.Entries) {
		if i < len(w.places) {
			w.file.Entries[i].Name = w.places[i].Quoted(w.file.Entries[i].Name)
		}
	}
	return checkpoint.CheckNames(w.file.Entries)
}

// literal writes a simple value as Python would, false where it is none. What it takes to write it is held for a moment, but
// taken from what may be written anew: what a key is made of can be in every key.
func (w *walker) literal(v pickle.Value) (string, bool, error) {
	l := literals{left: w.holdable()}
	before := l.left
	text, ok := l.value(v, 0)
	return text, ok, w.hold(before - l.left)
}

// identity returns a text that a value shares with every other one that Python takes for the same key: 1, 1.0 and True
// are one key of a dictionary. The value has a literal, which bounds the work.
func (w *walker) identity(v pickle.Value) (string, error) {
	text, _, err := w.literal(identical(v))
	return text, err
}

func identical(key pickle.Value) pickle.Value {
	switch v := key.(type) {
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case float64:
		if v == math.Trunc(v) && !math.IsInf(v, 0) {
			n, _ := big.NewFloat(v).Int(nil)
			if n.IsInt64() {
				return n.Int64()
			}
			return n
		}
	case *pickle.Tuple:
		t := &pickle.Tuple{Items: make([]pickle.Value, len(v.Items))}
		for i, item := range v.Items {
			t.Items[i] = identical(item)
		}
		return t
	}
	return key
}

// literals writes values as Python would, as long as there is memory left.
type literals struct{ left int64 }

func (l *literals) value(v pickle.Value, depth int) (string, bool) {
	text, ok := l.plain(v, depth)
	l.left -= int64(len(text))
	return text, ok && l.left >= 0
}

func (l *literals) plain(v pickle.Value, depth int) (string, bool) {
	if text, ok := scalarText(v); ok {
		return text, true
	}
	switch v := v.(type) {
	case string:
		return strconv.Quote(v), true
	case pickle.Global:
		return v.String(), true
	case *pickle.Bytes:
		if v.Held == nil && v.Len > 0 {
			return "", false
		}
		return "b" + strconv.Quote(string(v.Held)), true
	case *pickle.Tuple:
		return l.sequence(v.Items, depth)
	case *pickle.Set:
		members, ok := l.members(v.Items, depth)
		slices.Sort(members)
		return "{" + strings.Join(members, ", ") + "}", ok
	case *pickle.Object:
		return l.object(v, depth)
	}
	return "", false
}

// object writes an instance that is told by its class, arguments and attributes, such as a member of an
// enumeration or a path. One that was filled with items is no literal.
func (l *literals) object(o *pickle.Object, depth int) (string, bool) {
	g, ok := o.Global()
	if !ok || len(o.Items)+len(o.Pairs) > 0 || o.Kw != nil {
		return "", false
	}
	if plain, ok := newerForm(g, o); ok {
		return l.plain(plain, depth)
	}
	if g.Name == "scalar" && strings.HasSuffix(g.Module, ".multiarray") {
		return l.number(argsOf(o), depth)
	}
	text, ok := l.sequence(argsOf(o), depth)
	if !ok || o.State == nil {
		return g.String() + text, ok
	}
	d, ok := o.State.(*pickle.Dict)
	if !ok {
		state, ok := l.value(o.State, depth+1)
		return g.String() + text + state, ok
	}
	if len(d.Items) > maxMembers {
		return "", false
	}
	members := make([]string, 0, len(d.Items))
	for _, pair := range d.Items {
		kv, ok := l.members([]pickle.Value{pair.Key, pair.Value}, depth)
		if !ok {
			return "", false
		}
		members = append(members, kv[0]+": "+kv[1])
	}
	slices.Sort(members)
	return g.String() + text + "{" + strings.Join(members, ", ") + "}", true
}

// newerForm returns what protocol 4 would write for bytes and frozensets, which older ones write as calls.
func newerForm(g pickle.Global, o *pickle.Object) (pickle.Value, bool) {
	switch args := argsOf(o); {
	case g == pickle.Global{Module: "_codecs", Name: "encode"} || g == pickle.Global{Module: "builtins", Name: "bytes"}:
		b, ok := asBytes(o)
		return b, ok
	case g == pickle.Global{Module: "builtins", Name: "frozenset"} && len(args) == 1 && o.State == nil:
		items, ok := itemsOf(args[0])
		return &pickle.Set{Items: items, Frozen: true}, ok
	}
	return nil, false
}

// number writes an array scalar, whose parts have other names in NumPy 1 and 2: "numpy.int64(3)".
func (l *literals) number(args []pickle.Value, depth int) (string, bool) {
	if len(args) != 2 || hasParts(args[0]) {
		return "", false
	}
	if _, ok := l.value(args[1], depth+1); !ok {
		return "", false
	}
	d, err := readDType(args[0], 0)
	if err != nil || d.Object || d.Item > maxLiteral || len(d.Name) > maxLiteral {
		return "", false
	}
	raw, err := scalarBytes(d, args[1])
	if err != nil {
		return "", false
	}
	return "numpy." + string(d.Name) + "(" + ScalarText(d.Name, raw) + ")", true
}

func (l *literals) sequence(items []pickle.Value, depth int) (string, bool) {
	parts, ok := l.members(items, depth)
	return "(" + strings.Join(parts, ", ") + ")", ok
}

func (l *literals) members(items []pickle.Value, depth int) ([]string, bool) {
	if depth > 8 || len(items) > maxMembers {
		return nil, false
	}
	parts := make([]string, len(items))
	for i, item := range items {
		text, ok := l.value(item, depth+1)
		if !ok || len(text) > maxLiteral {
			return nil, false
		}
		parts[i] = text
	}
	return parts, true
}
