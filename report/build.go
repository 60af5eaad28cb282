package report

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// maxPerRun bounds the metrics and the artifacts listed for one run, and the artifacts compared; the records hold all
// of them.
const maxPerRun = 1000

// Build makes the document of an audit from its record and those of its runs. It is a pure function of them.
func Build(a *record.Audit, runs []*record.Run) *Document {
	b := NewBuilder(a)
	for _, r := range runs {
		b.Add(r)
	}
	return b.Document()
}

// Builder is Build for runs that come one after another: it keeps nothing of a record but what the document shows, where the
// records of runs that write many files would not fit into memory together.
type Builder struct {
	builder
	audit *record.Audit
	doc   *Document
	files tally
}

// NewBuilder begins the document of an audit.
func NewBuilder(a *record.Audit) *Builder {
	return &Builder{
		builder: builder{dir: a.Dir, sources: seed.All()},
		audit:   a,
		doc:     &Document{Runs: []Run{}, Limits: slices.Clone(list(a.Limits)), Workspaces: []string{}, Failed: failure(a)},
	}
}

// Add takes the next run of the audit, in their order.
func (b *Builder) Add(r *record.Run) {
	b.doc.Runs = append(b.doc.Runs, b.run(r))
	addRunLimits(b.doc, r)
	if f := b.doc.Failed; f != nil && f.Run == r.ID {
		f.ExitCode, f.Signal, f.TimedOut = r.Exit.Code, r.Exit.Signal, r.Exit.TimedOut
	}
	// The verdict is about the runs of the first experiment.
	if len(b.audit.Experiments) > 0 && slices.Contains(b.audit.Experiments[0].Runs, r.ID) {
		b.files.add(r)
	}
}

// Document is the document of the audit with the runs added. No run is to be added after it.
func (b *Builder) Document() *Document {
	a, d := b.audit, b.doc
	d.Schema = Schema
	d.Tool = Tool{Version: a.Tool}
	d.Audit = a.ID
	d.Command = list(a.Command)
	d.Dir = a.Dir
	d.Verdict = a.Verdict
	d.Reason = a.Reason
	d.Criterion = criterion(a.Criterion)
	d.Experiments = each(a.Experiments, b.experiment)
	d.Causes = each(a.Causes, b.cause)
	d.Checklist = b.checklist(a.Checklist)
	d.Metrics = each(a.Metrics, metricSummary)
	d.Sensitivities = each(a.Sensitivities, b.sensitivity)
	d.Warnings = each(a.Warnings, b.warning)
	d.Masked = list(a.Masked)
	sortCauses(d.Causes)
	if a.FirstDivergence != nil {
		first := *a.FirstDivergence
		first.File = b.path(first.File)
		d.FirstDivergence = &first
	}
	if d.Failed != nil || d.Verdict == "" {
		d.Verdict = record.Inconclusive
	}
	if d.Reason == "" {
		d.Reason = reason(a, d)
	}
	d.Artifacts, d.MoreArtifacts = most(b.files.list())
	d.Bound = bound(a)
	return d
}

// builder holds what the parts of a document have in common.
type builder struct {
	dir     string // the command's working directory
	sources []seed.Source
}

// source returns what the registry says of id; all of it is empty for a source that this version does not know.
func (b builder) source(id seed.ID) seed.Source {
	for _, s := range b.sources {
		if s.ID == id {
			return s
		}
	}
	return seed.Source{}
}

// path makes file relative to the command's working directory where it lies below it.
func (b builder) path(file string) string {
	if b.dir == "" || !filepath.IsAbs(file) {
		return file
	}
	rel, err := filepath.Rel(b.dir, file)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return file
	}
	return filepath.ToSlash(rel)
}

func criterion(c record.Criterion) Criterion {
	out := Criterion{Mode: c.Mode, RTol: c.RTol, ATol: c.ATol, DTypeDefaults: c.DTypes,
		Tolerances: map[string]record.Tolerance{}}
	if out.Mode == "" {
		out.Mode = "exact"
	}
	for name, t := range c.Tolerances {
		out.Tolerances[name] = t
	}
	return out
}

func (b builder) experiment(e record.Experiment) Experiment {
	out := Experiment{Name: e.Name, Levels: map[string]string{}, Runs: list(e.Runs), Verdict: e.Verdict, Says: e.Says}
	if out.Verdict == "" {
		out.Verdict = record.Inconclusive
	}
	for _, s := range b.sources {
		out.Levels[string(s.ID)] = string(seed.Inherit)
	}
	for id, level := range e.Levels {
		out.Levels[string(id)] = string(level)
	}
	return out
}

func (b builder) run(r *record.Run) Run {
	out := Run{ID: r.ID, Experiment: r.Experiment, ExitCode: r.Exit.Code, Signal: r.Exit.Signal,
		TimedOut: r.Exit.TimedOut, Seconds: r.Seconds, Truncated: r.Truncated, Silent: r.Silent, Metrics: map[string]Metric{}, Artifacts: []Artifact{}}
	if len(r.Values) > 0 {
		out.Values = map[string]string{}
		for id, words := range r.Values {
			out.Values[string(id)] = words
		}
	}
	for i, s := range r.Metrics {
		if i == maxPerRun {
			out.MoreMetrics = len(r.Metrics) - i
			break
		}
		m := Metric{Points: int64(len(s.Points)) + s.Dropped, Volatile: s.Volatile}
		if n := len(s.Points); n > 0 {
			m.Final = &s.Points[n-1].Value
		}
		name := s.Name
		if _, taken := out.Metrics[name]; taken { // the same metric on stdout and in a file
			name = s.Name + " (" + s.Origin + ")"
		}
		out.Metrics[name] = m
	}
	for i, f := range r.Artifacts {
		if i == maxPerRun {
			out.MoreArtifacts = len(r.Artifacts) - i
			break
		}
		out.Artifacts = append(out.Artifacts, Artifact{Path: f.Path, Size: f.Size, Format: f.Format, SHA256: f.SHA256, Content: f.Content})
	}
	return out
}

func (b builder) cause(c record.Cause) Cause {
	source := b.source(c.Source)
	return Cause{Source: string(c.Source), Title: source.Title, Proof: c.Proof, File: b.path(c.File), Line: c.Line, Step: c.Step,
		Process: c.Process, Story: c.Story, Evidence: list(c.Evidence), Fix: cmp.Or(c.Fix, source.Fix), Excerpt: list(c.Excerpt)}
}

// checklist has an item for every source: one that the audit says nothing about is unknown.
func (b builder) checklist(items []record.ChecklistItem) []ChecklistItem {
	out := []ChecklistItem{}
	for _, s := range b.sources {
		item := record.ChecklistItem{Source: s.ID, Status: Unknown, Why: "nothing was recorded about it"}
		if i := slices.IndexFunc(items, func(c record.ChecklistItem) bool { return c.Source == s.ID }); i >= 0 {
			item = items[i]
		}
		out = append(out, ChecklistItem{Source: string(s.ID), Title: s.Title, Expects: s.Checklist, Used: item.Used, Status: item.Status,
			File: b.path(item.File), Line: item.Line, Why: item.Why})
	}
	return out
}

func (b builder) sensitivity(s record.Sensitivity) record.Sensitivity {
	s.File, s.Values = b.path(s.File), list(s.Values)
	return s
}

func (b builder) warning(w record.Warning) Warning {
	return Warning{ID: w.ID, Text: w.Text, File: b.path(w.File), Line: w.Line}
}

func metricSummary(m record.MetricSummary) record.MetricSummary {
	m.Finals = list(m.Finals)
	return m
}

// sortCauses puts the most certain first, and leaves the order among equals as the diagnosis gave it.
func sortCauses(causes []Cause) {
	doubt := func(c Cause) int {
		switch c.Proof {
		case record.Proven:
			return 0
		case record.Observed:
			return 1
		case record.Suspected:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(causes, func(x, y Cause) int { return doubt(x) - doubt(y) })
}

// addRunLimits adds what this machine refused to a run, each once.
func addRunLimits(d *Document, r *record.Run) {
	if kind := r.Isolation.Kind; kind != "" && !slices.Contains(d.Workspaces, kind) {
		d.Workspaces = append(d.Workspaces, kind)
	}
	for _, limit := range slices.Concat(r.Isolation.Limits, r.Refused) {
		if !slices.Contains(d.Limits, limit) {
			d.Limits = append(d.Limits, limit)
		}
	}
	if len(r.LeftRunning) > 0 && r.Truncated == "" {
		// Before what only might have been of influence: a short report shows the first few.
		left := fmt.Sprintf("Processes that the command left running (%s) were ended after it: what they had not written by then is missing.",
			strings.Join(r.LeftRunning, ", "))
		if !slices.Contains(d.Limits, left) {
			d.Limits = slices.Insert(d.Limits, 0, left)
		}
	}
}

func failure(a *record.Audit) *Failure {
	if a.Failed == "" {
		return nil
	}
	return &Failure{Run: a.Failed, Stderr: list(a.FailedStderr)}
}

// reason states the ground of a verdict whose audit gave none.
func reason(a *record.Audit, d *Document) string {
	switch {
	case d.Failed != nil:
		return "run " + d.Failed.Run + " " + ended(d.Failed)
	case !a.Finished:
		return "the audit was interrupted before its runs were complete"
	}
	return "no reason was recorded"
}

// bound says what the agreement of the first experiment's runs is worth, in the audit's own words where it has them. Two
// records that were only compared are no repetition, and bound nothing.
func bound(a *record.Audit) *Agreement {
	if len(a.Experiments) == 0 || a.Settings.Runs == 0 {
		return nil
	}
	first := a.Experiments[0]
	if first.Verdict != record.Reproducible && first.Verdict != record.WithinTolerance {
		return nil
	}
	rate, words := Bound(len(first.Runs))
	if a.Bound != "" {
		rate, words = a.BoundRate, a.Bound
	}
	return &Agreement{Runs: len(first.Runs), Rate: rate, Text: words}
}

// list returns s, or an empty list in place of none: JSON then says [] and not null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func each[T, U any](in []T, make func(T) U) []U {
	out := []U{}
	for _, v := range in {
		out = append(out, make(v))
	}
	return out
}
