package compare

import (
	"maps"
	"math"
	"path"
	"slices"

	"github.com/reprocheck/reprocheck/runner/record"
)

// Close reports whether |actual-expected| <= atol + rtol*|expected|, the formula of torch.testing.assert_close and
// numpy.testing.assert_allclose. It is not symmetric. Equal infinities are close, two NaNs are, and nothing else that is not finite.
func Close(expected, actual float64, t record.Tolerance) bool {
	if expected == actual {
		return true
	}
	if math.IsNaN(expected) || math.IsNaN(actual) {
		return math.IsNaN(expected) && math.IsNaN(actual)
	}
	if math.IsInf(expected, 0) || math.IsInf(actual, 0) {
		return false
	}
	return math.Abs(actual-expected) <= t.ATol+t.RTol*math.Abs(expected)
}

// DTypeTolerance is the default tolerance of torch.testing.assert_close for a type, by its name ("float32", "bfloat16"): zero, which
// is exact, for integers, booleans and every type that it does not know. (torch/testing/_comparison.py, _DTYPE_PRECISIONS.)
func DTypeTolerance(dtype string) record.Tolerance {
	switch dtype {
	case "float16", "complex32":
		return record.Tolerance{RTol: 1e-3, ATol: 1e-5}
	case "bfloat16":
		return record.Tolerance{RTol: 1.6e-2, ATol: 1e-5}
	case "float32", "complex64":
		return record.Tolerance{RTol: 1.3e-6, ATol: 1e-5}
	case "float64", "complex128":
		return record.Tolerance{RTol: 1e-7, ATol: 1e-7}
	}
	return record.Tolerance{}
}

// forMetric is the tolerance of a metric: the one given for its name, else that of the longest pattern that matches it, else the
// general one.
func (o Options) forMetric(name string) record.Tolerance {
	if t, ok := o.named(name); ok {
		return t
	}
	return record.Tolerance{RTol: o.RTol, ATol: o.ATol}
}

// forTensor is like forMetric for a tensor; with DTypes its type decides in place of the general tolerance.
func (o Options) forTensor(name, dtype string) record.Tolerance {
	if t, ok := o.named(name); ok {
		return t
	}
	if o.DTypes {
		return DTypeTolerance(dtype)
	}
	return record.Tolerance{RTol: o.RTol, ATol: o.ATol}
}

func (o Options) named(name string) (t record.Tolerance, ok bool) {
	if t, ok := o.Tolerances[name]; ok {
		return t, true
	}
	best := ""
	for pattern := range o.Tolerances {
		if matched, _ := path.Match(pattern, name); matched && (len(pattern) > len(best) || len(pattern) == len(best) && pattern < best) {
			best, ok = pattern, true
		}
	}
	return o.Tolerances[best], ok
}

// Unused returns the names and patterns of Tolerances, in order, that no metric and no value saved by any of the runs goes by. It is
// empty where a run's record does not keep the names of all values.
func (o Options) Unused(runs ...*record.Run) []string {
	unused := slices.Sorted(maps.Keys(o.Tolerances))
	seen := func(name string) {
		unused = slices.DeleteFunc(unused, func(pattern string) bool {
			matched, _ := path.Match(pattern, name)
			return matched || pattern == name
		})
	}
	for _, run := range runs {
		for _, m := range run.Metrics {
			seen(m.Name)
		}
		for _, a := range run.Artifacts {
			if a.More > 0 {
				return nil
			}
			for _, l := range a.Leaves {
				seen(l.Name)
			}
		}
	}
	return unused
}
