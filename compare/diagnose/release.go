package diagnose

import (
	"context"
	"slices"

	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// minimise releases the pinned suspects, those first of whom least is known, and keeps pinned those whose release
// makes a run differ. What remains are the causes. Suspects of whom nothing is known are released in groups.
func (c *inquiry) minimise(ctx context.Context, agreed *agreement) error {
	for {
		var needed []*suspicion
		for _, group := range releaseGroups(agreed.pinned) {
			kept, err := c.release(ctx, agreed, group)
			if err != nil {
				return err
			}
			needed = append(needed, kept...)
		}
		agreed.pinned = needed
		lucky, err := c.clearedByLuck(ctx, agreed)
		if err != nil || !lucky {
			return err
		}
		c.causes = nil
		w := agreed.whole
		agreed.experiment, agreed.pinned, agreed.runs, agreed.cover = w.experiment, w.pinned, w.runs, w.cover
	}
}

// clearedByLuck reports whether a run with nothing more pinned than the causes differs after all. It is asked for where sources that leave
// no trace, and that the code has words for, were cleared by one run, and nothing was seen to enter from those that are left: an order
// of few things comes to the pinned one now and then.
func (c *inquiry) clearedByLuck(ctx context.Context, agreed *agreement) (bool, error) {
	unseen := func(v conviction) bool { return v.strength < entered && !traceless(v.suspicion) }
	reduced := slices.IndexFunc(agreed.runs, func(o *observation) bool { return o.run.Experiment != agreed.experiment.Name })
	cleared := slices.ContainsFunc(agreed.whole.pinned, func(s *suspicion) bool { return traceless(s) && !slices.Contains(agreed.pinned, s) })
	if !cleared || reduced != 1 || !slices.ContainsFunc(c.causes, unseen) {
		return false, nil
	}
	if code := userText(c.audit.Dir, c.audit.Command, c.shipped[0]); !code.mentions(unordered) && !code.mentions(ordersByHash) {
		return false, nil
	}
	c.lab.Note("Making the run with no more pinned than " + list(sources(agreed.pinned)) + " again, since one can agree by luck.")
	ask := Ask{Experiment: agreed.experiment, Runs: 1, Cover: agreed.cover}
	if agreed.runs[0].zoomed {
		ask.Zoom = fullZoom()
	}
	runs, err := c.observe(ctx, ask)
	if err != nil {
		return false, err
	}
	d, err := c.differ(agreed.runs[0], runs[0])
	if err != nil {
		return false, err
	}
	if d.any() {
		c.setExperiment(runs[0].run.Experiment, record.Diverged, "agreed at first and differs when made again: more has to be pinned")
		c.failed = append(c.failed, trial{sources: sources(agreed.pinned), experiment: runs[0].run.Experiment, released: runs[0]})
		return true, nil
	}
	agreed.runs = slices.Concat(runs, agreed.runs)
	return false, nil
}

// releaseGroups orders suspects for release: all those without evidence at once, then one by one, the weakest first.
// torch's deterministic algorithms are released before cuDNN's, which they include: released after them, they would be
// needed for whatever cuDNN does.
func releaseGroups(pinned []*suspicion) [][]*suspicion {
	var unknown []*suspicion
	var groups [][]*suspicion
	order := slices.Clone(pinned)
	wider := func(s *suspicion) bool { return s.source == seed.TorchNondeterministicOps }
	if i := slices.IndexFunc(order, wider); i >= 0 && slices.ContainsFunc(order, func(s *suspicion) bool { return s.source == seed.CudnnDeterministic }) {
		order = append(slices.Delete(order, i, i+1), pinned[i])
	}
	for _, s := range slices.Backward(order) {
		if s.strength == possibleOnly && !s.likely {
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
func (c *inquiry) release(ctx context.Context, agreed *agreement, group []*suspicion) ([]*suspicion, error) {
	if len(agreed.pinned) == len(group) && len(group) == 1 {
		// The last one left: with it pinned the runs agree, without it they are the shipped runs, which differ.
		c.convict(group[0], agreed, nil, c.base.Name)
		return group, nil
	}
	rest := slices.DeleteFunc(slices.Clone(agreed.pinned), func(s *suspicion) bool { return slices.Contains(group, s) })
	t, known := c.insufficient(rest)
	if len(group) == 1 && t.released != nil && c.mayShift(agreed, group) {
		known = false // a run without several may have shifted
	}
	if known || len(rest) == 0 {
		// With none pinned they are the shipped runs.
		if len(group) == 1 {
			c.convict(group[0], agreed, t.without(rest), t.experiment)
			return group, nil
		}
	} else if known, err := c.onlyMovesAddresses(agreed, group); known || err != nil {
		agreed.pinned = rest
		return nil, err
	} else {
		released, still, err := c.withoutGroup(ctx, agreed, group)
		if err != nil {
			return nil, err
		}
		if released == nil {
			agreed.pinned = rest
			agreed.experiment = plan.Release(agreed.experiment, sources(group)...)
			agreed.cover = covers(rest)
			agreed.runs = still
			return nil, nil
		}
		if len(group) == 1 {
			c.convict(group[0], agreed, released, released.run.Experiment)
			return group, nil
		}
		c.failed = append(c.failed, trial{sources: sources(rest), experiment: released.run.Experiment, released: released,
			mayShift: c.mayShift(agreed, group)})
	}
	half := len(group) / 2
	first, err := c.release(ctx, agreed, group[:half])
	if err != nil {
		return nil, err
	}
	second, err := c.release(ctx, agreed, group[half:])
	return slices.Concat(first, second), err
}

// withoutGroup runs the agreed experiment without a group of its suspects, and returns the run that then differs; nil when
// the release changes nothing, and then all the runs that agree with the smaller set pinned, one of these runs first.
func (c *inquiry) withoutGroup(ctx context.Context, agreed *agreement, group []*suspicion) (released *observation, still []*observation, err error) {
	rest := slices.DeleteFunc(slices.Clone(agreed.pinned), func(s *suspicion) bool { return slices.Contains(group, s) })
	e := plan.Release(agreed.experiment, sources(group)...)
	ask := Ask{Experiment: e, Runs: 1, Cover: covers(rest)}
	if agreed.runs[0].zoomed && (needsZoom(group) || needsZoom(rest)) {
		ask.Zoom = fullZoom()
	}
	// Of a group that is then split, its members are asked.
	shifts := len(group) == 1 && c.mayShift(agreed, group)
	if !shifts {
		ask.Enough = c.parted(agreed.runs[0], ask.Zoom)
	}
	c.lab.Note("Releasing " + list(sources(group)) + " to see whether the runs differ again.")
	if c.unseen() || c.scripted() && slices.Contains(sources(group), seed.WallClock) {
		// Nothing shows a clock that such a program reads: this run tells whether one made the others agree.
		if err := outlastTick(ctx, agreed.runs); err != nil {
			return nil, nil, err
		}
	}
	samples, err := c.releaseSamples(agreed, group)
	if err != nil {
		return nil, nil, err
	}
	still = agreed.runs
	for range samples {
		runs := agreed.without(rest)
		if runs == nil {
			if runs, err = c.observe(ctx, ask); err != nil {
				return nil, nil, err
			}
		}
		d, err := c.differ(agreed.runs[0], runs[0])
		if err != nil {
			return nil, nil, err
		}
		if !d.any() {
			still = slices.Concat(runs, still)
			continue
		}
		shown, err := c.showsAddresses(agreed, group, runs[0])
		if err != nil {
			return nil, nil, err
		}
		if shown {
			group[0].strength = entered
		}
		if shifts && !shown {
			again, err := c.shifted(ctx, ask, group, runs)
			if err != nil || again != nil {
				return nil, again, err
			}
		}
		c.setExperiment(runs[0].run.Experiment, record.Diverged, "differs with "+list(sources(group))+" released")
		return runs[0], nil, nil
	}
	c.setExperiment(still[0].run.Experiment, record.Reproducible, "still agrees with "+list(sources(group))+" released: not a cause")
	return nil, still, nil
}

// releaseSamples is the number of runs without a group that have to agree with the others to show that it is no cause: one such run
// can come to the same by luck, and the likelier so where traces by line show the group at work.
func (c *inquiry) releaseSamples(agreed *agreement, group []*suspicion) (int, error) {
	const one, several = 1, 3
	usual, err := c.usual(agreed.runs[0])
	if err != nil {
		return 0, err
	}
	released, byHash := sources(group), false
	if slices.Contains(released, seed.PythonHash) || slices.Contains(released, seed.ObjectIdentity) {
		if byHash, err = c.ordersByHash(agreed); err != nil {
			return 0, err
		}
	}
	switch {
	case byHash && slices.Equal(released, []seed.ID{seed.ObjectIdentity}), c.followsOrder && !slices.Contains(released, seed.PythonHash):
		return one, nil
	case usual > 0 && len(c.causes) == 0, byHash && slices.Contains(released, seed.PythonHash):
		return max(several, c.beyondLuck(usual)), nil // else what is left would be accused
	case c.lucky, usual > 0, c.takesAddresses(group):
		return several, nil
	}
	return one, nil
}

// shifted makes the run without a group once more, and returns both where they agree: then the release has changed what comes out, and
// has not made it vary. It returns nil where they differ.
func (c *inquiry) shifted(ctx context.Context, ask Ask, group []*suspicion, runs []*observation) ([]*observation, error) {
	if slices.Contains(sources(group), seed.WallClock) {
		if err := outlastTick(ctx, runs); err != nil {
			return nil, err
		}
	}
	again, err := c.observe(ctx, ask)
	if err != nil {
		return nil, err
	}
	d, err := c.differ(runs[0], again[0])
	if err != nil || d.any() {
		return nil, err
	}
	c.setExperiment(runs[0].run.Experiment, record.Reproducible, "runs agree with "+list(sources(group))+" released: not a cause")
	// From now on runs are compared with these, which such a trial was not.
	c.failed = slices.DeleteFunc(c.failed, func(t trial) bool { return t.mayShift })
	return slices.Concat(runs, again), nil
}

// mayShift reports whether a release can change results without making them vary: a source that merely has another value
// than the pinned one differs from the pinned runs and not from itself; with the address-space layout pinned whatever
// changes the size of the environment moves every address; where the launcher answers reads of entropy from one stream, a
// process that reads more or less of it (Python reads its hash seed there) is given other bytes afterwards, and programs that mix
// them with their environment make of them something else; a pool of several divides its work otherwise than one of one; workers
// whose base seed is released take it from torch's stream, which may itself be pinned; and of a clock only the date may be used.
func (c *inquiry) mayShift(agreed *agreement, group []*suspicion) bool {
	pins := sources(agreed.pinned)
	if slices.ContainsFunc(group, func(s *suspicion) bool {
		return s.source == seed.Concurrency || s.source == seed.WallClock && s.strength < entered
	}) {
		return true
	}
	if slices.Contains(pins, seed.TorchCPU) && slices.Contains(sources(group), seed.DataloaderWorkers) {
		return true
	}
	repeats := (agreed.experiment.WholeTree || c.scripted()) && slices.Contains(pins, seed.OSEntropy)
	return c.pinsLayout(agreed) || repeats || !slices.ContainsFunc(group, func(s *suspicion) bool { return ruleOf(s.source).random })
}

func (c *inquiry) pinsLayout(agreed *agreement) bool {
	return slices.ContainsFunc(agreed.pinned, func(s *suspicion) bool { return s.source == seed.ObjectIdentity })
}
