// Package torchlegacy reads what torch.save wrote before PyTorch 1.6, and still writes on request: five pickles (magic
// number, protocol version, system facts, the object, the storage keys) and then the storages in the order of the keys.
package torchlegacy

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
)

// magic is the pickle of torch.serialization.MAGIC_NUMBER, 0x1950a86a20f9469cfc6c, behind the opcode of the protocol and, from
// protocol 4 on, that of a frame; textMagic is that of protocols 0 and 1.
const (
	textMagic = "L119547037146038801333356L\n."

	magic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
	frame = "\x95\x0d\x00\x00\x00\x00\x00\x00\x00"
)

// maxNesting bounds torch.save within torch.save.
const maxNesting = 8

// Reader reads legacy torch files.
type Reader struct{}

// Format returns "torch-legacy".
func (Reader) Format() string { return "torch-legacy" }

// Sniff looks for the magic number.
func (Reader) Sniff(head []byte, _ string, _ int64) bool { return Signature(head) }

// Signature reports whether head begins like a legacy torch file.
func Signature(head []byte) bool {
	if bytes.HasPrefix(head, []byte(textMagic)) {
		return true
	}
	return len(head) > 2 && head[0] == 0x80 && bytes.HasPrefix(bytes.TrimPrefix(head[2:], []byte(frame)), []byte(magic))
}

// Open reads the structure of a legacy torch file.
func (Reader) Open(_ context.Context, r io.ReaderAt, size int64, _ string) (*checkpoint.File, error) {
	f := &checkpoint.File{Format: "torch-legacy"}
	entries := pyobject.NewCollector(f, size)
	root, src, err := load(r, size, 0, entries.Named)
	if err == nil {
		err = entries.Add("", root, src)
	}
	if err == nil {
		err = entries.Done()
	}
	return f, entries.Warn(err)
}

// Nested returns what reads a nested torch.save whose object is a storage, as pickling a tensor without torch.save makes them.
// What it names is told to named.
func Nested(named func(pickle.Global)) func(r io.ReaderAt, size int64) (*pyobject.Storage, error) {
	return func(r io.ReaderAt, size int64) (*pyobject.Storage, error) { return nested(r, size, 0, named) }
}

func nested(r io.ReaderAt, size int64, depth int, named func(pickle.Global)) (*pyobject.Storage, error) {
	if depth > maxNesting {
		return nil, checkpoint.Limit("torch.save nested more than %d deep", maxNesting)
	}
	root, src, err := load(r, size, depth, named)
	if err != nil {
		return nil, err
	}
	ref, ok := root.(*pickle.Persistent)
	if !ok {
		return nil, checkpoint.Unsupported("nested torch.save of something other than a storage")
	}
	return src.Storage(ref.ID)
}

func load(r io.ReaderAt, size int64, depth int, named func(pickle.Global)) (pickle.Value, pyobject.Source, error) {
	var values [5]pickle.Value
	off := int64(0)
	budget := pickle.DefaultLimits().Memory
	for i := range values {
		v, end, err := pickle.Parse(r, off, size, pickle.Options{Budget: &budget, Persistent: module, Named: named})
		if err != nil {
			return nil, pyobject.Source{}, err
		}
		values[i], off = v, end
	}
	if version, ok := pickle.Int(values[1]); !ok || version != 1001 {
		return nil, pyobject.Source{}, checkpoint.Unsupported("legacy torch file of another protocol version than 1001")
	}
	if !littleEndian(values[2]) {
		return nil, pyobject.Source{}, checkpoint.Unsupported("legacy torch file in big-endian byte order")
	}
	keys, ok := values[4].(*pickle.List)
	if !ok {
		return nil, pyobject.Source{}, checkpoint.Damaged("legacy torch file without its list of storages")
	}
	s := storages{r: r, blocks: make(map[string]*block, len(keys.Items))}
	if err := s.index(values[3], keys.Items, off, size); err != nil {
		return nil, pyobject.Source{}, err
	}
	return values[3], pyobject.Source{
		File: r, FileSize: size, Memory: &budget, Storage: s.resolve,
		LoadLegacy: func(r io.ReaderAt, size int64) (*pyobject.Storage, error) { return nested(r, size, depth+1, named) },
	}, nil
}

// module returns the class of ("module", class, file, source): torch.save kept the source text of the classes of modules,
// to warn of changes.
func module(id pickle.Value) pickle.Value {
	t, ok := id.(*pickle.Tuple)
	if !ok || len(t.Items) != 4 || t.Items[0] != pickle.Value("module") {
		return nil
	}
	if class, ok := t.Items[1].(pickle.Global); ok {
		return class
	}
	return nil
}

func littleEndian(info pickle.Value) bool {
	d, ok := info.(*pickle.Dict)
	if !ok {
		return false
	}
	for _, pair := range d.Items {
		if pair.Key == pickle.Value("little_endian") {
			return pair.Value == pickle.Value(true)
		}
	}
	return false
}

// block is where a storage lies: n elements of some type from off on.
type block struct {
	off, n int64
	dtype  checkpoint.DType
}

type storages struct {
	r      io.ReaderAt
	blocks map[string]*block
}

// reference is a storage's persistent id: ("storage", class, key, location, elements, view), where view is None or
// (view key, offset, elements).
type reference struct {
	dtype         checkpoint.DType
	key, location string
	n             int64
	view          bool
	viewOff       int64
	viewN         int64
}

func parseReference(id pickle.Value) (ref reference, err error) {
	t, ok := id.(*pickle.Tuple)
	if !ok || len(t.Items) != 6 && len(t.Items) != 5 || t.Items[0] != pickle.Value("storage") {
		return ref, checkpoint.Damaged("persistent id that names no storage")
	}
	class, ok1 := t.Items[1].(pickle.Global)
	var ok2, ok3, ok4 bool
	ref.key, ok2 = t.Items[2].(string)
	ref.location, ok3 = t.Items[3].(string)
	ref.n, ok4 = pickle.Int(t.Items[4])
	if !ok1 || !ok2 || !ok3 || !ok4 || ref.n < 0 || ref.n > checkpoint.MaxElements || len(ref.location) > pyobject.MaxDevice {
		return ref, checkpoint.Damaged("persistent id of a storage with parts of other types")
	}
	if ref.dtype, err = pyobject.StorageDType(class); err != nil || len(t.Items) == 5 {
		return ref, err
	}
	switch v := t.Items[5].(type) {
	case pickle.None:
	case *pickle.Tuple:
		if len(v.Items) != 3 {
			return ref, checkpoint.Damaged("storage view of %d parts", len(v.Items))
		}
		ref.view = true
		ref.viewOff, ok1 = pickle.Int(v.Items[1])
		ref.viewN, ok2 = pickle.Int(v.Items[2])
		if !ok1 || !ok2 || ref.viewOff < 0 || ref.viewN < 0 || ref.viewOff > ref.n || ref.viewN > ref.n-ref.viewOff {
			return ref, checkpoint.Damaged("storage view that leaves its storage")
		}
	default:
		return ref, checkpoint.Damaged("storage view of another type")
	}
	return ref, nil
}

// index finds every storage behind the pickles. The file does not say how wide their elements are; the persistent ids do.
func (s *storages) index(root pickle.Value, keys []pickle.Value, off, size int64) error {
	types := map[string]reference{}
	err := eachPersistent(root, func(p *pickle.Persistent) error {
		ref, err := parseReference(p.ID)
		if err != nil {
			return err
		}
		if known, ok := types[ref.key]; ok && known.dtype.Bits() != ref.dtype.Bits() {
			return checkpoint.Unsupported("storage %q referred to with two element sizes", checkpoint.Clip(ref.key, 40))
		}
		types[ref.key] = ref
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		key, ok := k.(string)
		if !ok {
			return checkpoint.Damaged("storage key that is no string")
		}
		ref, ok := types[key]
		if !ok {
			return checkpoint.Damaged("storage %q that nothing refers to", checkpoint.Clip(key, 40))
		}
		if _, twice := s.blocks[key]; twice {
			return checkpoint.Damaged("storage %q twice", checkpoint.Clip(key, 40))
		}
		var count [8]byte
		if err := checkpoint.ReadFull(s.r, count[:], off); err != nil {
			return err
		}
		n := int64(binary.LittleEndian.Uint64(count[:]))
		item := int64(ref.dtype.Bits() / 8)
		off += 8
		if n != ref.n {
			return checkpoint.Damaged("storage %q has %d elements, its tensor says %d", checkpoint.Clip(key, 40), n, ref.n)
		}
		if n < 0 || n > (size-off)/item {
			return checkpoint.Damaged("storage %q of %d elements passes the end of the file", checkpoint.Clip(key, 40), n)
		}
		s.blocks[key] = &block{off, n, ref.dtype}
		off += n * item
	}
	if off != size {
		return checkpoint.Unsupported("legacy torch file of more than one object: %d bytes follow the storages of the first", size-off)
	}
	return nil
}

func (s *storages) resolve(id pickle.Value) (*pyobject.Storage, error) {
	ref, err := parseReference(id)
	if err != nil {
		return nil, err
	}
	b, ok := s.blocks[ref.key]
	if !ok {
		return nil, checkpoint.Damaged("no data for storage %q", checkpoint.Clip(ref.key, 40))
	}
	item := int64(ref.dtype.Bits() / 8)
	off, n := b.off, b.n
	if ref.view {
		off, n = off+ref.viewOff*item, ref.viewN
	}
	return &pyobject.Storage{
		Key: ref.key, DType: ref.dtype, Data: checkpoint.Section(s.r, off, n*item), Size: n * item, Device: ref.location,
	}, nil
}

// class puts the class itself where a value is the persistent id of a module's class, which a legacy file saves together
// with its source text: ("module", class, file, text).
func class(v *pickle.Value) {
	p, ok := (*v).(*pickle.Persistent)
	if !ok {
		return
	}
	if t, ok := p.ID.(*pickle.Tuple); ok && len(t.Items) == 4 && t.Items[0] == pickle.Value("module") {
		if g, ok := t.Items[1].(pickle.Global); ok {
			*v = g
		}
	}
}

// eachPersistent visits every persistent id of a tree once, without recursion. References to classes are resolved first.
func eachPersistent(root pickle.Value, visit func(*pickle.Persistent) error) error {
	seen := map[pickle.Value]struct{}{}
	todo := []pickle.Value{root}
	add := func(values []pickle.Value) {
		for i := range values {
			class(&values[i])
		}
		todo = append(todo, values...)
	}
	for len(todo) > 0 {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch v.(type) {
		case *pickle.Persistent, *pickle.Tuple, *pickle.List, *pickle.Set, *pickle.Dict, *pickle.Object:
		default:
			continue
		}
		if _, ok := seen[v]; ok {
			continue
		}
		seen[v] = struct{}{}
		switch v := v.(type) {
		case *pickle.Persistent:
			if err := visit(v); err != nil {
				return err
			}
		case *pickle.Tuple:
			add(v.Items)
		case *pickle.List:
			add(v.Items)
		case *pickle.Set:
			add(v.Items)
		case *pickle.Dict:
			for i := range v.Items {
				class(&v.Items[i].Value)
				todo = append(todo, v.Items[i].Key, v.Items[i].Value)
			}
		case *pickle.Object:
			class(&v.Func)
			todo = append(todo, v.Func, v.Args, v.Kw, v.State)
			add(v.Items)
			for i := range v.Pairs {
				class(&v.Pairs[i].Value)
				todo = append(todo, v.Pairs[i].Key, v.Pairs[i].Value)
			}
		}
	}
	return nil
}
