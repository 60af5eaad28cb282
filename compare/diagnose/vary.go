package diagnose

import (
	"cmp"
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
	var open []seed.ID
	for _, id := range c.audit.Settings.Vary {
		switch source, _ := seed.Lookup(id); {
		case slices.Contains(proven, id):
			c.audit.Sensitivities = append(c.audit.Sensitivities, c.provenSensitivity(id))
		case id == seed.ExternalState:
			// Every run begins from what the one before it left, so it is compared with those that do not.
		case !source.Vary.Possible():
			c.limit(fmt.Sprintf("%s cannot be varied on this machine.", id))
		default:
			open = append(open, id)
		}
	}
	base := c.base
	if len(proven) > 0 {
		base = c.pin(proven, false)
	}
	causes := len(c.causes)
	changed, err := c.varyGroup(ctx, open, base, false)
	slices.SortStableFunc(c.audit.Sensitivities, func(a, b record.Sensitivity) int {
		return cmp.Compare(slices.Index(c.audit.Settings.Vary, a.Source), slices.Index(c.audit.Settings.Vary, b.Source))
	})
	if changed && err == nil && len(c.causes) == causes {
		c.interaction(open)
	}
	return err
}

// interaction tells of sources that change results together and not one by one.
func (c *inquiry) interaction(ids []seed.ID) {
	text := fmt.Sprintf("results change when %s are varied together, though with none of them alone", list(ids))
	c.limit("No single source is to blame: " + text + ".")
	if c.audit.Verdict != record.Diverged {
		c.audit.Verdict, c.audit.Reason = record.Diverged, "plain repeats agree, and "+text
	}
}

// varyGroup varies sources together, since most change nothing: a group with which runs agree is cleared at once. One
// with which they differ is tried source by source, those first that the traces show, or halved where they show none.
// known says that the group is known to make runs differ. It reports whether it does.
func (c *inquiry) varyGroup(ctx context.Context, group []seed.ID, base plan.Experiment, known bool) (changed bool, err error) {
	switch {
	case len(group) == 0:
		return false, nil
	case len(group) == 1:
		return c.varyOne(ctx, group[0], base)
	case !known:
		if changed, err = c.varyTogether(ctx, group, base); err != nil || !changed {
			return false, err
		}
	}
	first, rest := c.likeliest(group)
	found, err := c.varyGroup(ctx, first, base, false)
	if err != nil {
		return true, err
	}
	_, err = c.varyGroup(ctx, rest, base, !found)
	return true, err
}

// likeliest divides a group with which runs differ: the first source that the trace shows in use, else one half.
func (c *inquiry) likeliest(group []seed.ID) (first, rest []seed.ID) {
	i := slices.IndexFunc(group, func(id seed.ID) bool { return siteOf(c.shipped[0], id) != nil })
	if i >= 0 {
		return group[i : i+1], slices.Delete(slices.Clone(group), i, i+1)
	}
	half := len(group) / 2
	return group[:half], group[half:]
}

// varyTogether reports whether runs differ with all of a group varied, and records its members as harmless if not.
func (c *inquiry) varyTogether(ctx context.Context, group []seed.ID, base plan.Experiment) (changed bool, err error) {
	c.lab.Note("Varying " + list(group) + " together.")
	varied, pair, err := c.untilDiffer(ctx, Ask{Experiment: plan.Varied(base, group...), Runs: variedRuns})
	if err != nil {
		return false, err
	}
	if pair != nil {
		c.setExperiment(varied[0].run.Experiment, record.Diverged, "results change with one of "+list(group))
		return true, nil
	}
	c.setExperiment(varied[0].run.Experiment, record.Reproducible, list(group)+" make no difference")
	for _, id := range group {
		c.audit.Sensitivities = append(c.audit.Sensitivities, record.Sensitivity{Source: id, Values: values(id, varied)})
	}
	return false, nil
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

// varyOne varies one source, convicts it when runs differ, and reports whether they do.
func (c *inquiry) varyOne(ctx context.Context, id seed.ID, base plan.Experiment) (changed bool, err error) {
	c.lab.Note(fmt.Sprintf("Varying %s.", id))
	ask := Ask{Experiment: plan.Varied(base, id), Runs: variedRuns}
	if first := c.shipped[0]; siteOf(first, id) == nil || ambiguous(first, id) {
		ask.Zoom = fullZoom()
	}
	varied, pair, err := c.untilDiffer(ctx, ask)
	if err != nil {
		return false, err
	}
	sensitivity := record.Sensitivity{Source: id, Changed: pair != nil, Values: values(id, varied)}
	if pair == nil {
		c.setExperiment(varied[0].run.Experiment, record.Reproducible, fmt.Sprintf("%s makes no difference", id))
		c.audit.Sensitivities = append(c.audit.Sensitivities, sensitivity)
		return false, nil
	}
	c.setExperiment(varied[0].run.Experiment, record.Diverged, fmt.Sprintf("results change with %s", id))
	cause, err := c.convictVaried(ctx, id, base, pair)
	if err != nil {
		return false, err
	}
	if cause.site != nil {
		sensitivity.File, sensitivity.Line = cause.site.File, cause.site.Line
	}
	c.audit.Sensitivities = append(c.audit.Sensitivities, sensitivity)
	c.causes = append(c.causes, *cause)
	if c.audit.Verdict != record.Diverged {
		c.audit.Verdict = record.Diverged
		c.audit.FirstDivergence = pair.first()
		if d := c.audit.FirstDivergence; d.File == "" {
			d.File, d.Line = where(cause.site)
		}
		c.audit.Reason = fmt.Sprintf("plain repeats agree, and results change with %s, as they would on another machine", id)
	}
	return true, nil
}

// convictVaried pins the varied source to one value, to show that nothing else made the varied runs differ: a pinned run
// agrees with the varied one that had the same value, or else with a second pinned run.
func (c *inquiry) convictVaried(ctx context.Context, id seed.ID, base plan.Experiment, pair *difference) (*conviction, error) {
	suspect := ruleOf(id).suspicionFor(c.evidence(pair))
	cause := &conviction{suspicion: suspect, proof: record.Observed, varied: true,
		evidence: []string{fmt.Sprintf("with %s varied, runs differ (%s and %s)", id, pair.expected.run.Values[id], pair.actual.run.Values[id])}}
	e := plan.Varied(base, id)
	e.Levels[id] = seed.Pin
	e.Name = plan.Pin([]seed.ID{id}).Name
	ask := Ask{Experiment: e, Runs: 1}
	zoomed := pair.expected.zoomed && pair.actual.zoomed
	if zoomed {
		ask.Zoom = fullZoom()
	}
	pinned, err := c.observe(ctx, ask)
	if err != nil {
		return nil, err
	}
	alike, err := c.alike(pinned[0], pair)
	if err != nil {
		return nil, err
	}
	if alike != nil {
		c.setExperiment(pinned[0].run.Experiment, record.Reproducible, "agrees with "+alike.run.ID)
		cause.evidence = append(cause.evidence, fmt.Sprintf("with %s pinned, a run agrees with the varied one that had the same value (%s and %s)", id, pinned[0].run.ID, alike.run.ID))
	} else {
		again, err := c.observe(ctx, ask)
		if err != nil {
			return nil, err
		}
		alike = again[0]
		d, err := c.differ(pinned[0], alike)
		if err != nil {
			return nil, err
		}
		if d.any() {
			c.setExperiment(pinned[0].run.Experiment, record.Diverged, "still different")
			return cause, nil
		}
		c.setExperiment(pinned[0].run.Experiment, record.Reproducible, "2 runs agree")
		cause.evidence = append(cause.evidence, fmt.Sprintf("with %s pinned, 2 runs agree (%s)", id, pinned[0].run.Experiment))
	}
	cause.proof = record.Proven
	if zoomed {
		noise, err := trace.Zoom(pinned[0].trace, alike.trace)
		if err != nil {
			return nil, err
		}
		differences, err := trace.Zoom(pair.expected.trace, pair.actual.trace)
		if err != nil {
			return nil, err
		}
		cause.narrow(differences, noise, lister{c.audit.Dir, pair.expected})
	}
	return cause, nil
}

// alike is the one of two varied runs with which a pinned run agrees, nil where it agrees with neither. Where plain repeats
// differ, agreement takes more than that.
func (c *inquiry) alike(pinned *observation, varied *difference) (*observation, error) {
	if c.plain != record.Reproducible {
		return nil, nil
	}
	for _, o := range []*observation{varied.expected, varied.actual} {
		if d, err := c.differ(o, pinned); err != nil || !d.any() {
			return o, err
		}
	}
	return nil, nil
}

// narrow chooses among several sites of a source the one at which a local value first differs, or takes that line
// where the trace has shown none. A listing that no local value holds, such as one kept in an attribute, is the last before it.
func (v *conviction) narrow(differences, noise []trace.LocalDifference, listings lister) {
	origin, found := trace.Origin(differences, noise)
	if !found {
		return
	}
	if v.site != nil && v.site.File == origin.File && v.site.Line == origin.Line {
		return
	}
	s := *v.suspicion
	s.site = &trace.Seen{Site: siteAt(origin), Step: origin.Step}
	s.story = fmt.Sprintf("%s:%d is where it first shows: %s", origin.File, origin.Line, heldDifferently(origin))
	if v.source == seed.FileOrder {
		if listing := listings.last(origin); listing != nil && at(listing) != at(s.site) {
			s.site = listing
			s.story = fmt.Sprintf("%s lists a directory (%s); it first shows at %s:%d, where %s", at(listing), listing.API, origin.File, origin.Line, heldDifferently(origin))
		}
	}
	v.suspicion = &s
}

// lister knows the listings of a run of the project in dir.
type lister struct {
	dir string
	run *observation
}

// sorts matches a line that puts names in an order of its own.
var sorts = newPattern(`\b(nat)?sorted\(|\.sort\(`)

// last is the last listing at a value's line or before it that is not sorted at once; nil where there is none.
func (l lister) last(origin trace.LocalDifference) (last *trace.Seen) {
	var order int64
	for _, s := range l.run.summary.Sites {
		if s.Kind != probe.KindList || s.Process != origin.Process || s.File == "" || ofPackages(s) || importing(s) || sorts().MatchString(sourceLine(l.dir, s.File, s.Line)) {
			continue
		}
		if s.File == origin.File && s.Line == origin.Line {
			return s
		}
		for _, p := range s.Places {
			if p.Order < origin.Order && (last == nil || p.Order > order) {
				last, order = s, p.Order
			}
		}
	}
	return last
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
