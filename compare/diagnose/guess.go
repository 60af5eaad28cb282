package diagnose

import (
	"slices"

	"github.com/reprocheck/reprocheck/seed"
)

// namesRun matches a line that makes a name for the run or for what it writes.
var namesRun = newPattern(`(^|[:;])\s*(self\.|\w+,\s*)?\w*(run|name|uu?id|dir|path|stamp)\w*\s*=`)

// guesses are the parts of the pinned suspects that are likeliest to do by themselves. Where a run with such a part pinned agrees
// with one in which all were, the others are cleared without a run of their own; where it does not, it is their release. What was
// pinned on no evidence is released in groups, of which little can be guessed, but for what there is evidence of.
func (c *inquiry) guesses(pair *difference, pinned []*suspicion) [][]*suspicion {
	e := c.evidence(pair)
	words := e.code.mentions(unordered) || e.code.mentions(ordersByHash)
	inOrder := func(s *suspicion) bool { return s.source == seed.PythonHash || s.source == seed.ObjectIdentity }
	read := func(s *suspicion) bool { return s.strength >= present && s.source != seed.Concurrency }
	unseen := func(s *suspicion) bool { return c.likeliestUnseen(e, s.source) }
	likely := []func(*suspicion) bool{
		func(s *suspicion) bool { return s.strength == entered && !s.early && !s.late },
		func(s *suspicion) bool { return s.strength == entered && !s.late },
		func(s *suspicion) bool { return !s.scripted }, // those were tried before
	}
	most := 1
	switch {
	case e.blind(pinned) && e.raw() && (words || slices.ContainsFunc(pinned, read)):
		likely = []func(*suspicion) bool{func(s *suspicion) bool { return s.strength >= present || words && inOrder(s) }}
	case e.blind(pinned) && (e.racing() || fromElsewhere(suspects(e)) != nil):
		return nil
	case e.blind(pinned):
		// What leaves no trace in Python did not do: a library in another language may have drawn, or another program.
		likely = []func(*suspicion) bool{func(s *suspicion) bool { return s.source == seed.OSEntropy }}
	case c.unseen():
		likely = []func(*suspicion) bool{unseen, func(s *suspicion) bool { return !unseen(s) && e.starterSilent() }}
		most = 2
	case words && !slices.ContainsFunc(pinned, func(s *suspicion) bool { return !traceless(s) && !e.shown(s) }):
		likely = []func(*suspicion) bool{traceless}
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

// blind reports whether some suspects are pinned on no evidence.
func (e *evidence) blind(pinned []*suspicion) bool {
	return slices.ContainsFunc(pinned, func(s *suspicion) bool { return s.strength == possibleOnly && !traceless(s) })
}

// shown reports whether all that was seen of a suspect is a line that prints it or notes when something began, as names of runs and
// times of epochs are.
func (e *evidence) shown(s *suspicion) bool {
	return s.strength == present && s.site != nil && matchesAny(e.line(s.site), onlyShows, startsWatch, namesRun)
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
	return (c.unseen() || c.scripted()) && c.lucky && fits && err == nil
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
