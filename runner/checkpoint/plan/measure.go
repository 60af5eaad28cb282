package plan

import (
	"context"
	"fmt"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// Measure takes the sizes from a real checkpoint: a file, or a directory over whose files it is spread. What is stored
// beyond the tensors of the model and the optimizer counts as other.
func Measure(ctx context.Context, path string) (Size, error) {
	s := Size{Source: path}
	var several component.Units
	err := all.Each(ctx, path, func(item all.Item, f *checkpoint.File, err error) error {
		if err == nil {
			anatomy := component.Classify(f)
			several.Add(item.Name, f, anatomy)
			s.add(f, anatomy)
		}
		return err
	})
	if err != nil {
		return Size{}, err
	}
	if err := several.One(path); err != nil {
		return Size{}, err
	}
	if s.Model == 0 {
		return Size{}, fmt.Errorf("%s: no model weights were recognised in it", path)
	}
	total, err := all.Size(path)
	if err != nil {
		return Size{}, err
	}
	s.Other = max(0, total-s.Model-s.Optimizer)
	return s, nil
}

// add counts the tensors of one file.
func (s *Size) add(f *checkpoint.File, anatomy *component.Anatomy) {
	stored := map[string]bool{}
	for i := range f.Entries {
		t := f.Entries[i].Tensor()
		if t == nil || anatomy.Of[i] != component.Model && anatomy.Of[i] != component.Optimizer {
			continue
		}
		n := t.Size()
		if from := t.Origin(); from.Storage != "" {
			// Tensors that share a storage are stored once, and a view brings its whole storage along.
			if stored[from.Storage] {
				continue
			}
			stored[from.Storage] = true
			n = from.StorageSize
		}
		if anatomy.Of[i] == component.Model {
			s.Model += n
		} else {
			s.Optimizer += n
		}
	}
}
