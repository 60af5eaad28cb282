package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// conviction is a source that experiments, or the traces alone, show to be a cause.
type conviction struct {
	*suspicion
	proof    record.Proof
	evidence []string
	// released is a zoomed run in which the source was free and every other suspect as in the pinned runs; nil if none.
	released *observation
}

// agreement is an experiment under which the runs agree: the state from which suspects are released one by one.
type agreement struct {
	experiment plan.Experiment
	pinned     []*suspicion
	runs       []*observation
	cover      []string
}

// firstRound are the suspects worth pinning first: those whose values were seen to enter, or, where there are none,
// everything that was read, and the hash seed, which leaves no trace.
func firstRound(all []*suspicion) []*suspicion {
	strong := atLeast(all, entered)
	if len(strong) > 0 {
		return strong
	}
	return secondRound(all)
}

func secondRound(all []*suspicion) []*suspicion {
	return slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool {
		return s.strength < present && s.source != seed.PythonHash
	})
}

// thirdRound adds the layout of the address space, which nothing in a trace shows.
func thirdRound(all []*suspicion) []*suspicion {
	return slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool {
		return s.strength < present && s.source != seed.PythonHash && s.source != seed.ObjectIdentity
	})
}

func atLeast(all []*suspicion, least strength) []*suspicion {
	return slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool { return s.strength < least })
}

// diagnose finds the sources that made a pair of shipped runs differ.
func (c *inquiry) diagnose(ctx context.Context, pair *difference) error {
	all := c.unpinned(suspects(c.evidence(pair)))
	agreed, tried, err := c.agree(ctx, pair, all)
	if err != nil {
		c.suspectOnly(all)
		return err
	}
	if agreed == nil {
		c.observed(pair, all, tried)
		return nil
	}
	if err := c.minimise(ctx, agreed); err != nil {
		c.suspectOnly(agreed.pinned)
		return err
	}
	return c.locate(ctx, pair, agreed)
}

// unpinned leaves out what the user has asked to pin in every run.
func (c *inquiry) unpinned(all []*suspicion) []*suspicion {
	return slices.DeleteFunc(all, func(s *suspicion) bool { return slices.Contains(c.audit.Settings.Pin, s.source) })
}

// agree widens the set of pinned suspects until two runs agree. It returns nil when even pinning everything does not
// make them, and the sources that had been pinned by then.
func (c *inquiry) agree(ctx context.Context, pair *difference, all []*suspicion) (*agreement, []seed.ID, error) {
	everything := slices.Clone(all)
	for _, id := range pinnable() {
		if !slices.ContainsFunc(all, func(s *suspicion) bool { return s.source == id }) && !slices.Contains(c.audit.Settings.Pin, id) {
			everything = append(everything, &suspicion{source: id, strength: possibleOnly})
		}
	}
	rounds := [][]*suspicion{firstRound(all), secondRound(all), thirdRound(all), everything}
	var last []seed.ID
	for i, round := range rounds {
		round = slices.DeleteFunc(slices.Clone(round), func(s *suspicion) bool { return !c.pins(s.source) })
		ids := sources(round)
		slices.Sort(ids)
		if len(ids) == 0 || slices.Equal(ids, last) {
			continue
		}
		last = ids
		experiment := c.pin(ids, i == len(rounds)-1)
		c.lab.Note("Runs differ. Pinning " + list(ids) + " to see whether that makes them agree.")
		found, err := c.holds(ctx, pair, experiment, round)
		if found != nil || err != nil {
			return found, last, err
		}
	}
	return nil, last, nil
}

// pin is the experiment that pins the given sources beside those that the user pins.
func (c *inquiry) pin(ids []seed.ID, everything bool) plan.Experiment {
	if everything {
		return plan.Pinned(slices.Concat(c.audit.Settings.Pin, ids))
	}
	e := plan.Pin(ids)
	for _, id := range c.audit.Settings.Pin {
		e.Levels[id] = seed.Pin
	}
	// Where no Python process speaks up the probe can pin nothing, and the launcher has to.
	e.WholeTree = len(c.shipped[0].run.Processes) == 0
	return e
}

// holds makes two runs of an experiment, or more where agreement could be luck, and returns them when they agree.
func (c *inquiry) holds(ctx context.Context, pair *difference, e plan.Experiment, pinned []*suspicion) (*agreement, error) {
	n := c.enough(pair)
	ask := Ask{Experiment: e, Runs: n, Cover: covers(pinned)}
	if needsZoom(pinned) {
		ask.Zoom = zoomFor(pair)
	}
	runs, err := c.observe(ctx, ask)
	c.seen = append(c.seen, runs...)
	if err != nil {
		return nil, err
	}
	for _, o := range runs[1:] {
		d, err := c.differ(runs[0], o)
		if err != nil {
			return nil, err
		}
		if d.any() {
			c.setExperiment(runs[0].run.Experiment, record.Diverged, "still different: something that was not pinned is a cause")
			return nil, nil
		}
	}
	c.setExperiment(runs[0].run.Experiment, record.Reproducible, fmt.Sprintf("%d runs agree", n))
	return &agreement{experiment: e, pinned: pinned, runs: runs, cover: ask.Cover}, nil
}

// enough is the number of pinned runs whose agreement counts as shown. Where only some of the shipped runs differ, or
// where work went on at the same time, two runs can agree by luck.
func (c *inquiry) enough(pair *difference) int {
	e := c.evidence(pair)
	racing := e.seen(func(s *trace.Seen) bool {
		return s.Kind == probe.KindTask || s.Kind == probe.KindOp && e.parallelKernels()
	}) != nil
	switch {
	case c.lucky:
		return 4
	case racing:
		return 3
	}
	return 2
}

// minimise releases the pinned suspects, those first of whom least is known, and keeps pinned those whose release
// makes a run differ. What remains are the causes. Suspects of whom nothing is known are released in groups.
func (c *inquiry) minimise(ctx context.Context, agreed *agreement) error {
	var needed []*suspicion
	for _, group := range releaseGroups(agreed.pinned) {
		kept, err := c.release(ctx, agreed, group, needed)
		if err != nil {
			return err
		}
		needed = append(needed, kept...)
	}
	agreed.pinned = needed
	return nil
}

// releaseGroups orders suspects for release: all those without evidence at once, then one by one, the weakest first.
func releaseGroups(pinned []*suspicion) [][]*suspicion {
	var unknown []*suspicion
	var groups [][]*suspicion
	for _, s := range slices.Backward(pinned) {
		if s.strength == possibleOnly && s.source != seed.PythonHash {
			unknown = append(unknown, s)
			continue
		}
		groups = append(groups, []*suspicion{s})
	}
	if len(unknown) > 0 {
		groups = slices.Insert(groups, 0, unknown)
	}
	return groups
}

// release frees a group of suspects and returns those of them that are needed for the runs to agree.
func (c *inquiry) release(ctx context.Context, agreed *agreement, group, needed []*suspicion) ([]*suspicion, error) {
	if len(agreed.pinned) == len(group) && len(group) == 1 {
		// The last one left: with it pinned the runs agree, without it they are the shipped runs, which differ.
		c.convict(group[0], agreed, nil)
		return group, nil
	}
	released, representative, err := c.withoutGroup(ctx, agreed, group)
	if err != nil {
		return nil, err
	}
	if representative != nil {
		rest := slices.DeleteFunc(slices.Clone(agreed.pinned), func(s *suspicion) bool { return slices.Contains(group, s) })
		agreed.pinned = rest
		agreed.experiment = plan.Release(agreed.experiment, sources(group)...)
		agreed.cover = covers(rest)
		agreed.runs = append([]*observation{representative}, agreed.runs...)
		return nil, nil
	}
	if len(group) == 1 {
		c.convict(group[0], agreed, released)
		return group, nil
	}
	half := len(group) / 2
	first, err := c.release(ctx, agreed, group[:half], needed)
	if err != nil {
		return nil, err
	}
	second, err := c.release(ctx, agreed, group[half:], slices.Concat(needed, first))
	return slices.Concat(first, second), err
}

// withoutGroup runs the agreed experiment without a group of its suspects. When the release changes nothing it returns
// a run that represents the smaller set; otherwise the run that differs.
func (c *inquiry) withoutGroup(ctx context.Context, agreed *agreement, group []*suspicion) (released, representative *observation, err error) {
	rest := slices.DeleteFunc(slices.Clone(agreed.pinned), func(s *suspicion) bool { return slices.Contains(group, s) })
	e := plan.Release(agreed.experiment, sources(group)...)
	ask := Ask{Experiment: e, Runs: 1, Cover: covers(rest)}
	if needsZoom(group) && len(group) == 1 && agreed.runs[0].zoomed {
		ask.Zoom = fullZoom()
	}
	c.lab.Note("Releasing " + list(sources(group)) + " to see whether the runs differ again.")
	samples := 1
	if c.lucky {
		samples = 3
	}
	for range samples {
		runs, err := c.observe(ctx, ask)
		c.seen = append(c.seen, runs...)
		if err != nil {
			return nil, nil, err
		}
		d, err := c.differ(agreed.runs[0], runs[0])
		if err != nil {
			return nil, nil, err
		}
		if !d.any() {
			representative = runs[0]
			continue
		}
		if c.mayShift(agreed, group) {
			again, err := c.observe(ctx, ask)
			c.seen = append(c.seen, again...)
			if err != nil {
				return nil, nil, err
			}
			same, err := c.differ(runs[0], again[0])
			if err != nil {
				return nil, nil, err
			}
			if !same.any() {
				c.setExperiment(runs[0].run.Experiment, record.Reproducible, "runs agree with "+list(sources(group))+" released: not a cause")
				return nil, runs[0], nil
			}
		}
		c.setExperiment(runs[0].run.Experiment, record.Diverged, "differs with "+list(sources(group))+" released")
		return runs[0], nil, nil
	}
	c.setExperiment(representative.run.Experiment, record.Reproducible, "still agrees with "+list(sources(group))+" released: not a cause")
	return nil, representative, nil
}

// mayShift reports whether a release can change results without making them vary: a source that merely has another value
// than the pinned one differs from the pinned runs and not from itself, and with the address-space layout pinned
// whatever changes the size of the environment moves every address.
func (c *inquiry) mayShift(agreed *agreement, group []*suspicion) bool {
	pinsLayout := slices.ContainsFunc(agreed.pinned, func(s *suspicion) bool { return s.source == seed.ObjectIdentity })
	return pinsLayout || !slices.ContainsFunc(group, func(s *suspicion) bool { return ruleOf(s.source).random })
}

// convict records that a source is proven.
func (c *inquiry) convict(s *suspicion, agreed *agreement, released *observation) {
	with := list(sources(agreed.pinned))
	lines := []string{fmt.Sprintf("with %s pinned, %d runs agree (%s)", with, len(agreed.runs), agreed.runs[len(agreed.runs)-1].run.Experiment)}
	if released == nil {
		lines = append(lines, fmt.Sprintf("with %s left to the command, runs differ (%s)", s.source, c.base.Name))
	} else {
		lines = append(lines, fmt.Sprintf("with %s released again, a run differs (%s)", s.source, released.run.Experiment))
	}
	c.causes = append(c.causes, conviction{suspicion: s, proof: record.Proven, evidence: lines, released: released})
}

// suspectOnly records what the traces say when no experiment could be finished.
func (c *inquiry) suspectOnly(all []*suspicion) {
	proven := slices.DeleteFunc(slices.Clone(c.causes), func(v conviction) bool { return v.proof == record.Suspected })
	for _, s := range atLeast(all, entered) {
		if slices.ContainsFunc(proven, func(v conviction) bool { return v.source == s.source }) {
			continue
		}
		c.causes = append(c.causes, conviction{suspicion: s, proof: record.Suspected,
			evidence: []string{"the traces show it entering before the runs part; no finished experiment proves it"}})
	}
}

// observed tells of a cause that nothing can pin: where the runs part, what was there, and what was ruled out.
func (c *inquiry) observed(pair *difference, all []*suspicion, ruledOut []seed.ID) {
	cannot := func(s *suspicion) bool {
		return s.site != nil && s.strength >= present && slices.Contains([]seed.ID{seed.Concurrency, seed.ExternalState, seed.TorchNondeterministicOps}, s.source)
	}
	for _, s := range all {
		if !cannot(s) {
			continue
		}
		lines := []string{"runs differ even with " + list(ruledOut) + " pinned, so none of these is the whole cause"}
		if p := pair.training.First; p != nil {
			lines = append(lines, fmt.Sprintf("the runs part at the %s of step %d, after %s", p.Kind, p.Step, at(s.site)))
		}
		c.causes = append(c.causes, conviction{suspicion: s, proof: record.Observed, evidence: lines})
		return
	}
	c.limit("No cause was found: runs differ even with " + list(ruledOut) + " pinned. What is left is a race, a kernel without a fixed result, or state outside the machine.")
}

func covers(list []*suspicion) []string {
	var dirs []string
	for _, s := range list {
		dirs = append(dirs, s.cover...)
	}
	return dirs
}

// list names sources in a sentence.
func list(ids []seed.ID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(id)
	}
	slices.Sort(names)
	switch len(names) {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
