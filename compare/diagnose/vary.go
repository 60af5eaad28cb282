package diagnose

import (
	"context"
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// variedRuns is how many values of a varied source are tried.
const variedRuns = 3

// vary gives each source asked for the values that another machine could have. Causes already proven are pinned
// beside it, so that only the varied source can make runs differ.
func (c *inquiry) vary(ctx context.Context) error {
	var proven []seed.ID
	for _, cause := range c.causes {
		if cause.proof == record.Proven {
			proven = append(proven, cause.source)
		}
	}
	if c.audit.Verdict == record.Diverged && len(proven) == 0 {
		c.limit("The sources that --vary names were not varied: the runs differ without that, and the cause could not be pinned.")
		return nil
	}
	for _, id := range c.audit.Settings.Vary {
		if slices.Contains(proven, id) {
			c.audit.Sensitivities = append(c.audit.Sensitivities, c.provenSensitivity(id))
			continue
		}
		source, _ := seed.Lookup(id)
		if !source.Vary.Possible() {
			c.limit(fmt.Sprintf("%s cannot be varied on this machine.", id))
			continue
		}
		if err := c.varyOne(ctx, id, proven); err != nil {
			return err
		}
	}
	return nil
}

// provenSensitivity tells of a source that plain repeats have already shown to change results.
func (c *inquiry) provenSensitivity(id seed.ID) record.Sensitivity {
	s := record.Sensitivity{Source: id, Changed: true, Values: []string{"as shipped, run after run"}}
	for _, cause := range c.causes {
		if cause.source == id {
			s.File, s.Line = where(cause.site)
		}
	}
	return s
}

func (c *inquiry) varyOne(ctx context.Context, id seed.ID, proven []seed.ID) error {
	base := c.base
	if len(proven) > 0 {
		base = c.pin(proven, false)
	}
	c.lab.Note(fmt.Sprintf("Varying %s.", id))
	ask := Ask{Experiment: plan.Varied(base, id), Runs: variedRuns}
	if first := c.shipped[0]; siteOf(first, id) == nil || ambiguous(first, id) {
		ask.Zoom = fullZoom()
	}
	varied, err := c.observe(ctx, ask)
	c.seen = append(c.seen, varied...)
	if err != nil {
		return err
	}
	var pair *difference
	for _, o := range varied[1:] {
		d, err := c.differ(varied[0], o)
		if err != nil {
			return err
		}
		if d.any() {
			pair = d
			break
		}
	}
	sensitivity := record.Sensitivity{Source: id, Changed: pair != nil, Values: values(id, varied)}
	if pair == nil {
		c.setExperiment(varied[0].run.Experiment, record.Reproducible, fmt.Sprintf("%s makes no difference", id))
		c.audit.Sensitivities = append(c.audit.Sensitivities, sensitivity)
		return nil
	}
	c.setExperiment(varied[0].run.Experiment, record.Diverged, fmt.Sprintf("results change with %s", id))
	cause, err := c.convictVaried(ctx, id, base, pair)
	if err != nil {
		return err
	}
	if cause.site != nil {
		sensitivity.File, sensitivity.Line = cause.site.File, cause.site.Line
	}
	c.audit.Sensitivities = append(c.audit.Sensitivities, sensitivity)
	c.causes = append(c.causes, *cause)
	if c.audit.Verdict != record.Diverged {
		c.audit.Verdict = record.Diverged
		c.audit.FirstDivergence = pair.first()
		c.audit.Reason = fmt.Sprintf("plain repeats agree, and results change with %s, as they would on another machine", id)
	}
	return nil
}

// convictVaried pins the varied source to one value, twice, to show that nothing else made the varied runs differ.
func (c *inquiry) convictVaried(ctx context.Context, id seed.ID, base plan.Experiment, pair *difference) (*conviction, error) {
	suspect := ruleOf(id).suspicionFor(c.evidence(pair))
	cause := &conviction{suspicion: suspect, proof: record.Observed,
		evidence: []string{fmt.Sprintf("with %s varied, runs differ (%s and %s)", id, pair.expected.run.Values[id], pair.actual.run.Values[id])}}
	e := plan.Varied(base, id)
	e.Levels[id] = seed.Pin
	e.Name = plan.Pin([]seed.ID{id}).Name
	ask := Ask{Experiment: e, Runs: 2}
	zoomed := pair.expected.zoomed && pair.actual.zoomed
	if zoomed {
		ask.Zoom = fullZoom()
	}
	pinned, err := c.observe(ctx, ask)
	c.seen = append(c.seen, pinned...)
	if err != nil {
		return nil, err
	}
	d, err := c.differ(pinned[0], pinned[1])
	if err != nil {
		return nil, err
	}
	if d.any() {
		c.setExperiment(pinned[0].run.Experiment, record.Diverged, "still different")
		return cause, nil
	}
	c.setExperiment(pinned[0].run.Experiment, record.Reproducible, "2 runs agree")
	cause.proof = record.Proven
	cause.evidence = append(cause.evidence, fmt.Sprintf("with %s pinned, 2 runs agree (%s)", id, pinned[0].run.Experiment))
	if zoomed {
		noise, err := trace.Zoom(pinned[0].trace, pinned[1].trace)
		if err != nil {
			return nil, err
		}
		differences, err := trace.Zoom(pair.expected.trace, pair.actual.trace)
		if err != nil {
			return nil, err
		}
		cause.narrow(differences, noise)
	}
	return cause, nil
}

// narrow chooses among several sites of a source the one at which a local value first differs, or takes that line
// where the trace has shown none.
func (v *conviction) narrow(differences, noise []trace.LocalDifference) {
	origin, found := trace.Origin(differences, noise)
	if !found {
		return
	}
	if v.site != nil && v.site.File == origin.File && v.site.Line == origin.Line {
		return
	}
	s := *v.suspicion
	s.site = &trace.Seen{Site: trace.Site{Process: "main", Kind: probe.KindLine, File: origin.File, Line: origin.Line, Func: origin.Func}, Step: origin.Step}
	s.story = fmt.Sprintf("%s:%d is where it first shows: %s", origin.File, origin.Line, heldDifferently(origin))
	v.suspicion = &s
}

// suspicionFor is the rule's suspicion, or a bare one where the rule sees nothing.
func (r rule) suspicionFor(e *evidence) *suspicion {
	if r.suspect != nil {
		if s := r.suspect(e); s != nil {
			return s
		}
	}
	return &suspicion{source: r.source, strength: possibleOnly}
}

// ambiguous reports whether a run used a source at several places.
func ambiguous(o *observation, id seed.ID) bool {
	places := map[string]bool{}
	for _, s := range o.summary.Sites {
		if s.Stream == id && s.File != "" && !ofPackages(s) {
			places[at(s)] = true
		}
	}
	return len(places) > 1
}

func values(id seed.ID, runs []*observation) []string {
	var all []string
	for _, o := range runs {
		all = append(all, o.run.Values[id])
	}
	return all
}
