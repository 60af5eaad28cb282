package diagnose

import (
	"cmp"
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

var readsDate = newPattern(`\b(now|utcnow|today|localtime|gmtime|ctime|strftime)\(`)

// startsWatch matches a line that only notes when something began: where the clock is read again, that line matters more.
var startsWatch = newPattern(`(^|[:;])\s*(self\.|\w+,\s*)?_?(start|begin|began|t_?0|tic|since|last|prev|t_?start|t_?begin)\w*\s*=|(^|[:;])\s*t\s*=`)

// onlyShows matches a line that prints or logs what it reads.
var onlyShows = newPattern(`^\s*(print|tqdm\.write|log(ger|ging)?(\.\w+)?|\w+\.(set_postfix|set_description|add_scalar))\(`)

func wallClock() rule {
	words := func(l trace.LocalDifference) string {
		return fmt.Sprintf("%s:%d is where the clock first shows: %s", l.File, l.Line, heldDifferently(l))
	}
	return rule{source: seed.WallClock, random: true, telltale: readsDate, words: words, suspect: func(e *evidence) *suspicion {
		reads := func(not ...pattern) *trace.Change {
			return e.changed(func(c trace.Change) bool {
				return c.Kind == probe.KindClock && !matchesAny(e.line(c.Seen), not...)
			})
		}
		read := cmp.Or(reads(startsWatch, onlyShows), reads(startsWatch), reads())
		if seeding := e.seedOrigin("clock"); seeding != nil {
			if source := e.handedOut(seeding, probe.KindClock); source != nil {
				return &suspicion{source: seed.WallClock, strength: entered, site: source,
					story: fmt.Sprintf("%s reads the clock (%s), %s", at(source), source.API, andSeeds(source, seeding))}
			}
			return &suspicion{source: seed.WallClock, strength: entered, site: seeding.Seen, beyond: true, wholeTree: true,
				story: fmt.Sprintf("%s seeds %s from the clock: %s in one run, %s in the other.", at(seeding.Seen), seeding.Stream, seeding.Values[0], seeding.Values[1])}
		}
		if read == nil {
			switch otherwise := e.startedOtherwise(seed.WallClock); {
			case otherwise != nil:
				return otherwise
			case len(e.expected.run.Processes) == 0:
				// No probe is there to see it.
				return &suspicion{source: seed.WallClock, strength: possibleOnly}
			case e.code.mentions(readsDate):
				// The class datetime cannot be watched without changing it, so only the text tells of it.
				return &suspicion{source: seed.WallClock, strength: present}
			}
			return e.besidePython(seed.WallClock)
		}
		return &suspicion{source: seed.WallClock, strength: present, site: read.Seen,
			story: fmt.Sprintf("%s reads the clock (%s), and what it reads reaches the result.", at(read.Seen), read.API)}
	}}
}
