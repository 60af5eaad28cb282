package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// evidence is what the traces of two runs that differ say about the sources.
type evidence struct {
	expected, actual *observation
	// changes are the sites at which the two runs saw different things.
	changes []trace.Change
	// parted is where the state of the training parted, nil where no state was seen to.
	parted *trace.Divergence
	// code is the user's own source text, and dir where it lies.
	code text
	dir  string
	// starters are what the command names besides Python, and started the lines of Python by which it starts other programs.
	starters, started []starter
}

// evidence is what two runs say, gathered once. Each caller has a value of its own, to look at it as if they had parted elsewhere.
func (c *inquiry) evidence(d *difference) *evidence {
	if d.evidence == nil {
		d.evidence = &evidence{expected: d.expected, actual: d.actual, parted: d.training.First,
			code:     userText(c.audit.Dir, c.audit.Command, d.expected),
			dir:      c.audit.Dir,
			starters: c.starters,
			started:  startedBy(c.audit.Dir, userFiles(c.audit.Command, d.expected)),
			changes:  trace.Changes(d.expected.summary, d.actual.summary)}
	}
	e := *d.evidence
	return &e
}

// before reports whether a site was reached before the training's state parted. A process other than the one that
// parted has no common clock with it and counts as before.
func (e *evidence) before(s *trace.Seen) bool {
	return e.parted == nil || s.Process != e.parted.Process || s.Order < e.parted.Order
}

// changed returns the first change for which keep holds among those before the divergence.
func (e *evidence) changed(keep func(trace.Change) bool) *trace.Change {
	for i := range e.changes {
		if c := &e.changes[i]; e.before(c.Seen) && keep(*c) {
			return c
		}
	}
	return nil
}

// latest is changed for draws: it prefers one after the last state that the runs still shared, since what entered before
// that had no effect on it, as when drawn weights are overwritten.
func (e *evidence) latest(keep func(trace.Change) bool) *trace.Change {
	if e.parted != nil {
		if c := e.changed(func(c trace.Change) bool {
			return c.Process == e.parted.Process && c.Order > e.parted.Shared && keep(c)
		}); c != nil {
			return c
		}
	}
	return e.changed(keep)
}

// sharedAfter reports whether the runs shared a state of the training after a site.
func (e *evidence) sharedAfter(s *trace.Seen) bool {
	return e.parted != nil && s.Process == e.parted.Process && s.Order <= e.parted.Shared
}

// seen returns the first site of the expected run for which keep holds among those before the divergence.
func (e *evidence) seen(keep func(*trace.Seen) bool) *trace.Seen {
	for _, s := range e.expected.summary.Sites {
		if e.before(s) && keep(s) {
			return s
		}
	}
	return nil
}

// line is the text of a site's line.
func (e *evidence) line(s *trace.Seen) string { return sourceLine(e.dir, s.File, s.Line) }

// fact is a fact of the main process.
func (e *evidence) fact(name string) string { return e.expected.summary.Facts["main"][name] }

// anyFact reports whether a fact has a value in some process.
func (o *observation) anyFact(name, value string) bool {
	for _, facts := range o.summary.Facts {
		if facts[name] == value {
			return true
		}
	}
	return false
}

// inWorker reports whether a site belongs to a DataLoader worker.
func inWorker(s *trace.Seen) bool {
	last := s.Process[strings.LastIndexByte(s.Process, '/')+1:]
	return strings.HasPrefix(last, "worker-")
}

// reseededFrom returns the seed call, on a stream and before a site, whose explicit value differs between the runs:
// the draws that follow it are its consequence, and what made the value is the source.
func (e *evidence) reseededFrom(stream seed.ID, before *trace.Seen) *trace.Change {
	return e.changed(func(c trace.Change) bool {
		return isSeeding(c.Seen) && c.Stream == stream && !c.Missing && explicit(c) &&
			(before == nil || c.Process != before.Process || c.Order <= before.Order)
	})
}

// isSeeding reports whether the user's code set a generator's state: by a seed call, or by making a generator from a
// seed. What a DataLoader gives its workers, forked or spawned, is not the user's: it follows from the base seed.
func isSeeding(s *trace.Seen) bool {
	byLoader := s.Lib != "" && (inWorker(s) || strings.HasPrefix(s.Lib, "torch.utils.data"))
	return (s.Kind == probe.KindSeed || s.Kind == probe.KindNew) && !byLoader
}

// explicit reports whether both runs gave a value of their own. A state that is put back, as torch.random.fork_rng does,
// is not one: it carries on what the stream was before.
func explicit(c trace.Change) bool {
	return !slices.ContainsFunc(c.Values[:], func(v string) bool {
		return v == "" || v == "None" || v == "unseeded" || strings.HasPrefix(v, "state:")
	})
}

// seedOrigin is the first seeding of any stream whose explicit value differs between the runs and which the
// probe, or the line's own text, traces to the given origins.
func (e *evidence) seedOrigin(origins ...string) *trace.Change {
	return e.changed(func(c trace.Change) bool {
		return isSeeding(c.Seen) && explicit(c) && slices.ContainsFunc(c.Origins, func(o string) bool { return slices.Contains(origins, o) })
	})
}

// handedOut is the line that was handed the value from which a seeding was made: there the source entered. It is nil where
// the probe did not see that.
func (e *evidence) handedOut(seeding *trace.Change, kind probe.Kind) *trace.Seen {
	file, line := seeding.First.DetailString("origin_file"), seeding.First.DetailInt("origin_line")
	return e.seen(func(s *trace.Seen) bool {
		return s.Kind == kind && s.File == file && int64(s.Line) == line && file != ""
	})
}

// andSeeds says which line seeds a stream with a value, after a sentence about the line that read it: nothing where that is the
// same line.
func andSeeds(read *trace.Seen, seeding *trace.Change) string {
	values := fmt.Sprintf("%s in one run, %s in the other", seeding.Values[0], seeding.Values[1])
	if at(read) == at(seeding.Seen) {
		return fmt.Sprintf("and seeds %s with what it reads: %s.", seeding.Stream, values)
	}
	return fmt.Sprintf("and %s seeds %s with it: %s.", at(seeding.Seen), seeding.Stream, values)
}

// startedOtherwise suspects a source of which the main Python process was told by what started it, a shell perhaps: its
// arguments differ between the runs, or a variable that a seed is taken from. nil where they do not.
func (e *evidence) startedOtherwise(source seed.ID) *suspicion {
	if source != seed.WallClock && e.seedOrigin("clock") != nil {
		return nil // that is what was drawn
	}
	a, b := e.expected.summary.Arguments["main"], e.actual.summary.Arguments["main"]
	seeding := e.seedOrigin("environment")
	s := &suspicion{source: source, strength: entered, wholeTree: true,
		fix: "Start it with a seed that is written down, not with one that is drawn on the way: no $RANDOM, date or /dev/urandom in what starts Python (RANDOM=1 seeds bash's own numbers)."}
	if !e.starterDraws(source) && !e.starterSilent() {
		s.strength = present
	}
	switch {
	case sameProgram(a, b) && !slices.Equal(a, b):
		s.story = fmt.Sprintf("Python is started as %q in one run and as %q in the other: what starts it has drawn that.",
			shorten(strings.Join(a[1:], " ")), shorten(strings.Join(b[1:], " ")))
		if seeding == nil {
			seeding = e.seedOfUnknownOrigin()
		}
	case seeding != nil:
		s.story = "Python is started with another variable of the environment in each run: what starts it has drawn that."
	default:
		return nil
	}
	if seeding != nil {
		s.site = seeding.Seen
		s.story += fmt.Sprintf(" %s seeds %s with %s and %s.", at(seeding.Seen), seeding.Stream, seeding.Values[0], seeding.Values[1])
	}
	if drawn := drawnIn(e.starters, source); drawn != nil {
		s.site = drawn
	}
	if e.starterDraws(seed.ObjectIdentity) {
		s.story += " bash makes $RANDOM of the time, its process id and an address."
	}
	return s
}

// sameProgram reports whether two command lines of Python run the same script or module: of several processes that start
// together, another can come first in each run.
func sameProgram(a, b []string) bool {
	const script = 2
	return len(a) == len(b) && len(a) > script && slices.Equal(a[:script], b[:script])
}

// seedOfUnknownOrigin is the first seeding whose explicit value differs for a reason that the probe did not see.
func (e *evidence) seedOfUnknownOrigin() *trace.Change {
	return e.changed(func(c trace.Change) bool { return isSeeding(c.Seen) && explicit(c) && len(c.Origins) == 0 })
}
