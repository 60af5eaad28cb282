package tensordiff

import (
	"context"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
	"github.com/reprocheck/reprocheck/runner/checkpoint/all"
	"github.com/reprocheck/reprocheck/runner/record"
)

// Kept reports whether a tensor of two artifacts is equal within a tolerance, by the copies of them that were kept. A tensor
// that cannot be read is not close to anything.
func Kept(ctx context.Context, expected, actual *record.Artifact, name string, t Tolerance) bool {
	if expected.Kept == "" || actual.Kept == "" {
		return false
	}
	a, err := all.Open(ctx, expected.Kept)
	if err != nil {
		return false
	}
	defer a.Close()
	b, err := all.Open(ctx, actual.Kept)
	if err != nil {
		return false
	}
	defer b.Close()
	x, y := tensorOf(a, name), tensorOf(b, name)
	if x == nil || y == nil || x.DType != y.DType || !slices.Equal(x.Shape, y.Shape) {
		return false
	}
	stats, err := Tensors(ctx, []Pair{{A: x, B: y, Tolerance: t}})
	return err == nil && stats[0].Beyond == 0
}

func tensorOf(f *checkpoint.File, name string) *checkpoint.Tensor {
	i := slices.IndexFunc(f.Entries, func(e checkpoint.Entry) bool { return e.Name == name })
	if i < 0 {
		return nil
	}
	return f.Entries[i].Tensor()
}
