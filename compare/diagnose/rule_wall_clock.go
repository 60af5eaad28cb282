package diagnose

import (
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

func wallClock() rule {
	return rule{source: seed.WallClock, random: true, suspect: func(e *evidence) *suspicion {
		read := e.changed(func(c trace.Change) bool { return c.Kind == probe.KindClock })
		if seeding := e.seedOrigin("clock"); seeding != nil {
			return &suspicion{source: seed.WallClock, strength: entered, site: seeding.Seen,
				story: fmt.Sprintf("%s seeds %s from the clock: %s in one run, %s in the other.", at(seeding.Seen), seeding.Stream, seeding.Values[0], seeding.Values[1])}
		}
		if read == nil {
			return nil
		}
		return &suspicion{source: seed.WallClock, strength: present, site: read.Seen,
			story: fmt.Sprintf("%s reads the clock (%s), and what it reads reaches the result.", at(read.Seen), read.API)}
	}}
}
