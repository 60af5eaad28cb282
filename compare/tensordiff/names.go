package tensordiff

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sort"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// places returns 0 to n-1. Lists of values hold their places in a file, of which there may be a hundred thousand.
func places(n int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = int32(i)
	}
	return list
}

// marks tells some values of a file from the others.
type marks []bool

func (m marks) count() int {
	n := 0
	for _, marked := range m {
		if marked {
			n++
		}
	}
	return n
}

// index finds the values of a file by their names.
type index struct {
	entries []checkpoint.Entry
	sorted  []int32
}

func indexOf(f *checkpoint.File) index {
	x := index{f.Entries, places(len(f.Entries))}
	slices.SortFunc(x.sorted, func(i, j int32) int { return cmp.Compare(f.Entries[i].Name, f.Entries[j].Name) })
	return x
}

// find returns the value of a name, nil where there is none.
func (x index) find(name string) *checkpoint.Entry {
	n, ok := sort.Find(len(x.sorted), func(n int) int { return cmp.Compare(name, x.entries[x.sorted[n]].Name) })
	if !ok {
		return nil
	}
	return &x.entries[x.sorted[n]]
}

// namesakes returns for each entry of a the place of the entry of b that has its name, -1 where there is none.
func namesakes(a, b *checkpoint.File) []int32 {
	if sameOrder(a, b) {
		return places(len(a.Entries))
	}
	of := make([]int32, len(a.Entries))
	inB := indexOf(b).sorted
	for _, i := range indexOf(a).sorted {
		name := a.Entries[i].Name
		for len(inB) > 0 && b.Entries[inB[0]].Name < name {
			inB = inB[1:]
		}
		of[i] = -1
		if len(inB) > 0 && b.Entries[inB[0]].Name == name {
			of[i] = inB[0]
		}
	}
	return of
}

// keys are those of a list of values, by which others find them, as hashes: texts made for it would take several times the
// memory.
type keys struct {
	of     func(int32) string
	hashes []hashed
}

type hashed struct {
	hash uint64
	at   int32
}

func compareHashed(x, y hashed) int {
	return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.at, y.at))
}

var seed = maphash.MakeSeed()

func keysOf(list []int32, of func(int32) string) keys {
	k := keys{of, make([]hashed, len(list))}
	for n, i := range list {
		k.hashes[n] = hashed{maphash.String(seed, of(i)), i}
	}
	slices.SortFunc(k.hashes, compareHashed)
	return k
}

// find returns the values that have a key.
func (k keys) find(key string) (found []int32) {
	hash := maphash.String(seed, key)
	n, _ := slices.BinarySearchFunc(k.hashes, hash, func(x hashed, hash uint64) int { return cmp.Compare(x.hash, hash) })
	for ; n < len(k.hashes) && k.hashes[n].hash == hash; n++ {
		if i := k.hashes[n].at; k.of(i) == key {
			found = append(found, i)
		}
	}
	return found
}

// only returns the value that alone has a key, false where none or several have it.
func (k keys) only(key string) (int32, bool) {
	found := k.find(key)
	if len(found) != 1 {
		return 0, false
	}
	return found[0], true
}
