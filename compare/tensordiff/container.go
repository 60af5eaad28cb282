package tensordiff

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// structure lists the containers that differ in type, and those of one side whose type is not told by their members.
func structure(a, b *checkpoint.File) []string {
	key := func(name string) string { return name }
	kept := func(*checkpoint.Entry) bool { return true }
	if distributed(a) != distributed(b) {
		key = bareName
		kept = func(e *checkpoint.Entry) bool { return e.Text != "0" } // torch.distributed.checkpoint keeps no empty containers
	}
	types := func(f *checkpoint.File) map[string]string {
		m := map[string]string{}
		for i := range f.Entries {
			if e := &f.Entries[i]; e.Structure {
				m[key(e.Name)] = e.Type
			}
		}
		return m
	}
	out := []string{}
	typeA, typeB := types(a), types(b)
	only := func(f *checkpoint.File, there map[string]string, side string) {
		absent := map[string]bool{} // what lies within these is absent with them
		for i := range f.Entries {
			e := &f.Entries[i]
			if !e.Structure {
				continue
			}
			if other, ok := there[key(e.Name)]; !ok {
				absent[e.Name] = true
				if kept(e) && !within(e.Name, absent) {
					out = append(out, fmt.Sprintf("%s, a %s, is in the %s file only", display(e.Name), e.Type, side))
				}
			} else if other != e.Type && side == "first" {
				out = append(out, fmt.Sprintf("%s is a %s in the first file and a %s in the second", display(e.Name), e.Type, other))
			}
		}
	}
	only(a, typeB, "first")
	only(b, typeA, "second")
	return out
}

// deepest bounds the keys that are dropped from a name to find what it is within. Hostile names have thousands.
const deepest = 64

// within reports whether a name begins with one of some others.
func within(name string, some map[string]bool) bool {
	end := len(name)
	for range deepest {
		end = strings.LastIndexAny(name[:end], ".[")
		if end < 0 {
			return false
		}
		if some[name[:end]] {
			return true
		}
	}
	return false
}

// distributed reports whether a file is of torch.distributed.checkpoint, which writes keys that are numbers as texts.
func distributed(f *checkpoint.File) bool { return f.Format == "torch-dcp" }

func display(name string) string {
	if name == "" {
		return checkpoint.RootName
	}
	return checkpoint.Display(name, 200)
}

// container says in what the files differ that is no content: why equal values may lie in unequal bytes. of holds the
// namesakes of the entries of a.
func container(a, b *checkpoint.File, of []int32) []string {
	out := []string{}
	if a.Format != b.Format {
		out = append(out, fmt.Sprintf("format: %s and %s", a.Format, b.Format))
	}
	out = append(out, factsThatDiffer(a, b, func(key string) bool { return !strings.HasPrefix(key, classKey) && key != serialization })...)
	if !slices.Equal(sharedKeys(a, b), sharedKeys(b, a)) {
		out = append(out, "order of the metadata")
	}
	if !sameOrder(a, b) && len(a.Entries) == len(b.Entries) && !slices.Contains(of, -1) {
		out = append(out, "order of the values")
	}
	out = append(out, tensorFacts(a, b, of)...)
	back := make([]int32, len(b.Entries))
	for j := range back {
		back[j] = -1
	}
	for i, j := range of {
		if j >= 0 {
			back[j] = int32(i)
		}
	}
	return append(append(out, ties(a, b, of, "first", "second")...), ties(b, a, back, "second", "first")...)
}

const (
	// classKey begins the keys of facts that count the objects of a class. Where contents differ, so may these.
	classKey = "class "
	// serialization is PyTorch's digest of a file's records, which follows from what else differs.
	serialization = ".data/serialization_id"
)

// classesThatDiffer lists the classes of which one file has more objects.
func classesThatDiffer(a, b *checkpoint.File) []string {
	return factsThatDiffer(a, b, func(key string) bool { return strings.HasPrefix(key, classKey) })
}

// factsThatDiffer lists the facts of some keys that differ, and in files of one format those of one file alone.
func factsThatDiffer(a, b *checkpoint.File, some func(key string) bool) (out []string) {
	factsA, factsB := facts(a), facts(b)
	for _, f := range a.Facts {
		if other, ok := factsB[f.Key]; some(f.Key) && ok && other != f.Value {
			out = append(out, fmt.Sprintf("%s: %s and %s", f.Key, checkpoint.Clip(f.Value, 60), checkpoint.Clip(other, 60)))
		} else if some(f.Key) && !ok && a.Format == b.Format {
			out = append(out, fmt.Sprintf("%s: only in the first file", f.Key))
		}
	}
	for _, f := range b.Facts {
		if _, ok := factsA[f.Key]; some(f.Key) && !ok && a.Format == b.Format {
			out = append(out, fmt.Sprintf("%s: only in the second file", f.Key))
		}
	}
	return out
}

// sharedKeys are the keys of facts of the first file that the other has too. Classes are sorted by name.
func sharedKeys(f, other *checkpoint.File) (keys []string) {
	there := facts(other)
	for _, fact := range f.Facts {
		if _, ok := there[fact.Key]; ok {
			keys = append(keys, fact.Key)
		}
	}
	return keys
}

// ties lists tensors that share their memory in one file and not in the other, such as an embedding and the last layer of a
// language model. of holds the namesakes of the entries of here.
func ties(here, there *checkpoint.File, of []int32, side, other string) []string {
	const most = 3
	if !keepsStorages(here) || !keepsStorages(there) {
		return nil
	}
	block := func(i int32) checkpoint.Block { b, _ := blockOf(&here.Entries[i]); return b }
	blockThere := func(i int32) checkpoint.Block { b, _ := blockOf(&there.Entries[of[i]]); return b }
	var list []hashed // what is a view of a block in both files, by its block in this one
	for i, j := range of {
		if j < 0 {
			continue
		}
		b, ok := blockOf(&here.Entries[i])
		if _, okThere := blockOf(&there.Entries[j]); ok && okThere {
			list = append(list, hashed{maphash.Comparable(seed, b), int32(i)})
		}
	}
	slices.SortFunc(list, compareHashed)
	first := make(map[int32]int32) // the first tensor of the block, by those after it that are apart from it there
	for n, begin := 1, 0; n < len(list); n++ {
		if x, y := list[begin].at, list[n].at; block(x) != block(y) {
			begin = n
		} else if blockThere(x) != blockThere(y) {
			first[y] = x
		}
	}
	var out []string
	for n, i := range slices.Sorted(maps.Keys(first)) {
		if n == most {
			return append(out, "and more that share their memory in the "+side+" file alone")
		}
		out = append(out, fmt.Sprintf("%s and %s share their memory in the %s file, and not in the %s",
			display(here.Entries[first[i]].Name), display(here.Entries[i].Name), side, other))
	}
	return out
}

// blockOf returns the block that a tensor is a view of.
func blockOf(e *checkpoint.Entry) (checkpoint.Block, bool) {
	t := e.Tensor()
	if t == nil {
		return checkpoint.Block{}, false
	}
	return t.Block()
}

func keepsStorages(f *checkpoint.File) bool {
	return slices.ContainsFunc(f.Entries, func(e checkpoint.Entry) bool {
		return e.From != nil
	})
}

func facts(f *checkpoint.File) map[string]string {
	m := map[string]string{}
	for _, fact := range f.Facts {
		m[fact.Key] = fact.Value
	}
	return m
}

func sameOrder(a, b *checkpoint.File) bool {
	return slices.EqualFunc(a.Entries, b.Entries, func(x, y checkpoint.Entry) bool { return x.Name == y.Name })
}

// tensorFacts compares what is kept beside a tensor's values: devices, gradient flags, unused parts of storages; and how
// they lie in the file.
func tensorFacts(a, b *checkpoint.File, of []int32) []string {
	var devices, gradients, storages, rearranged int
	var example [2]string
	for i, j := range of {
		if j < 0 {
			continue
		}
		t, o := a.Entries[i].Tensor(), b.Entries[j].Tensor()
		if t == nil || o == nil {
			continue
		}
		if checkpoint.IsRearranged(t.Data) != checkpoint.IsRearranged(o.Data) {
			rearranged++
		}
		x, y := t.Origin(), o.Origin()
		if x.Device != y.Device && x.Device != "" && y.Device != "" {
			if devices == 0 {
				example = [2]string{x.Device, y.Device}
			}
			devices++
		}
		if x.RequiresGrad != y.RequiresGrad {
			gradients++
		}
		blockX, okX := t.Block()
		blockY, okY := o.Block()
		if okX && okY && blockX.Size()-t.Size() != blockY.Size()-o.Size() {
			storages++
		}
	}
	var out []string
	if devices > 0 {
		out = append(out, fmt.Sprintf("device of %s, such as %s and %s", count(devices, "tensor"), checkpoint.Clip(example[0], 20), checkpoint.Clip(example[1], 20)))
	}
	if gradients > 0 {
		out = append(out, "requires_grad of "+count(gradients, "tensor"))
	}
	if storages > 0 {
		out = append(out, fmt.Sprintf("stored bytes outside %s, as when a view is saved with the whole it is a view of", count(storages, "tensor")))
	}
	if rearranged > 0 {
		out = append(out, fmt.Sprintf("memory or byte order of %s: transposed or big-endian in one of the files", count(rearranged, "tensor")))
	}
	return out
}
