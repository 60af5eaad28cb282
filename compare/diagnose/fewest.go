package diagnose

import (
	"context"
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// attempt is one run with a part of the suspects pinned that differed from one with all of them pinned: the run that releasing the
// others calls for.
type attempt struct {
	pinned []seed.ID
	run    *observation
}

// fewest looks for the fewest suspects whose pinning makes as many runs agree as are asked for, the first of them a run with all
// pinned: with each guess pinned, and at last with all. Guesses are made where no run as shipped came to the first run's result,
// since each is one more chance to agree by luck on a usual one. Without an agreement it returns two runs with all pinned that differ.
func (c *inquiry) fewest(ctx context.Context, pair *difference, ask Ask, first *observation, pinned []*suspicion) (*agreement, *difference, error) {
	usual, err := c.usual(first)
	if err != nil {
		return nil, nil, err
	}
	var tried []attempt
	var differing *difference
	var parts [][]*suspicion
	if c.followsOrder || usual == 0 && (!c.lucky || c.ticked()) {
		parts = c.guesses(pair, pinned)
	}
	for _, part := range append(parts, pinned) {
		ask := ask
		ask.Runs = c.enough(pair, part, usual)
		if c.unseen() {
			ask.Runs += len(tried) // each guess is one more chance to agree by luck
		}
		released := slices.DeleteFunc(sources(pinned), func(id seed.ID) bool { return slices.Contains(sources(part), id) })
		if len(released) > 0 {
			ask.Experiment, ask.Cover = plan.Release(ask.Experiment, released...), covers(part)
			ask.Experiment.Name = plan.Pin(sources(part)).Name
			c.lab.Note("Pinning no more than " + list(sources(part)) + ", to see whether that is enough.")
		}
		if c.unseen() || ask.Experiment.Levels[seed.WallClock] != seed.Pin && c.mayReadClock(c.shipped[0]) {
			if err := sleepUntil(ctx, first.run.Started.Add(tick)); err != nil {
				return nil, nil, err
			}
		}
		var runs []*observation
		if runs, differing, err = c.untilDiffer(ctx, ask, first); err != nil {
			return nil, nil, err
		}
		name := runs[len(runs)-1].run.Experiment
		if differing == nil {
			for _, s := range part {
				s.likely = len(released) > 0 && c.unseen()
			}
			slices.Reverse(runs) // those with no more pinned than the part first
			says := fmt.Sprintf("%d runs agree", len(runs))
			if len(released) > 0 {
				c.setExperiment(first.run.Experiment, record.Reproducible, "agrees with the runs of "+name)
				says += ", of which one had " + list(sources(pinned)) + " pinned"
			}
			c.setExperiment(name, record.Reproducible, says)
			return &agreement{experiment: ask.Experiment, pinned: part, runs: runs, cover: ask.Cover, tried: tried,
				whole: whole{experiment: ask.Experiment, pinned: part, runs: runs, zoom: ask.Zoom, cover: ask.Cover}}, nil, nil
		}
		c.setExperiment(name, record.Diverged, "differs with "+list(released)+" released")
		tried = append(tried, attempt{pinned: sources(part), run: runs[len(runs)-1]})
	}
	name := first.run.Experiment
	c.setExperiment(name, record.Diverged, "still different: something that was not pinned is a cause")
	c.failed = append(c.failed, trial{sources: sources(pinned), experiment: name})
	return nil, differing, nil
}

// usual is the number of runs as shipped that came to what a pinned run comes to. Runs that agree by luck on a result of which there
// is none are rarer than runs that agree on a usual one, so fewer are enough.
func (c *inquiry) usual(pinned *observation) (n int, err error) {
	for _, o := range c.shipped {
		d, err := c.differ(o, pinned)
		if err != nil {
			return 0, err
		}
		if !d.any() {
			n++
		}
	}
	return n, nil
}

// without takes the run that was made with no more than these suspects pinned, before it was known that the others matter; none if
// there is none.
func (a *agreement) without(rest []*suspicion) []*observation {
	for i, t := range a.tried {
		if len(t.pinned) == len(rest) && !slices.ContainsFunc(rest, func(s *suspicion) bool { return !slices.Contains(t.pinned, s.source) }) {
			a.tried = slices.Delete(a.tried, i, i+1)
			return []*observation{t.run}
		}
	}
	return nil
}
