package compare

import (
	"math"
	"slices"

	"github.com/reprocheck/reprocheck/runner/record"
)

// Summarise compares each metric over all runs with the first run, and lists what was masked. Runs that were stopped early by
// reprocheck itself should be left out by the caller.
func Summarise(runs []*record.Run, o Options) (metrics []record.MetricSummary, masked []string) {
	names := maskedSet{}
	if len(runs) == 0 {
		return nil, nil
	}
	diffs := make([]map[seriesKey]MetricDiff, len(runs))
	var order []seriesKey
	seen := map[seriesKey]bool{}
	for i, run := range runs {
		diffs[i] = map[seriesKey]MetricDiff{}
		for _, d := range diffMetrics(runs[0].Metrics, run.Metrics, o, names) {
			k := seriesKey{maskedOrigin(d.Origin), d.Name}
			diffs[i][k] = d
			if !seen[k] {
				seen[k] = true
				order = append(order, k)
			}
		}
	}
	for _, k := range order {
		metrics = append(metrics, summarise(k, runs, diffs))
	}
	return metrics, names.list()
}

func summarise(k seriesKey, runs []*record.Run, diffs []map[seriesKey]MetricDiff) record.MetricSummary {
	s := record.MetricSummary{Name: k.name, Class: string(Equal), Equal: true}
	var finals []float64
	for i, run := range runs {
		if v, ok := final(run, k); ok {
			finals = append(finals, v)
			s.Finals = append(s.Finals, record.Float(v))
		}
		d, ok := diffs[i][k]
		if !ok {
			continue
		}
		s.MaxAbs = max(s.MaxAbs, record.Float(d.MaxAbs))
		s.MaxRel = max(s.MaxRel, record.Float(d.MaxRel))
		if d.Class == Equal {
			continue
		}
		s.Equal = false
		if s.FirstStep == nil || d.Step < *s.FirstStep {
			s.FirstStep = new(d.Step)
		}
		if s.Class == string(Equal) || s.Class == string(Within) && d.Class != Within {
			s.Class = string(d.Class)
		}
	}
	s.Mean = record.Float(mean(finals))
	s.StdDev = record.Float(sampleStdDev(finals))
	s.Spread = record.Float(spread(finals))
	return s
}

// final is the last value of a metric in a run.
func final(run *record.Run, k seriesKey) (float64, bool) {
	for i := range run.Metrics {
		m := &run.Metrics[i]
		if m.Volatile == "" && keyOf(m) == k && len(m.Points) > 0 {
			return float64(m.Points[len(m.Points)-1].Value), true
		}
	}
	return 0, false
}

// spread is the largest minus the smallest value, NaN where one is not a number, and 0 for equal infinities.
func spread(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	lo, hi := slices.Min(values), slices.Max(values)
	if lo == hi {
		return 0
	}
	return hi - lo
}
