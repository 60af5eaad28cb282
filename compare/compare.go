// Package compare holds two records of runs side by side and says where they differ first.
//
// It compares what the records hold, metrics and artifacts, and opens no file. Equality is exact unless Options allow
// tolerances. Each difference has a Class, so that a NaN, a signed zero, a missing point or another length is never told as "a
// different value"; and what differs by nature (times, throughputs, identifiers) is masked and listed, never compared.
package compare

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/reprocheck/reprocheck/runner/record"
)

// Options decide when two values agree. The zero value asks for exact equality.
type Options struct {
	// RTol and ATol accept |actual-expected| <= ATol + RTol*|expected| for metrics, and for tensors unless DTypes is set.
	RTol, ATol float64
	// DTypes compares tensors by the tolerances of their types, see DTypeTolerance.
	DTypes bool
	// CloseTensors decides about a tensor whose digests differ, where the files of both runs are at hand; nil decides by the digests.
	// It is asked only for a tolerance that is not zero.
	CloseTensors func(expected, actual *record.Artifact, name string, t record.Tolerance) bool
	// Tolerances override RTol and ATol for the metrics that a name, or a pattern of path.Match, stands for.
	Tolerances map[string]record.Tolerance

	pids [2]map[int64]bool // the numbers of the processes of the two runs
}

// Class says how two things differ.
type Class string

// The classes.
const (
	Equal       Class = "equal"
	Within      Class = "within-tolerance"
	Different   Class = "different"
	NaN         Class = "nan"          // not a number on one side only
	Infinite    Class = "infinite"     // infinite on one side only, or on both with different signs
	SignedZero  Class = "signed-zero"  // 0.0 on one side, -0.0 on the other
	Length      Class = "length"       // one side goes on where the other has ended
	Steps       Class = "steps"        // values were recorded at different steps
	Missing     Class = "missing"      // on one side only
	Volatile    Class = "volatile"     // expected to differ, and not compared
	SameContent Class = "same-content" // other bytes or another name, the same content
)

// Result is what comparing two runs has shown.
type Result struct {
	// Metrics and Artifacts list everything compared, equal or not, in the order of the expected run.
	Metrics   []MetricDiff
	Artifacts []ArtifactDiff
	// Files counts the artifacts compared, those that Abridge drops among them.
	Files int
	// Output compares standard output without what differs by nature: Equal, Different, or "" where a record does not tell. It is
	// only a warning where metrics or files were compared, and decides where there are none.
	Output Class
	// Masked names what was not compared because it differs by nature: metrics, files, and parts of files as "path: part". Sorted.
	Masked   []string
	Warnings []record.Warning
}

// Runs compares actual with expected; expected is the reference side of every tolerance.
func Runs(expected, actual *record.Run, o Options) *Result {
	r := &Result{}
	o.pids = pidsOf(expected, actual)
	masked := maskedSet{}
	pairs := pairFolders(expected.Artifacts, actual.Artifacts)
	r.Metrics = diffMetrics(expected, actual, pairs, o, masked)
	r.Artifacts = diffArtifacts(expected.Artifacts, actual.Artifacts, pairs, r.Metrics, o, masked)
	for _, a := range r.Artifacts {
		if a.Class != Volatile {
			r.Files += a.Files
		}
	}
	if a, b := expected.Stdout.Masked, actual.Stdout.Masked; a != "" && b != "" {
		r.Output = Equal
		if a != b {
			r.Output = Different
		}
	}
	r.Masked = masked.list()
	r.Warnings = warnings(r)
	return r
}

// Abridge keeps the first artifact of each class, and of those that are parts of others: Verdict and FirstArtifact stay what they are.
func (r *Result) Abridge() {
	type kind struct {
		class Class
		part  bool
	}
	known := map[kind]bool{}
	var first []ArtifactDiff
	for _, a := range r.Artifacts {
		if k := (kind{a.Class, a.Of != ""}); !known[k] {
			known[k] = true
			first = append(first, a)
		}
	}
	r.Artifacts = first
}

// Verdict is Different when anything differs beyond what Options allow, Within when something needed a tolerance, else Equal.
func (r *Result) Verdict() Class {
	verdict := Equal
	if len(r.Metrics)+len(r.Artifacts) == 0 && r.Output == Different {
		return Different
	}
	for _, m := range r.Metrics {
		verdict = worse(verdict, m.Class.verdict())
	}
	for _, a := range r.Artifacts {
		verdict = worse(verdict, a.Class.verdict())
	}
	return verdict
}

// verdict maps a class to Equal, Within or Different.
func (c Class) verdict() Class {
	switch c {
	case Equal, Volatile, SameContent:
		return Equal
	case Within:
		return Within
	}
	return Different
}

func worse(a, b Class) Class {
	if a == Different || b == Different {
		return Different
	}
	if a == Within || b == Within {
		return Within
	}
	return Equal
}

// FirstMetric is the differing metric whose first difference comes earliest in the output, nil where none differs. Those that differ
// by more than the tolerance come before those that do not.
func (r *Result) FirstMetric() *MetricDiff {
	for _, verdict := range []Class{Different, Within} {
		var first *MetricDiff
		for i := range r.Metrics {
			m := &r.Metrics[i]
			if m.Class.verdict() == verdict && (first == nil || m.before(first)) {
				first = m
			}
		}
		if first != nil {
			return first
		}
	}
	return nil
}

// FirstArtifact is the first artifact that differs, in the order of paths, nil where none does. A file in which values of
// another one lie comes after those that say what differs.
func (r *Result) FirstArtifact() (first *ArtifactDiff) {
	for i := range r.Artifacts {
		a := &r.Artifacts[i]
		switch {
		case a.Class.verdict() != Different:
		case a.Of == "":
			return a
		case first == nil:
			first = a
		}
	}
	return first
}

// maskedSet gathers the names of what is not compared.
type maskedSet map[string]bool

func (m maskedSet) add(name string) { m[name] = true }

// addPart adds a number or a part of a file. The second and further ones behind one name are masked with it ("Time[1]"), and
// those of the items of a list together ("log[*].time").
func (m maskedSet) addPart(file, name string) {
	if i := strings.IndexByte(name, '['); i > 0 && strings.HasSuffix(name, "]") {
		name = name[:i]
	}
	m.add(file + itemIndex().ReplaceAllString(name, "[*]."))
}

var itemIndex = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\[\d+\]\.`) })

func (m maskedSet) list() []string { return slices.Sorted(maps.Keys(m)) }
