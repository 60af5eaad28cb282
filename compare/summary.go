package compare

import (
	"math"
	"slices"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
	"github.com/reprocheck/reprocheck/runner/record"
)

// Summarise compares each metric over all runs with the first run, results before others, and lists what was masked. Runs that reprocheck itself has
// stopped early say nothing about final values: the caller leaves them out.
func Summarise(runs []*record.Run, o Options) (metrics []record.MetricSummary, masked []string) {
	if len(runs) == 0 {
		return nil, nil
	}
	names := maskedSet{}
	var all summaries
	for _, run := range runs {
		pairs := pairFolders(runs[0].Artifacts, run.Artifacts)
		for _, p := range pairSeries(runs[0], run, pidsOf(runs[0], run), pairs, names) {
			if p.pids {
				all.find(p).left = true
				continue
			}
			all.add(p, p.diff(o))
		}
	}
	for _, s := range all.list {
		if !s.left {
			metrics = append(metrics, s.finish())
		}
	}
	slices.SortStableFunc(metrics, resultsFirst)
	return metrics, names.list()
}

// resultsFirst puts what is called after a result, such as a loss, before sizes and settings that were printed as well.
func resultsFirst(a, b record.MetricSummary) int {
	switch x, y := volatile.Measure(a.Name), volatile.Measure(b.Name); {
	case x && !y:
		return -1
	case y && !x:
		return 1
	}
	return 0
}

// summaries are the metrics seen in any run, in order of first appearance while they are collected. A metric that the first run has is known by its
// series there; any other by its origin and name.
type summaries struct {
	list   []*summary
	byA    map[*record.Series]*summary
	byName map[string]*summary
}

type summary struct {
	record.MetricSummary
	finals []float64
	left   bool // it is no metric, see seriesPair.pids
}

func (all *summaries) find(p seriesPair) *summary {
	if all.byA == nil {
		all.byA, all.byName = map[*record.Series]*summary{}, map[string]*summary{}
	}
	var s *summary
	key := ""
	if p.a != nil {
		s = all.byA[p.a]
	} else {
		key = maskedOrigin(p.b.Origin) + "\x00" + p.b.Name
		s = all.byName[key]
	}
	if s != nil {
		return s
	}
	s = &summary{MetricSummary: record.MetricSummary{Class: string(Equal), Equal: true}}
	if p.a != nil {
		s.Name, s.Origin = p.a.Name, p.a.Origin
		all.byA[p.a] = s
	} else {
		s.Name, s.Origin = p.b.Name, p.b.Origin
		all.byName[key] = s
	}
	all.list = append(all.list, s)
	return s
}

func (all *summaries) add(p seriesPair, d MetricDiff) {
	s := all.find(p)
	if p.b != nil && len(p.b.Points) > 0 {
		v := p.b.Points[len(p.b.Points)-1].Value
		s.Finals = append(s.Finals, v)
		s.finals = append(s.finals, float64(v))
	}
	s.MaxAbs = max(s.MaxAbs, record.Float(d.MaxAbs))
	s.MaxRel = max(s.MaxRel, record.Float(d.MaxRel))
	if d.Class == Equal {
		return
	}
	s.Equal = false
	if s.FirstStep == nil || d.Step < *s.FirstStep {
		s.FirstStep = new(d.Step)
	}
	if s.Class == string(Equal) || s.Class == string(Within) && d.Class != Within {
		s.Class = string(d.Class)
	}
}

func (s *summary) finish() record.MetricSummary {
	s.Mean = record.Float(mean(s.finals))
	s.StdDev = record.Float(sampleStdDev(s.finals))
	s.Spread = record.Float(spread(s.finals))
	return s.MetricSummary
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
