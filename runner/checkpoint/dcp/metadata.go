package dcp

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pickle"
	"github.com/reprocheck/reprocheck/runner/checkpoint/pyobject"
)

// metadata is torch.distributed.checkpoint.metadata.Metadata.
type metadata struct {
	values []value
	parts  []placed // by their names and offsets
	paths  map[string][]pickle.Value
	facts  []checkpoint.Fact
}

type value struct {
	name   string
	as     string      // the name among the members of containers
	tensor *tensorInfo // nil for pickled objects
}

type tensorInfo struct {
	size   []int64
	chunks []chunk
}

type chunk struct{ offsets, sizes []int64 }

// index is the part of a value that has an offset, as a text.
type index struct{ name, offset string }

// part is where a chunk, or an object, lies.
type part struct {
	path        string
	off, length int64
}

type placed struct {
	index
	part
}

// noOffset stands for the offset of an object, which is in one part.
const noOffset = ""

// partsOf returns those of one value, in the order of their offsets.
func (md *metadata) partsOf(name string) []placed {
	first, _ := slices.BinarySearchFunc(md.parts, name, func(p placed, name string) int { return cmp.Compare(p.name, name) })
	n := first
	for n < len(md.parts) && md.parts[n].name == name {
		n++
	}
	return md.parts[first:n]
}

// parser reads metadata, whose objects take several kilobytes for each tensor: what they say takes their place while the
// pickle is read.
type parser struct{ shapes checkpoint.Shapes }

// built is for pickle.Options. What is wrong with an object is told later, with the name that it belongs to.
func (x parser) built(o *pickle.Object) (pickle.Value, int64) {
	const header = 48 // of each of the values below, and at most of what they hold
	switch g, _ := o.Global(); g.Name {
	case "ChunkStorageMetadata":
		if c, err := x.chunk(o); err == nil {
			return c, header + 8*int64(len(c.offsets)+len(c.sizes))
		}
	case "TensorStorageMetadata":
		if t, err := x.tensor(o); err == nil {
			dims := int64(len(t.size))
			return t, header + 8*dims + int64(len(t.chunks))*(header+16*dims)
		}
	case "MetadataIndex":
		if i, err := x.index(o); err == nil {
			return i, 2*header + int64(len(i.offset))
		}
	case "_StorageInfo":
		if p, err := x.part(o); err == nil {
			return p, header
		}
	}
	return nil, 0
}

// fields returns the attributes of an instance of a class.
func fields(v pickle.Value, class string) (map[string]pickle.Value, error) {
	o, ok := v.(*pickle.Object)
	if !ok {
		return nil, checkpoint.Damaged("metadata without a %s", class)
	}
	g, _ := o.Global()
	d, isDict := o.State.(*pickle.Dict)
	if g.Name != class || !isDict {
		return nil, checkpoint.Damaged("metadata with %s instead of %s", checkpoint.Clip(g.String(), 80), class)
	}
	m := make(map[string]pickle.Value, len(d.Items))
	for _, pair := range d.Items {
		key, ok := pair.Key.(string)
		if _, twice := m[key]; !ok || twice {
			return nil, checkpoint.Damaged("metadata with an attribute of %s twice, or without a name", class)
		}
		m[key] = pair.Value
	}
	return m, nil
}

func (x parser) metadata(root pickle.Value) (*metadata, error) {
	top, err := fields(root, "Metadata")
	if err != nil {
		return nil, err
	}
	values, ok1 := top["state_dict_metadata"].(*pickle.Dict)
	stored, ok2 := top["storage_data"].(*pickle.Dict)
	if !ok1 || !ok2 {
		return nil, checkpoint.Damaged("metadata without state_dict_metadata or storage_data")
	}
	md := &metadata{values: make([]value, 0, len(values.Items)), parts: make([]placed, 0, len(stored.Items))}
	count := 0
	for _, pair := range values.Items {
		name, ok := pair.Key.(string)
		if !ok {
			return nil, checkpoint.Damaged("metadata with a name that is no string")
		}
		v := value{name: name}
		if o, ok := pair.Value.(*pickle.Object); ok {
			if g, _ := o.Global(); g.Name == "BytesStorageMetadata" {
				count++
				md.values = append(md.values, v)
				continue
			}
		}
		if v.tensor, err = x.tensor(pair.Value); err != nil {
			return nil, fmt.Errorf("%q: %w", checkpoint.Clip(name, 80), err)
		}
		if count += len(v.tensor.chunks); count > maxParts {
			return nil, checkpoint.Limit("more than %d parts of tensors", maxParts)
		}
		md.values = append(md.values, v)
	}
	if count > maxParts {
		return nil, checkpoint.Limit("more than %d objects", maxParts)
	}
	md.addPaths(top["planner_data"])
	for _, pair := range stored.Items {
		i, err := x.index(pair.Key)
		if err != nil {
			return nil, err
		}
		p, err := x.part(pair.Value)
		if err != nil {
			return nil, err
		}
		md.parts = append(md.parts, placed{*i, *p})
	}
	if err := md.sort(); err != nil {
		return nil, err
	}
	md.facts = append(saved(top["storage_meta"]), checkpoint.Fact{Key: "data files", Value: strconv.Itoa(md.files())})
	return md, nil
}

// saved tells what PyTorch 2.3 and newer say of one time of saving: its random identifier and the directory.
func saved(meta pickle.Value) (facts []checkpoint.Fact) {
	m, err := fields(meta, "StorageMeta")
	if err != nil {
		return nil
	}
	for _, fact := range []struct{ key, as string }{{"save_id", "save_id (random)"}, {"checkpoint_id", "saved as"}} {
		text, ok := m[fact.key].(string)
		if path, isPath := m[fact.key].(*pickle.Object); isPath {
			text, ok = joined(path)
		}
		if ok {
			facts = append(facts, checkpoint.Fact{Key: fact.as, Value: checkpoint.Clip(text, 200)})
		}
	}
	return facts
}

// joined writes an instance of pathlib.PosixPath.
func joined(path *pickle.Object) (string, bool) {
	args, ok := path.Args.(*pickle.Tuple)
	if !ok {
		return "", false
	}
	var parts []string
	for _, x := range args.Items {
		text, ok := x.(string)
		if !ok {
			return "", false
		}
		parts = append(parts, text)
	}
	return filepath.Join(parts...), true
}

// files counts those in which parts lie.
func (md *metadata) files() int {
	names := map[string]bool{}
	for _, p := range md.parts {
		names[p.path] = true
	}
	return len(names)
}

func (x parser) tensor(v pickle.Value) (*tensorInfo, error) {
	if t, ok := v.(*tensorInfo); ok {
		return t, nil
	}
	m, err := fields(v, "TensorStorageMetadata")
	if err != nil {
		return nil, err
	}
	t := &tensorInfo{}
	if t.size, err = x.integers(m["size"]); err != nil {
		return nil, checkpoint.Damaged("tensor without a size")
	}
	list, ok := m["chunks"].(*pickle.List)
	if !ok {
		return nil, checkpoint.Damaged("tensor without parts")
	}
	t.chunks = make([]chunk, len(list.Items))
	for i, item := range list.Items {
		c, err := x.chunk(item)
		if err != nil {
			return nil, err
		}
		if len(c.offsets) != len(t.size) || len(c.sizes) != len(t.size) {
			return nil, checkpoint.Damaged("part of a tensor without offsets or sizes")
		}
		t.chunks[i] = *c
	}
	return t, nil
}

func (x parser) chunk(v pickle.Value) (*chunk, error) {
	if c, ok := v.(*chunk); ok {
		return c, nil
	}
	m, err := fields(v, "ChunkStorageMetadata")
	if err != nil {
		return nil, err
	}
	offsets, err1 := x.integers(m["offsets"])
	sizes, err2 := x.integers(m["sizes"])
	if err1 != nil || err2 != nil {
		return nil, checkpoint.Damaged("part of a tensor without offsets or sizes")
	}
	return &chunk{offsets, sizes}, nil
}

func (x parser) integers(v pickle.Value) ([]int64, error) {
	list, ok := pyobject.Integers(v)
	if !ok {
		return nil, checkpoint.Damaged("metadata with something else than a tuple of integers")
	}
	return x.shapes.Shared(list), nil
}

func (x parser) index(v pickle.Value) (*index, error) {
	if i, ok := v.(*index); ok {
		return i, nil
	}
	m, err := fields(v, "MetadataIndex")
	if err != nil {
		return nil, err
	}
	i := &index{offset: noOffset}
	var ok bool
	if i.name, ok = m["fqn"].(string); !ok {
		return nil, checkpoint.Damaged("metadata of a part without a name")
	}
	if o, ok := m["offset"]; ok {
		if _, none := o.(pickle.None); !none {
			at, err := x.integers(o)
			if err != nil {
				return nil, checkpoint.Damaged("metadata of a part with an offset of another type")
			}
			i.offset = checkpoint.ShapeText(at)
		}
	}
	return i, nil
}

func (x parser) part(v pickle.Value) (*part, error) {
	if p, ok := v.(*part); ok {
		return p, nil
	}
	m, err := fields(v, "_StorageInfo")
	if err != nil {
		return nil, err
	}
	p := &part{}
	var ok1, ok2, ok3 bool
	p.path, ok1 = m["relative_path"].(string)
	p.off, ok2 = pickle.Int(m["offset"])
	p.length, ok3 = pickle.Int(m["length"])
	if !ok1 || !ok2 || !ok3 {
		return nil, checkpoint.Damaged("metadata of a part without file or place")
	}
	if t, ok := m["transform_descriptors"]; ok {
		_, none := t.(pickle.None)
		if items, isList := t.(*pickle.List); !none && (!isList || len(items.Items) > 0) {
			return nil, checkpoint.Unsupported("compressed parts")
		}
	}
	return p, nil
}

// sort requires every part to have a place in the metadata and bytes of its own, as PyTorch writes them.
func (md *metadata) sort() error {
	for _, p := range md.parts {
		if p.off < 0 || p.length < 0 || p.length > math.MaxInt64-p.off {
			return checkpoint.Damaged("part of %d bytes at %d", p.length, p.off)
		}
	}
	slices.SortFunc(md.parts, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.off, b.off), cmp.Compare(a.length, b.length))
	})
	for i := 1; i < len(md.parts); i++ {
		if a, b := md.parts[i-1], md.parts[i]; a.path == b.path && a.off+a.length > b.off {
			return checkpoint.Damaged("two parts overlap at %d of %q", b.off, checkpoint.Clip(b.path, 80))
		}
	}
	slices.SortFunc(md.parts, func(a, b placed) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.offset, b.offset)) })
	for i := 1; i < len(md.parts); i++ {
		if a := md.parts[i]; a.index == md.parts[i-1].index {
			return checkpoint.Damaged("metadata places the part of %q at %s twice", checkpoint.Clip(a.name, 80), a.offset)
		}
	}
	return nil
}
