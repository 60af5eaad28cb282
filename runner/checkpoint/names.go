package checkpoint

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// CheckNames returns an error unless every entry has a name of its own, as the content digest needs.
func CheckNames(entries []Entry) error {
	if repeated := RepeatedNames(entries); len(repeated) > 0 {
		return Unsupported("two values are both named %q", Clip(entries[repeated[1]].Name, 80))
	}
	return nil
}

// RepeatedNames returns the indices of the entries whose names others have too, in runs of those of one name.
func RepeatedNames(entries []Entry) []int {
	// Hashes of the names take a sixth of the memory of a set of them.
	type hashed struct {
		hash  uint64
		index int
	}
	seed := maphash.MakeSeed()
	names := make([]hashed, len(entries))
	for i := range entries {
		names[i] = hashed{maphash.String(seed, entries[i].Name), i}
	}
	slices.SortFunc(names, func(a, b hashed) int { return cmp.Compare(a.hash, b.hash) })
	var repeated []int
	for len(names) > 0 {
		n := 1
		for n < len(names) && names[n].hash == names[0].hash {
			n++
		}
		if same := names[:n]; n > 1 {
			slices.SortFunc(same, func(a, b hashed) int {
				return cmp.Or(cmp.Compare(entries[a.index].Name, entries[b.index].Name), cmp.Compare(a.index, b.index))
			})
			for i, x := range same {
				name := entries[x.index].Name
				if i > 0 && entries[same[i-1].index].Name == name || i+1 < n && entries[same[i+1].index].Name == name {
					repeated = append(repeated, x.index)
				}
			}
		}
		names = names[n:]
	}
	return repeated
}
