package diagnose

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/compare"
	"github.com/reprocheck/reprocheck/compare/tensordiff"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// inquiry is one audit while it is being made.
type inquiry struct {
	lab     Lab
	audit   *record.Audit
	options compare.Options
	shipped []*observation // the runs of the command as it ships
	base    plan.Experiment
	plain   record.Verdict // on the shipped runs
	causes  []conviction
	failed  []trial
	// compared holds the pairs of runs that have been compared.
	compared map[[2]*observation]*difference
	// seen are all runs made, for the checklist and the limits.
	seen []*observation
	// lucky says that some of the shipped runs agreed though others did not: then one equal run proves little.
	lucky bool
	// stale names the files of the project that changed while the first runs went on, so that the command was run afresh, and
	// moving says that files changed then as well. unsettled says that it could not be run afresh.
	stale     []string
	moving    bool
	unsettled bool
	// gone says that a difference between runs as shipped no longer showed after the pinned runs had been made.
	gone bool
	// usualOrder says that a pinned run came to what a run as shipped came to, as threads do that mostly take turns in one order.
	usualOrder bool
	// retraced is one more run as shipped that was traced by line, made where the first agreed with the pinned runs; hidden
	// says that it agreed as well.
	retraced *observation
	hidden   bool
}

// Investigate carries out an audit: it asks the lab for the runs that the audit's settings call for, and fills in the
// verdict, the causes and everything that a report says of them. The error is the lab's.
func Investigate(ctx context.Context, lab Lab, audit *record.Audit) error {
	c := &inquiry{lab: lab, audit: audit, base: plan.AsShipped(audit.Settings.Pin), options: optionsOf(ctx, audit.Criterion)}
	if err := c.ship(ctx); err != nil {
		return err
	}
	if err := c.doubt(ctx); err != nil && !c.outOfRuns(err) {
		return err
	}
	pair, err := c.mostDifferent()
	if err == nil {
		pair, err = c.onSameFiles(ctx, pair)
	}
	if err != nil {
		return err
	}
	c.conclude(pair)
	if pair != nil && pair.any() && !c.unsettled && c.audit.Verdict != record.WithinTolerance && audit.Settings.Diagnose {
		if err := c.diagnose(ctx, pair); err != nil && !c.outOfRuns(err) {
			return err
		}
	}
	if len(audit.Settings.Vary) > 0 && audit.Verdict != record.Inconclusive {
		if err := c.undisturbed(func() error { return c.vary(ctx) }); err != nil && !c.outOfRuns(err) {
			return err
		}
	}
	for _, part := range []func(context.Context) error{c.delays, c.leftovers} {
		if err := c.undisturbed(func() error { return part(ctx) }); err != nil && !c.outOfRuns(err) {
			return err
		}
	}
	c.warnOfChanges()
	return c.finish()
}

// BudgetError is implemented by a lab's error that says that no more runs may be made.
type BudgetError interface {
	error
	Budget() bool
}

// outOfRuns notes that the budget ended the search, which is a limit of the report and no failure.
func (c *inquiry) outOfRuns(err error) bool {
	var budget BudgetError
	if !errors.As(err, &budget) {
		return false
	}
	c.limit(fmt.Sprintf("The search for causes ended early: %v. Allow more with --max-runs.", err))
	return true
}

func (c *inquiry) limit(text string) {
	if !slices.Contains(c.audit.Limits, text) {
		c.audit.Limits = append(c.audit.Limits, text)
	}
}

func optionsOf(ctx context.Context, criterion record.Criterion) compare.Options {
	return compare.Options{RTol: criterion.RTol, ATol: criterion.ATol, DTypes: criterion.DTypes, Tolerances: criterion.Tolerances,
		CloseTensors: func(expected, actual *record.Artifact, name string, t record.Tolerance) bool {
			return tensordiff.Kept(ctx, expected, actual, name, tensordiff.Tolerance{RTol: t.RTol, ATol: t.ATol})
		}}
}

// ship runs the command as it ships. When the first two runs differ and their traces name nobody, the third is
// zoomed: it costs no further run, and is what the later experiments are compared with line by line. When they agree, the
// last begins in another tick of a coarse clock than the first: what is seeded with the second is alike within one.
func (c *inquiry) ship(ctx context.Context) error {
	n := c.audit.Settings.Runs
	ahead := min(n, 2)
	switch {
	case c.audit.Settings.Jobs > 1 || n == 1:
		ahead = n
	case n == 2 || !c.audit.Settings.Diagnose:
		ahead = n - 1
	}
	first, err := c.observe(ctx, Ask{Experiment: c.base, Runs: ahead, Apart: tick})
	c.shipped = first
	if err != nil || ahead == n {
		return err
	}
	var zoom *plan.Zoom
	pair, err := c.mostDifferent()
	if err != nil {
		return err
	}
	switch differ := pair != nil && pair.any(); {
	case differ && c.audit.Settings.Diagnose && needsZoom(firstRound(suspects(c.evidence(pair)))):
		zoom = zoomFor(pair)
	case !differ && readsClock(first[0]):
		if err := sleepUntil(ctx, first[0].run.Started.Add(tick)); err != nil {
			return err
		}
	}
	rest, err := c.observe(ctx, Ask{Experiment: c.base, Runs: n - ahead, Zoom: zoom})
	c.shipped = append(c.shipped, rest...)
	return err
}

// mostDifferent compares every shipped run with the first and returns the pair that differs earliest, or the first
// pair when all agree; nil for a single run.
func (c *inquiry) mostDifferent() (*difference, error) {
	var chosen *difference
	equal, different := 0, 0
	for i, actual := range c.shipped {
		if i == 0 {
			continue
		}
		d, err := c.differ(c.shipped[0], actual)
		if err != nil {
			return nil, err
		}
		if d.any() {
			different++
		} else {
			equal++
		}
		if chosen == nil || !chosen.any() && d.any() {
			chosen = d
		}
	}
	c.lucky = equal > 0 && different > 0
	if !c.lucky && len(c.shipped) > 2 && different > 1 {
		d, err := c.differ(c.shipped[1], c.shipped[2])
		if err != nil {
			return nil, err
		}
		c.lucky = !d.any()
	}
	return chosen, nil
}

// conclude gives the verdict on the shipped runs.
func (c *inquiry) conclude(pair *difference) {
	a := c.audit
	runs := make([]*record.Run, len(c.shipped))
	for i, o := range c.shipped {
		runs[i] = o.run
	}
	a.Metrics, a.Masked = compare.Summarise(runs, c.options)
	verdict := record.Reproducible
	for _, actual := range c.shipped[1:] {
		if d, err := c.differ(c.shipped[0], actual); err == nil {
			verdict = worse(verdict, c.verdict(d))
			a.Masked = union(a.Masked, d.results.Masked)
			a.Warnings = append(a.Warnings, newWarnings(a.Warnings, d.results.Warnings)...)
		}
	}
	c.setExperiment(c.base.Name, verdict, "")
	switch missing := c.missingEvidence(pair); {
	case c.unsettled:
		a.Verdict, a.Reason = record.Inconclusive, c.unsettledReason()
		c.setExperiment(c.base.Name, record.Inconclusive, "")
	case verdict == record.Diverged:
		a.Verdict, a.Reason = record.Diverged, c.divergedReason(pair)
		a.FirstDivergence = pair.first()
	case missing != "":
		a.Verdict, a.Reason = record.Inconclusive, missing
		c.setExperiment(c.base.Name, record.Inconclusive, "")
	case verdict == record.WithinTolerance:
		a.Verdict, a.Reason = record.WithinTolerance, "the runs differ, and stay within the tolerance asked for"
		a.FirstDivergence = pair.first()
	default:
		a.Verdict, a.Reason = record.Reproducible, c.agreedReason(pair)
	}
	c.plain = a.Verdict
}

// missingEvidence says why runs that agree show nothing, empty when they do show something.
func (c *inquiry) missingEvidence(pair *difference) string {
	if pair == nil {
		return "one run shows that the command works and what it draws from; whether it gives the same result again takes at least two"
	}
	if o := c.unobserved(); o != nil {
		return fmt.Sprintf("a Python process of run %s could not be observed (%s), and equal output alone is no evidence of equal training", o.run.ID, o.run.Silent[0])
	}
	metrics := hasMetrics(c.shipped[0].run)
	for _, o := range c.shipped {
		if process := o.crashed(pair.training.Events > 0, metrics); process != "" {
			return failureText(o, process) + ": what it would have gone on to do was not seen"
		}
	}
	if pair.training.Events == 0 && !metrics && !pair.comparesFile() {
		return "no training was seen: no optimizer step, no metric and no file that could be compared" + c.writtenElsewhere()
	}
	return ""
}

// comparesFile reports whether the runs wrote a file that could have shown a difference: one of a format that always differs shows none.
func (d *difference) comparesFile() bool {
	return slices.ContainsFunc(d.results.Artifacts, func(a compare.ArtifactDiff) bool { return a.Class != compare.Volatile })
}

// crashed names the process that an exception ended and that was, or may have been, the training; "" where there is none. That
// another one was can be told where that one made the steps, or the metrics.
func (o *observation) crashed(steps, metrics bool) string {
	for _, process := range o.trace.Processes() {
		another := metrics && len(o.summary.Failed) < len(o.summary.Ended)
		if steps {
			another = o.summary.Facts[process]["torch.num_threads"] == "" // written at the first step
		}
		if o.summary.Failed[process] != "" && !another {
			return process
		}
	}
	return ""
}

// unobserved is the first shipped run in which a Python process never said that it was alive, nil where none is.
func (c *inquiry) unobserved() *observation {
	i := slices.IndexFunc(c.shipped, func(o *observation) bool { return len(o.run.Silent) > 0 })
	if i < 0 {
		return nil
	}
	return c.shipped[i]
}

func hasMetrics(run *record.Run) bool {
	return slices.ContainsFunc(run.Metrics, func(s record.Series) bool { return s.Volatile == "" && len(s.Points) > 0 })
}

func (c *inquiry) divergedReason(pair *difference) string {
	n := len(c.shipped)
	printed := pair.printedAlike()
	if c.lab == nil {
		return "the two records differ"
	}
	switch {
	case pair.training.First != nil && printed && len(c.audit.Metrics) > 0:
		return fmt.Sprintf("%d runs of the same command trained differently, although they print the same metrics", n)
	case printed && pair.results.FirstArtifact() != nil && len(c.audit.Metrics) > 0:
		return fmt.Sprintf("%d runs of the same command print the same metrics and save different results", n)
	}
	return fmt.Sprintf("%d runs of the same command gave different results", n)
}

// agreedReason says how many runs agree, and in what.
func (c *inquiry) agreedReason(pair *difference) string {
	text := fmt.Sprintf("%d runs agree to the last bit", len(c.shipped))
	if c.lab == nil {
		text = "the two records agree to the last bit"
	}
	metrics := 0
	for _, m := range pair.results.Metrics {
		if m.Class != compare.Volatile {
			metrics++
		}
	}
	in := slices.Concat(counted(metrics, "metric"), counted(pair.results.Files, "file"), counted(int(pair.training.Steps), "optimizer step"))
	if len(in) == 0 {
		return text
	}
	return text + " in " + enumerate(in)
}

// counted is "1 file" or "2 files", and nothing where there is none.
func counted(n int, thing string) []string {
	switch n {
	case 0:
		return nil
	case 1:
		return []string{"1 " + thing}
	}
	return []string{fmt.Sprintf("%d %ss", n, thing)}
}

func worse(a, b record.Verdict) record.Verdict {
	rank := []record.Verdict{record.Reproducible, record.WithinTolerance, record.Diverged}
	if slices.Index(rank, b) > slices.Index(rank, a) {
		return b
	}
	return a
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func newWarnings(known, found []record.Warning) []record.Warning {
	var fresh []record.Warning
	for _, w := range found {
		if !slices.Contains(known, w) && !slices.Contains(fresh, w) {
			fresh = append(fresh, w)
		}
	}
	return fresh
}

// setExperiment records what an experiment showed.
func (c *inquiry) setExperiment(name string, verdict record.Verdict, says string) {
	for i := range c.audit.Experiments {
		if e := &c.audit.Experiments[i]; e.Name == name {
			e.Verdict = verdict
			if says != "" {
				e.Says = says
			}
		}
	}
}

// zoomFor traces lines until just after the runs were seen to part; without such a step, until the events are used up.
func zoomFor(pair *difference) *plan.Zoom {
	zoom := fullZoom()
	if pair.training.First != nil {
		zoom.UntilStep = pair.training.First.Step + 1
	}
	return zoom
}

func fullZoom() *plan.Zoom {
	const events, never = 200_000, 1 << 40
	return &plan.Zoom{UntilStep: never, Events: events}
}

func needsZoom(list []*suspicion) bool {
	return slices.ContainsFunc(list, func(s *suspicion) bool { return s.site == nil || s.site.File == "" })
}

// pinnable are all sources that a run can pin, but for those whose state lies outside the process.
func pinnable() []seed.ID {
	var ids []seed.ID
	for _, s := range seed.All() {
		if s.Pin.Possible() && s.ID != seed.ExternalState {
			ids = append(ids, s.ID)
		}
	}
	return ids
}
