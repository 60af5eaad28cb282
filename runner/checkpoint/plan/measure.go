package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/checkpoint/component"
)

// Measure takes the sizes from a real checkpoint: a file, or a directory over whose files it is spread. What is stored
// beyond the tensors of the model, the optimizer and the averaged weights counts as other.
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
	s.Other = max(0, total-s.Full())
	return s, nil
}

// add counts the tensors of one file.
func (s *Size) add(f *checkpoint.File, anatomy *component.Anatomy) {
	stored := map[checkpoint.Block]bool{}
	for i := range f.Entries {
		t := f.Entries[i].Tensor()
		if t == nil {
			continue
		}
		var part *int64
		switch anatomy.Of[i] {
		case component.Model:
			part = &s.Model
		case component.EMA:
			part = &s.Averages
		case component.Optimizer:
			if part = &s.Optimizer; isMaster(&f.Entries[i]) {
				part = &s.Masters
			}
		default:
			continue
		}
		n := t.Size()
		if block, ok := t.Block(); ok {
			// Tensors that share a storage are stored once, and a view brings its whole storage along.
			if stored[block] {
				continue
			}
			stored[block] = true
			n = block.Size()
		}
		*part += n
	}
}

// isMaster knows the float32 copies of the weights that optimizers of mixed precision keep beside their state:
// single_partition_of_fp32_groups and fp32_flat_groups in DeepSpeed, fp32_groups_flat and fp32_from_fp16 in Apex,
// fp32_from_fp16_params in Megatron-LM.
func isMaster(e *checkpoint.Entry) bool {
	return e.Type == string(checkpoint.Float32) && slices.ContainsFunc(component.Path(e.Name), func(key string) bool {
		return strings.Contains(key, "fp32")
	})
}
