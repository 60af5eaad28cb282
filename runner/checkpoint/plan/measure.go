package plan

import (
	"fmt"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// Measure takes the sizes from a real checkpoint of size bytes. What the file stores beyond the tensors of the model
// and the optimizer counts as other.
func Measure(f *checkpoint.File, path string, size int64) (Size, error) {
	anatomy := component.Classify(f)
	s := Size{Source: path}
	stored := map[string]bool{}
	for i := range f.Entries {
		t := f.Entries[i].Tensor()
		if t == nil || anatomy.Of[i] != component.Model && anatomy.Of[i] != component.Optimizer {
			continue
		}
		n := t.Size()
		if t.Storage != "" {
			// Tensors that share a storage are stored once, and a view brings its whole storage along.
			if stored[t.Storage] {
				continue
			}
			stored[t.Storage] = true
			n = t.StorageSize
		}
		if anatomy.Of[i] == component.Model {
			s.Model += n
		} else {
			s.Optimizer += n
		}
	}
	if s.Model == 0 {
		return Size{}, fmt.Errorf("%s: no model weights were recognised in it", path)
	}
	s.Other = max(0, size-s.Model-s.Optimizer)
	return s, nil
}
