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

// guesses are the parts of the pinned suspects that are likeliest to do by themselves. Where a run with such a part pinned agrees
// with one in which all were, the others are cleared without a run of their own; where it does not, it is their release. What was
// pinned on no evidence is released in groups, of which nothing can be guessed, but for what there is evidence of.
func (c *inquiry) guesses(pair *difference, pinned []*suspicion) [][]*suspicion {
	e := c.evidence(pair)
	words := e.code.mentions(unordered)
	inOrder := func(s *suspicion) bool { return s.source == seed.PythonHash || s.source == seed.ObjectIdentity }
	read := func(s *suspicion) bool { return s.strength >= present && s.source != seed.Concurrency }
	unseen := func(s *suspicion) bool { return c.likeliestUnseen(e, s.source) }
	likely := []func(*suspicion) bool{
		func(s *suspicion) bool { return s.strength == entered && !s.early && !s.late },
		func(s *suspicion) bool { return s.strength == entered && !s.late },
	}
	most := 1
	switch {
	case e.blind(pinned) && e.raw() && (words || slices.ContainsFunc(pinned, read)):
		likely = []func(*suspicion) bool{func(s *suspicion) bool { return s.strength >= present || words && inOrder(s) }}
	case e.blind(pinned):
		return nil
	case c.unseen():
		likely = []func(*suspicion) bool{unseen, func(s *suspicion) bool { return !unseen(s) && e.starterSilent() }}
		most = 2
	}
	var parts [][]*suspicion
	for _, keep := range likely {
		part := slices.DeleteFunc(slices.Clone(pinned), func(s *suspicion) bool { return !keep(s) })
		if _, known := c.insufficient(part); !known && 0 < len(part) && len(part) < len(pinned) && len(parts) < most {
			parts = append(parts, part)
		}
	}
	return parts
}

// unseen reports whether the command has no process in which the probe sees what it draws from.
func (c *inquiry) unseen() bool { return len(c.shipped[0].run.Processes) == 0 }

// likeliestUnseen picks the sources to try first where no probe sees what a command draws from: those that a script's text has
// words for; else the clock, where runs within one of its ticks agreed and later ones did not; else the system's entropy.
func (c *inquiry) likeliestUnseen(e *evidence, id seed.ID) bool {
	switch {
	case !e.starterSilent():
		return e.starterDraws(id)
	case c.ticked():
		return id == seed.WallClock
	}
	return id == seed.OSEntropy
}

// ticked reports whether runs of a command without Python agree where they began within a tick of the clock, and only there.
func (c *inquiry) ticked() bool {
	fits, err := c.fitsAgreement(func(a, b *observation, same bool) bool { return !same || !outlasted([]*observation{a, b}) })
	return c.unseen() && c.lucky && fits && err == nil
}

// later are suspects that entered only after the runs had parted. They may follow from that, or be causes beside the one that
// parted the runs; generators that nothing has seeded are as random after that as before.
func (c *inquiry) later(pair *difference, known []*suspicion) []*suspicion {
	e := c.evidence(pair)
	if e.parted == nil {
		return nil
	}
	e.parted = nil
	var more []*suspicion
	for _, s := range atLeast(held(c.unpinned(suspects(e))), entered) {
		shown := slices.Contains(sources(atLeast(known, entered)), s.source)
		other := slices.Contains([]seed.ID{seed.Concurrency, seed.PythonHash, seed.ObjectIdentity}, s.source)
		if ruleOf(s.source).random && !shown && !other && !needsZoom([]*suspicion{s}) {
			s.late = true
			more = append(more, s)
		}
	}
	return more
}

// blind reports whether some suspects are pinned on no evidence.
func (e *evidence) blind(pinned []*suspicion) bool {
	return slices.ContainsFunc(pinned, func(s *suspicion) bool { return s.strength == possibleOnly && !traceless(s) })
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
	if usual == 0 && (!c.lucky || c.ticked()) {
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
		if c.unseen() || ask.Experiment.Levels[seed.WallClock] != seed.Pin && readsClock(c.shipped[0]) {
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
