package inspect

import (
	"cmp"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// run is a part of a block that a tensor shows whole.
type run struct{ from, to int64 }

// use is how many tensors are views of a block, and how many of its bytes are shown otherwise than in runs.
type use struct {
	tensors int
	shown   int64
}

// stored returns the bytes that the file stores for its tensors, and how many of them, at least, are in no tensor: what views with
// gaps show counts as if nothing else showed it.
func stored(f *checkpoint.File) (stored, dead int64) {
	uses := map[checkpoint.Block]use{}
	for i := range f.Entries {
		if t := f.Entries[i].Tensor(); t != nil {
			if block, ok := t.Block(); ok {
				u := uses[block]
				u.tensors++
				uses[block] = u
			} else {
				stored += t.Size()
			}
		}
	}
	runs := map[checkpoint.Block][]run{} // where there are several tensors
	for i := range f.Entries {
		t := f.Entries[i].Tensor()
		if t == nil {
			continue
		}
		block, ok := t.Block()
		if !ok {
			continue
		}
		u := uses[block]
		if from, to := t.Extent(); u.tensors > 1 && to-from <= t.Size() {
			runs[block] = append(runs[block], run{from, to})
		} else {
			u.shown += min(t.Size(), to-from)
			uses[block] = u
		}
	}
	for block, u := range uses {
		stored += block.Size()
		dead += max(0, block.Size()-u.shown-union(runs[block]))
	}
	return stored, dead
}

// union is how many bytes lie in any of the runs.
func union(runs []run) (n int64) {
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.from, b.from) })
	end := int64(0)
	for _, r := range runs {
		n += max(0, r.to-max(r.from, end))
		end = max(end, r.to)
	}
	return n
}
