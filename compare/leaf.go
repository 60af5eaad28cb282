package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
	"github.com/reprocheck/reprocheck/runner/record"
)

// diffLeaves compares the parts of two files by name, and reports whether any difference was masked as volatile.
func diffLeaves(a, b *record.Artifact, pairs folders, o Options, masked maskedSet) (diffs []LeafDiff, maskedAny bool) {
	others := make(map[string]*record.Leaf, len(b.Leaves))
	for i := range b.Leaves {
		others[b.Leaves[i].Name] = &b.Leaves[i]
	}
	note := func(name string) {
		maskedAny = true
		masked.addPart(a.Path+": ", name)
	}
	objects := map[string]string{}
	for i := range a.Leaves {
		x := &a.Leaves[i]
		if x.Kind == "object" {
			objects[x.Name] = x.Text
		}
		y := others[x.Name]
		delete(others, x.Name)
		if y == nil {
			if volatile.Name(x.Name) != "" && x.Kind != "tensor" {
				note(x.Name)
			} else if b.More == 0 {
				diffs = append(diffs, LeafDiff{Name: x.Name, Kind: x.Kind, Class: Missing, Expected: describe(x)})
			}
			continue
		}
		if x.Digest == y.Digest && x.Kind == y.Kind && x.DType == y.DType {
			continue
		}
		if volatileLeaf(x, y, pairs) || isPID(x, o.pids[0]) && isPID(y, o.pids[1]) || y.Kind == x.Kind && momentOf(x.Name, objects) {
			note(x.Name)
			continue
		}
		diffs = append(diffs, LeafDiff{Name: x.Name, Kind: x.Kind, Class: classifyLeaf(a, b, x, y, o), Expected: describe(x), Actual: describe(y)})
	}
	for i := range b.Leaves {
		y := &b.Leaves[i]
		if others[y.Name] != y {
			continue
		}
		if volatile.Name(y.Name) != "" && y.Kind != "tensor" {
			note(y.Name)
		} else if a.More == 0 {
			diffs = append(diffs, LeafDiff{Name: y.Name, Kind: y.Kind, Class: Missing, Actual: describe(y)})
		}
	}
	return diffs, maskedAny
}

// momentOf reports whether a part is what an object of Python's that is a time, a duration or a UUID is made of, as it lies in
// a pickle. Objects come before their parts.
func momentOf(name string, objects map[string]string) bool {
	if of, found := strings.CutSuffix(name, ".int"); found && objects[of] == "uuid.UUID" {
		return true
	}
	at := strings.LastIndex(name, "[arg ")
	if at < 0 {
		return false
	}
	switch objects[name[:at]] {
	case "datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta":
		return true
	}
	return false
}

// volatileLeaf reports whether the difference between two parts is expected. A tensor's never is.
func volatileLeaf(x, y *record.Leaf, pairs folders) bool {
	if x.Kind == "tensor" || y.Kind == "tensor" {
		return false
	}
	if volatile.Name(x.Name) != "" {
		return true
	}
	if x.Kind == "string" && volatile.ShortIDs(x.Text, y.Text) {
		return !volatile.Measure(x.Name) // "id": "3f2a9c1e", but not "checksum": "3f2a9c1e"
	}
	if x.Kind == "number" {
		return volatile.Moment([]byte(x.Text), x.Name) && volatile.Moment([]byte(y.Text), x.Name)
	}
	if x.Masked != "" || y.Masked != "" {
		return x.Masked == y.Masked
	}
	a, whyA := volatile.Mask(x.Text)
	b, whyB := volatile.Mask(y.Text)
	if whyA != "" && whyB != "" && a == b {
		return true
	}
	translated := pairs.text(y.Text)
	named, _ := volatile.Mask(translated)
	return x.Kind == "string" && translated != y.Text && a == named
}

func classifyLeaf(a, b *record.Artifact, x, y *record.Leaf, o Options) Class {
	switch {
	case x.Kind == "tensor" && y.Kind == "tensor":
		return classifyTensor(a, b, x, y, o)
	case x.Kind == "number" && y.Kind == "number":
		return classifyNumber(x, y, o.forMetric(x.Name))
	}
	return Different
}

func classifyTensor(a, b *record.Artifact, x, y *record.Leaf, o Options) Class {
	if x.DType != y.DType || !slices.Equal(x.Shape, y.Shape) {
		return Different
	}
	t := o.forTensor(x.Name, x.DType)
	if o.CloseTensors != nil && t != (record.Tolerance{}) && o.CloseTensors(a, b, x.Name, t) {
		return Within
	}
	return Different
}

func classifyNumber(x, y *record.Leaf, t record.Tolerance) Class {
	v, errV := strconv.ParseFloat(x.Text, 64)
	w, errW := strconv.ParseFloat(y.Text, 64)
	switch {
	case errV != nil || errW != nil:
		return Different
	case math.IsNaN(v) != math.IsNaN(w):
		return NaN
	case t != (record.Tolerance{}) && Close(v, w, t):
		return Within
	case v == 0 && w == 0 && math.Signbit(v) != math.Signbit(w):
		return SignedZero
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
