package checkpoint

import (
	"crypto/sha256"
	"slices"
)

// Leaf is an entry as a run record keeps it.
type Leaf struct {
	Name string
	Kind Kind
	// DType and Shape are set for tensors.
	DType string
	Shape []int64
	// Text is the value of a number or the beginning of a string; for other kinds a description.
	Text   string
	Digest string
}

// RootName and StructureName name leaves that have no name in the file.
const (
	// RootName is the file's only value, where that is no container.
	RootName = "(root)"
	// StructureName is all containers together: their names, types and numbers of members.
	StructureName = "(structure)"
)

// Leaves lists up to limit entries of f in the order of the file, with their digests, and counts those left out.
// Containers are summed up in one leaf at the end.
func Leaves(f *File, d *Digests, limit int) (leaves []Leaf, more int64) {
	var containers []string
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.Structure {
			containers = append(containers, e.Name+"\x00"+d.Entries[i].String())
			continue
		}
		if len(leaves) >= limit {
			more++
			continue
		}
		leaf := Leaf{Name: e.Name, Kind: e.Kind, Text: e.Text, Digest: d.Entries[i].String()}
		if leaf.Name == "" {
			leaf.Name = RootName
		}
		if t := e.Tensor(); t != nil {
			leaf.DType, leaf.Shape = string(t.DType), t.Shape
		}
		leaves = append(leaves, leaf)
	}
	if len(containers) > 0 {
		slices.Sort(containers) // the order of keys is no content
		structure := sha256.New()
		for _, c := range containers {
			field(structure, c)
		}
		leaves = append(leaves, Leaf{Name: StructureName, Kind: KindObject, Digest: Sum(structure.Sum(nil)).String()})
	}
	return leaves, more
}
