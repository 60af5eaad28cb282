package diagnose

import (
	"context"
	"slices"

	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/seed"
)

// agreement is an experiment under which the runs agree: the state from which suspects are released one by one.
type agreement struct {
	experiment plan.Experiment
	pinned     []*suspicion
	runs       []*observation
	cover      []string
	whole      whole
	// tried are runs with fewer suspects pinned that differed from these.
	tried []attempt
	// usual says that one run was enough to see that an agreement would say nothing (see inquiry.comesAnyway).
	usual bool
}

// whole is the agreement before any suspect was released. Its runs and those with one suspect released differ in nothing
// but that suspect, bait included, which is what a comparison line by line needs.
type whole struct {
	experiment plan.Experiment
	pinned     []*suspicion
	zoom       *plan.Zoom
	runs       []*observation
	cover      []string
}

// agree widens the set of pinned suspects until runs agree. It returns nil when even pinning everything does not make
// them, and the sources that had been pinned by then.
//
// Runs that still differ are evidence as well: what entered where they part is pinned next. Only when nothing new
// entered is everything pinned that was read or leaves no trace, and at last all that can be.
func (c *inquiry) agree(ctx context.Context, pair *difference, all []*suspicion) (*agreement, []seed.ID, error) {
	rounds := []func([]*suspicion) []*suspicion{firstRound, secondRound, c.everything}
	elsewhere := fromElsewhere(all)
	all = held(all)
	all = merge(all, c.later(pair, all))
	if elsewhere != nil && len(atLeast(all, entered)) == 0 && !c.evidence(pair).code.mentions(unordered) {
		// Nothing else is at hand, and the code has no words for what leaves no trace: only pinning everything tells.
		rounds = rounds[2:]
	} else if c.evidence(pair).raw() && len(atLeast(all, entered)) == 0 {
		rounds = rounds[2:] // threads take turns in another order whatever is pinned: everything at once rules out the most
	}
	if len(atLeast(all, entered)) == 0 && len(inScript(all)) > 0 {
		rounds = slices.Insert(rounds, 0, inScript)
	}
	var pinned []*suspicion
	for len(rounds) > 0 {
		round := merge(pinned, slices.DeleteFunc(rounds[0](all), func(s *suspicion) bool { return !c.pins(s.source) }))
		last := len(rounds) == 1
		rounds = rounds[1:]
		if len(round) == len(pinned) {
			continue
		}
		pinned = round
		if _, known := c.insufficient(pinned); known {
			continue
		}
		c.lab.Note("Runs differ. Pinning " + list(sources(pinned)) + " to see whether that makes them agree.")
		found, still, err := c.holds(ctx, pair, c.pinSuspects(pinned, last), pinned)
		if found != nil && err == nil {
			usual := found.usual
			if !usual {
				usual, err = c.comesAnyway(ctx, pair, found.pinned, found.runs[0])
			}
			if err == nil && !usual {
				usual, err = c.byInput(ctx, elsewhere, found)
			}
			if usual {
				return nil, sources(pinned), err
			}
		}
		if found != nil || err != nil {
			return found, sources(pinned), err
		}
		fresh := atLeast(held(c.unpinned(suspects(c.evidence(still)))), entered)
		all = merge(all, fresh)
		if len(merge(pinned, fresh)) > len(pinned) {
			rounds = slices.Insert(rounds, 0, func([]*suspicion) []*suspicion { return fresh })
		}
	}
	return nil, sources(pinned), nil
}

// pinSuspects is the experiment that pins the given suspects.
func (c *inquiry) pinSuspects(list []*suspicion, everything bool) plan.Experiment {
	e := c.pin(sources(list), everything)
	e.WholeTree = e.WholeTree || slices.ContainsFunc(list, func(s *suspicion) bool { return s.wholeTree })
	return e
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
	e.WholeTree = c.unseen()
	return e
}

// holds makes two runs with suspects pinned, or more where agreement could be luck, and returns them when they agree, else
// two of them that differ.
func (c *inquiry) holds(ctx context.Context, pair *difference, e plan.Experiment, pinned []*suspicion) (*agreement, *difference, error) {
	ask := Ask{Experiment: e, Runs: 1, Cover: covers(pinned)}
	if needsZoom(pinned) && !c.hidden {
		ask.Zoom = zoomFor(pair)
	}
	first, err := c.observe(ctx, ask)
	if err != nil {
		return nil, nil, err
	}
	if c.evidence(pair).blind(pinned) {
		// With all pinned, more runs could only show that it was luck.
		if usual, err := c.comesAnyway(ctx, pair, pinned, first[0]); err != nil || usual {
			return &agreement{usual: usual}, nil, err
		}
	}
	if hides, err := c.tracingHides(ctx, first[0], ask.Zoom); err != nil {
		return nil, nil, err
	} else if hides {
		c.hidden = true
		return c.holds(ctx, pair, e, pinned)
	}
	return c.fewest(ctx, pair, ask, first[0], pinned)
}

// untilDiffer makes as many runs as asked for, those that there are already included, two at first, and no more once one differs from
// the first: then it returns that pair.
func (c *inquiry) untilDiffer(ctx context.Context, ask Ask, there ...*observation) (runs []*observation, pair *difference, err error) {
	runs = there
	for n := ask.Runs; len(runs) < n; {
		ask.Runs = min(n-len(runs), max(2-len(runs), 1, c.audit.Settings.Jobs))
		made, err := c.observe(ctx, ask)
		runs = append(runs, made...)
		if err != nil {
			return runs, nil, err
		}
		for _, o := range made {
			if o == runs[0] {
				continue
			}
			if pair, err = c.differ(runs[0], o); err != nil || pair.any() {
				return runs, pair, err
			}
		}
	}
	return runs, nil, nil
}

func covers(list []*suspicion) []string {
	var dirs []string
	for _, s := range list {
		dirs = append(dirs, s.cover...)
	}
	return dirs
}
