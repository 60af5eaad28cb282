package compare

import (
	"fmt"
	"math"
	"strconv"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
	"github.com/reprocheck/reprocheck/runner/record"
)

// diffLeaves compares the parts of two files by name, and reports whether any difference was masked as volatile.
func diffLeaves(a, b *record.Artifact, o Options, masked maskedSet) (diffs []LeafDiff, maskedAny bool) {
	others := make(map[string]*record.Leaf, len(b.Leaves))
	for i := range b.Leaves {
		others[b.Leaves[i].Name] = &b.Leaves[i]
	}
	note := func(name, why string) {
		maskedAny = true
		masked.add(a.Path+": "+name, why)
	}
	for i := range a.Leaves {
		x := &a.Leaves[i]
		y := others[x.Name]
		delete(others, x.Name)
		if y == nil {
			if why := volatile.Name(x.Name); why != "" && x.Kind != "tensor" {
				note(x.Name, why)
			} else if b.More == 0 {
				diffs = append(diffs, LeafDiff{Name: x.Name, Kind: x.Kind, Class: Missing, Expected: describe(x)})
			}
			continue
		}
		if x.Digest == y.Digest && x.Kind == y.Kind && x.DType == y.DType {
			continue
		}
		if why := volatileLeaf(x, y); why != "" {
			note(x.Name, why)
			continue
		}
		diffs = append(diffs, LeafDiff{Name: x.Name, Kind: x.Kind, Class: classifyLeaf(x, y, o), Expected: describe(x), Actual: describe(y)})
	}
	for i := range b.Leaves {
		y := &b.Leaves[i]
		if others[y.Name] != y {
			continue
		}
		if why := volatile.Name(y.Name); why != "" && y.Kind != "tensor" {
			note(y.Name, why)
		} else if a.More == 0 {
			diffs = append(diffs, LeafDiff{Name: y.Name, Kind: y.Kind, Class: Missing, Actual: describe(y)})
		}
	}
	return diffs, maskedAny
}

// volatileLeaf reports why the difference between two parts is expected. A tensor's never is.
func volatileLeaf(x, y *record.Leaf) string {
	if x.Kind == "tensor" || y.Kind == "tensor" {
		return ""
	}
	if why := volatile.Name(x.Name); why != "" {
		return why
	}
	a, whyA := volatile.Mask(x.Text)
	b, whyB := volatile.Mask(y.Text)
	if whyA == "" || whyB == "" || a != b || x.Kind == "number" && volatile.Measure(x.Name) {
		return ""
	}
	return whyA
}

func classifyLeaf(x, y *record.Leaf, o Options) Class {
	if x.Kind != "number" || y.Kind != "number" {
		return Different
	}
	v, errV := strconv.ParseFloat(x.Text, 64)
	w, errW := strconv.ParseFloat(y.Text, 64)
	switch {
	case errV != nil || errW != nil:
		return Different
	case math.IsNaN(v) != math.IsNaN(w):
		return NaN
	case v == 0 && w == 0 && math.Signbit(v) != math.Signbit(w):
		return SignedZero
	}
	if t := o.forMetric(x.Name); t != (record.Tolerance{}) && Close(v, w, t) {
		return Within
	}
	return Different
}

func describe(l *record.Leaf) string {
	if l.Kind == "tensor" {
		return fmt.Sprintf("%s%v", l.DType, l.Shape)
	}
	if l.Text != "" {
		return l.Text
	}
	return l.Kind
}
