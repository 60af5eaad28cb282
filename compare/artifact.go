package compare

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"sort"

	"github.com/reprocheck/reprocheck/runner/metrics/volatile"
	"github.com/reprocheck/reprocheck/runner/record"
)

// ArtifactDiff compares one file of two runs.
type ArtifactDiff struct {
	// Path is the expected run's, ActualPath the other's; one is empty where the file is missing.
	Path, ActualPath string
	Format           string
	Class            Class
	// Of is the path of the file of which values lie in this one, if there is one.
	Of string
	// Leaves are the parts that differ, in the order of the file, at most maxLeafDiffs.
	Leaves []LeafDiff
	// Detail says in words how the files differ.
	Detail string
	// Files counts the files: an artifact may stand for all beyond a bound.
	Files int
	// Unread says why the content of a known format could not be read in the expected run, where only bytes were compared.
	Unread string
}

// LeafDiff is one part of an artifact's content that differs.
type LeafDiff struct {
	Name             string
	Kind             string
	Class            Class
	Expected, Actual string // texts of numbers and strings; type and shape of tensors
}

const maxLeafDiffs = 64

// pairing is a file of the expected run and its counterpart; one may be nil.
type pairing struct{ a, b *record.Artifact }

func diffArtifacts(expected, actual []record.Artifact, pairs folders, metrics []MetricDiff, o Options, masked maskedSet) []ArtifactDiff {
	// A text that is a file of metrics is as close as its metrics are.
	origins := map[string]Class{}
	for _, m := range metrics {
		if known, ok := origins[m.Origin]; ok {
			origins[m.Origin] = worse(known, m.Class.verdict())
		} else {
			origins[m.Origin] = m.Class.verdict()
		}
	}
	var out []ArtifactDiff
	paired := pairArtifacts(expected, actual, pairs)
	known := counterpartsOf(paired)
	for _, p := range paired {
		d := diffArtifact(p, pairs, known, o, masked)
		if p.a != nil {
			d.Unread = p.a.Unread
		}
		if d.Format == "text" && d.Class == Different && origins[d.Path] == Within {
			d.Class, d.Detail = Within, "its metrics differ within tolerance"
		}
		out = append(out, d)
	}
	followOwners(out)
	return out
}

// followOwners lets a file in which only values of another one lie differ as that one does.
func followOwners(diffs []ArtifactDiff) {
	classes := map[string]Class{}
	for _, d := range diffs {
		classes[d.Path] = d.Class
	}
	for i, d := range diffs {
		if d.Of != "" && d.Class == Different && classes[d.Of] == Within {
			diffs[i].Class, diffs[i].Detail = Within, "holds values of "+d.Of+", which differ within tolerance"
		}
	}
}

// pairArtifacts finds the counterparts: by path, then, among what is left, by the path without its volatile parts, then by content.
// Folders that pairs knows count as one.
func pairArtifacts(expected, actual []record.Artifact, pairs folders) []pairing {
	out := make([]pairing, len(expected), len(expected)+len(actual))
	free := make([]*record.Artifact, len(actual))
	byPath := map[string]int{}
	for j := range actual {
		free[j] = &actual[j]
		byPath[pairs.path(actual[j].Path)] = j
	}
	for i := range expected {
		out[i].a = &expected[i]
		if j, ok := byPath[expected[i].Path]; ok {
			out[i].b, free[j] = &actual[j], nil
		}
	}
	for _, key := range []func(*record.Artifact) string{
		func(a *record.Artifact) string { return volatile.MaskPath(pairs.path(a.Path)) + "\x00" + identity(a) },
		func(a *record.Artifact) string { return volatile.MaskPath(pairs.path(a.Path)) },
		identity,
	} {
		matchFree(out, free, key)
	}
	for _, b := range free {
		if b != nil {
			out = append(out, pairing{nil, b})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].path() < out[j].path() })
	return out
}

// counterpartsOf are the paths of files and folders of the expected run, and what each is called in the actual one; none where nothing
// is a link.
func counterpartsOf(paired []pairing) map[string]string {
	known := map[string]string{}
	if !slices.ContainsFunc(paired, func(p pairing) bool { return p.a != nil && p.a.Link != "" }) {
		return known
	}
	for _, p := range paired {
		if p.a == nil || p.b == nil {
			continue
		}
		a, b := p.a.Path, p.b.Path
		for a != "." && a != "/" {
			if _, ok := known[a]; ok {
				break
			}
			known[a] = b
			a, b = path.Dir(a), path.Dir(b)
		}
	}
	return known
}

// sameTarget reports whether two links lead to the same: to a file or folder of each run that is the other's counterpart, and outside of
// what the runs wrote, to what has the same name but for times and identifiers.
func sameTarget(p pairing, pairs folders, known map[string]string) bool {
	a, b := target(p.a), target(p.b)
	if other, ok := known[a]; ok {
		return other == b
	}
	a, _ = volatile.Mask(a)
	b, _ = volatile.Mask(pairs.path(b))
	return volatile.MaskPath(a) == volatile.MaskPath(b)
}

func (p pairing) path() string {
	if p.a != nil {
		return p.a.Path
	}
	return p.b.Path
}

// holdsWeights reports whether both runs wrote a file in which tensors were read.
func (p pairing) holdsWeights() bool {
	tensors := func(a *record.Artifact) bool {
		return a != nil && slices.ContainsFunc(a.Leaves, func(l record.Leaf) bool { return l.Kind == "tensor" })
	}
	return tensors(p.a) && tensors(p.b)
}

// matchFree pairs what is still alone and has the same key, in order.
func matchFree(pairs []pairing, free []*record.Artifact, key func(*record.Artifact) string) {
	waiting := map[string][]int{}
	for j, b := range free {
		if b != nil {
			waiting[key(b)] = append(waiting[key(b)], j)
		}
	}
	for i := range pairs {
		if pairs[i].b != nil {
			continue
		}
		k := key(pairs[i].a)
		if js := waiting[k]; len(js) > 0 {
			pairs[i].b, free[js[0]] = free[js[0]], nil
			waiting[k] = js[1:]
		}
	}
}

// identity is the content of a file where its format has a canonical digest, else its bytes.
func identity(a *record.Artifact) string {
	switch {
	case a.Link != "":
		return "link:" + a.Link
	case a.Content != "":
		return a.Format + ":" + a.Content
	}
	return "bytes:" + a.SHA256
}

func diffArtifact(p pairing, pairs folders, known map[string]string, o Options, masked maskedSet) ArtifactDiff {
	d := ArtifactDiff{Class: Equal, Files: 1}
	if p.a != nil {
		d.Path, d.Format, d.Of, d.Files = p.a.Path, p.a.Format, p.a.Of, max(d.Files, p.a.Files)
	}
	if p.b != nil {
		d.ActualPath = p.b.Path
		if p.a == nil {
			d.Format = p.b.Format
		}
	}
	why := ""
	if !p.holdsWeights() { // which count in the folder of a tracker as well
		why = cmp.Or(volatile.Container(p.path()), volatile.Format(d.Format))
	}
	switch {
	case p.a == nil || p.b == nil:
		if why != "" {
			masked.add(p.path())
			d.Class = Volatile
			return d
		}
		d.Class, d.Detail = Missing, "only the first run wrote it"
		if p.a == nil {
			d.Detail = "only the second run wrote it"
		}
		return d
	case p.a.Link != "" || p.b.Link != "":
		if !sameTarget(p, pairs, known) {
			d.Class, d.Detail = Different, fmt.Sprintf("links to %q, and to %q", p.a.Link, p.b.Link)
		}
		return d
	case p.a.SHA256 == p.b.SHA256 && (p.a.Format != p.b.Format || p.a.Content == p.b.Content || p.a.Of != ""):
		if p.a.Path != p.b.Path {
			d.Class, d.Detail = SameContent, "the same bytes under another name"
			masked.add(p.a.Path + nameOnly)
		}
		return d
	case why != "":
		d.Class = Volatile
		masked.add(p.a.Path)
		return d
	}
	d.content(p.a, p.b, pairs, o, masked)
	if p.a.Path != p.b.Path {
		masked.add(p.a.Path + nameOnly)
	}
	return d
}

// nameOnly follows the path of a file of which the name alone was left out: what is in it was compared.
const nameOnly = ": the file's name"

// differsAsAWhole says what differs of formats that are recorded by one digest of what counts.
var differsAsAWhole = map[string]string{
	"text":     "the text differs in more than times and identifiers",
	"notebook": "what the cells printed or returned differs in more than times and identifiers",
}

// content compares two files whose bytes differ, or whose values do that lie in other files.
func (d *ArtifactDiff) content(a, b *record.Artifact, pairs folders, o Options, masked maskedSet) {
	switch {
	case a.Format != b.Format:
		d.Class, d.Detail = Different, fmt.Sprintf("format %s against %s", named(a.Format), named(b.Format))
		return
	case a.Content != "" && a.Content == b.Content:
		d.Class, d.Detail = SameContent, "the same content in other bytes"
		diffLeaves(a, b, pairs, o, masked) // names what is volatile inside
		return
	case a.Of != "" && b.Of != "":
		d.Class, d.Detail = Different, "holds values of "+a.Of+", which differ"
		return
	case a.Unread != "" || b.Unread != "":
		d.Class, d.Detail = Different, "other bytes, and the content could not be read: "+a.Unread+b.Unread
		if a.Unread == b.Unread {
			d.Detail = "other bytes, and the content could not be read: " + a.Unread
		}
		return
	case a.Content == "" && b.Content == "" && len(a.Leaves)+len(b.Leaves) == 0:
		d.Class, d.Detail = Different, "other bytes; nothing is known about the content of this format"
		if a.Format == "" {
			d.Detail = "other bytes; the format is unknown"
		}
		return
	}
	if whole := differsAsAWhole[a.Format]; whole != "" && len(a.Leaves)+len(b.Leaves) == 0 {
		d.Class, d.Detail = Different, whole
		return
	}
	leaves, maskedAny := diffLeaves(a, b, pairs, o, masked)
	d.Leaves = leaves[:min(len(leaves), maxLeafDiffs)]
	within := 0
	for _, l := range leaves {
		if l.Class == Within {
			within++
		}
	}
	switch {
	case len(leaves) > within:
		d.Class, d.Detail = Different, fmt.Sprintf("%d of %d parts differ", len(leaves), len(a.Leaves))
	case within > 0:
		d.Class, d.Detail = Within, fmt.Sprintf("%d of %d parts differ within tolerance", within, len(a.Leaves))
	case !maskedAny, a.More != b.More, a.More > 0 && (a.Rest == "" || a.Rest != b.Rest):
		d.Class, d.Detail = Different, "the content differs in parts that the record does not keep"
	default:
		d.Class, d.Detail = SameContent, "differs only in values that differ by nature"
	}
}

func named(format string) string {
	if format == "" {
		return "unknown"
	}
	return format
}
