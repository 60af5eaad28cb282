package diagnose

import (
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

func host() rule {
	return rule{source: seed.Host, random: true, suspect: func(e *evidence) *suspicion {
		read := e.changed(func(c trace.Change) bool { return c.Kind == probe.KindHost && c.Stream == seed.Host })
		if seeding := e.seedOrigin("pid"); seeding != nil {
			if source := e.handedOut(seeding, probe.KindHost); source != nil {
				return &suspicion{source: seed.Host, strength: entered, site: source,
					story: fmt.Sprintf("%s asks for the process id (%s), %s", at(source), source.API, andSeeds(source, seeding))}
			}
			return &suspicion{source: seed.Host, strength: entered, site: seeding.Seen,
				story: fmt.Sprintf("%s seeds %s from the process id: %s in one run, %s in the other.", at(seeding.Seen), seeding.Stream, seeding.Values[0], seeding.Values[1])}
		}
		if read == nil {
			if otherwise := e.startedOtherwise(seed.Host); otherwise != nil || len(e.expected.run.Processes) > 0 || !e.starterDraws(seed.Host) {
				return otherwise
			}
			return &suspicion{source: seed.Host, strength: possibleOnly}
		}
		return &suspicion{source: seed.Host, strength: present, site: read.Seen,
			story: fmt.Sprintf("%s reads %s, which is not the same in every run.", at(read.Seen), read.API)}
	}}
}
