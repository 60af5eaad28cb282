package compare

import (
	"math"
	"path"
	"sort"

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

// forMetric is the tolerance of a metric: the one given for its name, else that of the longest pattern that matches it, else the general.
func (o Options) forMetric(name string) record.Tolerance {
	if t, ok := o.Tolerances[name]; ok {
		return t
	}
	patterns := make([]string, 0, len(o.Tolerances))
	for p := range o.Tolerances {
		patterns = append(patterns, p)
	}
	sort.Slice(patterns, func(i, j int) bool {
		if len(patterns[i]) != len(patterns[j]) {
			return len(patterns[i]) > len(patterns[j])
		}
		return patterns[i] < patterns[j]
	})
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return o.Tolerances[p]
		}
	}
	return record.Tolerance{RTol: o.RTol, ATol: o.ATol}
}
