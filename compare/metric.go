package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/metrics"
	"github.com/reprocheck/reprocheck/runner/record"
)

// MetricDiff compares one series of two runs.
type MetricDiff struct {
	Name   string
	Origin string
	Class  Class
	// Step, Line and the texts are of the first difference; a text is empty where that side has no such point.
	Step             int64
	Line             int64
	Expected, Actual string
	// Compared counts the points at equal steps, Differing those of them that are not equal.
	Compared, Differing int64
	// MaxAbs and MaxRel are the largest |actual-expected| and |actual-expected|/|expected| over finite pairs.
	MaxAbs, MaxRel float64
	// Detail says in words what the numbers do not.
	Detail string

	found bool // a first difference has been noted
}

func (m *MetricDiff) before(other *MetricDiff) bool {
	if m.Origin == other.Origin && m.Line != other.Line && m.Line > 0 && other.Line > 0 {
		return m.Line < other.Line
	}
	return m.Origin == other.Origin && m.Step < other.Step
}

// seriesPair is a series of the expected run and its counterpart; one may be nil.
type seriesPair struct {
	a, b *record.Series
	// compared are the series without the numbers of their runs' processes, nil where they hold none.
	compared [2]*record.Series
	// pids says that they hold nothing else: they are not compared.
	pids bool
}

func diffMetrics(expected, actual *record.Run, pairs folders, o Options, masked maskedSet) []MetricDiff {
	var out []MetricDiff
	for _, p := range pairSeries(expected, actual, o.pids, pairs, masked) {
		if !p.pids {
			out = append(out, p.diff(o))
		}
	}
	return out
}

func (p seriesPair) diff(o Options) MetricDiff {
	switch {
	case p.b == nil:
		return missing(p.a, true)
	case p.a == nil:
		return missing(p.b, false)
	}
	if p.compared[0] != nil {
		return diffSeries(p.compared[0], p.compared[1], o.forMetric(p.a.Name))
	}
	return diffSeries(p.a, p.b, o.forMetric(p.a.Name))
}

// pairSeries finds the counterparts among the series that count: by origin and name, then by name and the origin without its volatile
// parts, because the folder of a run may be named after the time; pairs knows those that are named otherwise. A name that is volatile in
// either run does not count in the other.
func pairSeries(expected, actual *record.Run, pids [2]map[int64]bool, pairs folders, masked maskedSet) []seriesPair {
	out := counterparts(expected.Metrics, actual.Metrics, pairs, masked)
	for i, p := range out {
		if p.a == nil || p.b == nil || p.same() && !p.pinnedPIDs() {
			continue
		}
		out[i] = p.dropPIDs(pids)
		if out[i].pids {
			masked.add("a process's number")
		}
	}
	return out
}

// same reports whether two series are equal as they were written.
func (p seriesPair) same() bool {
	return slices.EqualFunc(p.a.Points, p.b.Points, func(x, y record.Point) bool { return x.Text == y.Text && x.Step == y.Step })
}

func counterparts(expected, actual []record.Series, pairs folders, masked maskedSet) []seriesPair {
	type key struct{ origin, name string }
	exact := func(s *record.Series) key { return key{pairs.path(s.Origin), s.Name} }
	loose := func(s *record.Series) key { return key{maskedOrigin(pairs.path(s.Origin)), s.Name} }

	volatile := map[key]bool{}
	for _, list := range [][]record.Series{expected, actual} {
		for i := range list {
			if s := &list[i]; s.Volatile != "" {
				volatile[loose(s)] = true
				masked.addPart("", s.Name)
			}
		}
	}
	var out []seriesPair
	for i := range expected {
		if s := &expected[i]; s.Volatile == "" {
			out = append(out, seriesPair{a: s})
		}
	}
	free := make([]*record.Series, 0, len(actual))
	for i := range actual {
		if s := &actual[i]; s.Volatile == "" {
			free = append(free, s)
		}
	}
	for _, keyOf := range []func(*record.Series) key{exact, loose} {
		waiting := map[key][]int{}
		for j, s := range free {
			if s != nil {
				waiting[keyOf(s)] = append(waiting[keyOf(s)], j)
			}
		}
		for i := range out {
			if js := waiting[keyOf(out[i].a)]; out[i].b == nil && len(js) > 0 {
				out[i].b, free[js[0]] = free[js[0]], nil
				waiting[keyOf(out[i].a)] = js[1:]
			}
		}
	}
	out = slices.DeleteFunc(out, func(p seriesPair) bool { return p.b == nil && volatile[loose(p.a)] })
	for _, s := range free {
		if s != nil && !volatile[loose(s)] {
			out = append(out, seriesPair{b: s})
		}
	}
	return out
}

func missing(s *record.Series, inExpected bool) MetricDiff {
	d := MetricDiff{Name: s.Name, Origin: s.Origin, Class: Missing, Detail: "only the first run has it"}
	if !inExpected {
		d.Detail = "only the second run has it"
	}
	if len(s.Points) > 0 {
		p := s.Points[0]
		d.Step, d.Line = p.Step, p.Line
		if inExpected {
			d.Expected = p.Text
		} else {
			d.Actual = p.Text
		}
	}
	return d
}

// diffSeries aligns two series by their steps and compares point by point.
func diffSeries(expected, actual *record.Series, t record.Tolerance) MetricDiff {
	d := MetricDiff{Name: expected.Name, Origin: expected.Origin, Class: Equal}
	a, b := expected.Points, actual.Points
	stepsDiffer := false
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i == len(a) || j == len(b):
			d.unpaired(a, b, i, j, Length)
			i, j = len(a), len(b)
		case a[i].Step == b[j].Step:
			d.pair(a[i], b[j], t)
			i, j = i+1, j+1
		case a[i].Step < b[j].Step:
			stepsDiffer = true
			d.unpaired(a, b, i, len(b), Steps)
			i++
		default:
			stepsDiffer = true
			d.unpaired(a, b, len(a), j, Steps)
			j++
		}
	}
	switch {
	case d.Differing == 0 && stepsDiffer && d.Compared > 0 && sameEnd(a, b):
		// A program that prints by the clock prints at other steps each time; the values tell that the training was the same.
		d.Class = Equal
		d.Detail = "printed at different steps, with equal values wherever both printed"
	case d.Class == Equal && (expected.Dropped != actual.Dropped || (expected.Dropped > 0 && expected.Digest != actual.Digest)):
		d.Class = Different
		d.Detail = "differs beyond the points that the record keeps"
	}
	return d
}

// sameEnd reports whether both series end at the same step with the same value.
func sameEnd(a, b []record.Point) bool {
	x, y := a[len(a)-1], b[len(b)-1]
	return x.Step == y.Step && classify(x, y, record.Tolerance{}) == Equal
}

func (d *MetricDiff) pair(a, b record.Point, t record.Tolerance) {
	d.Compared++
	class := classify(a, b, t)
	if class == Equal {
		return
	}
	d.Differing++
	x, y := float64(a.Value), float64(b.Value)
	if diff := math.Abs(y - x); !math.IsNaN(diff) && !math.IsInf(diff, 0) {
		d.MaxAbs = max(d.MaxAbs, diff)
		switch {
		case x != 0:
			d.MaxRel = max(d.MaxRel, diff/math.Abs(x))
		case diff != 0:
			d.MaxRel = math.Inf(1)
		}
	}
	if !d.found || d.Class == Within && class != Within {
		d.found = true
		d.Class, d.Step, d.Line, d.Expected, d.Actual = class, a.Step, a.Line, a.Text, b.Text
	}
}

// unpaired notes a point that the other side does not have; an index equal to the length means that side has none.
func (d *MetricDiff) unpaired(a, b []record.Point, i, j int, class Class) {
	if d.found && d.Class != Within {
		return
	}
	d.found = true
	d.Class = class
	d.Expected, d.Actual = "", ""
	if i < len(a) {
		d.Step, d.Line, d.Expected = a[i].Step, a[i].Line, a[i].Text
	} else {
		d.Step, d.Line, d.Actual = b[j].Step, b[j].Line, b[j].Text
	}
	if class == Length {
		d.Detail = fmt.Sprintf("%d points against %d; equal up to the end of the shorter", len(a), len(b))
		if d.Differing > 0 {
			d.Detail = fmt.Sprintf("%d points against %d", len(a), len(b))
		}
		return
	}
	d.Detail = "recorded at different steps"
}

// classify compares two printed values. Printed alike is equal; printed otherwise, "0.10" and "0.1" are still the same number.
func classify(a, b record.Point, t record.Tolerance) Class {
	if a.Text == b.Text {
		return Equal
	}
	x, y := float64(a.Value), float64(b.Value)
	switch {
	case math.IsNaN(x) && math.IsNaN(y):
		// A digest that was printed has no value; "nan" and "NaN" are one.
		if isNaN(a.Text) && isNaN(b.Text) {
			return Equal
		}
		return Different
	case math.IsNaN(x) || math.IsNaN(y):
		return NaN
	case x == y && math.Signbit(x) == math.Signbit(y) && metrics.SameNumber(a.Text, b.Text):
		return Equal
	case t != (record.Tolerance{}) && Close(x, y, t):
		return Within
	case x == 0 && y == 0:
		return SignedZero
	case math.IsInf(x, 0) || math.IsInf(y, 0):
		return Infinite
	}
	return Different
}

func isNaN(text string) bool { return strings.EqualFold(strings.TrimLeft(text, "+-"), "nan") }
