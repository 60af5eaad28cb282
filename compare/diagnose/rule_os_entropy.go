package diagnose

import (
	"cmp"
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

func osEntropy() rule {
	return rule{source: seed.OSEntropy, random: true, suspect: func(e *evidence) *suspicion {
		read := e.changed(func(c trace.Change) bool { return c.Kind == probe.KindEntropy })
		if seeding := e.seedOrigin("entropy", "uuid"); seeding != nil {
			if source := e.handedOut(seeding, probe.KindEntropy); source != nil {
				return &suspicion{source: seed.OSEntropy, strength: entered, site: source,
					story: fmt.Sprintf("%s (%s) reads the operating system's entropy, %s", at(source), source.API, andSeeds(source, seeding))}
			}
			return &suspicion{source: seed.OSEntropy, strength: entered, site: seeding.Seen,
				story: fmt.Sprintf("%s seeds %s from the operating system's entropy: %s in one run, %s in the other.", at(seeding.Seen), seeding.Stream, seeding.Values[0], seeding.Values[1])}
		}
		if read == nil {
			if s := readsDevice(e); s != nil {
				return s
			}
			return cmp.Or(e.startedOtherwise(seed.OSEntropy), e.besidePython(seed.OSEntropy))
		}
		return &suspicion{source: seed.OSEntropy, strength: present, site: read.Seen,
			story: fmt.Sprintf("%s (%s) reads the operating system's entropy, which is new in every run.", at(read.Seen), read.API)}
	}}
}

// readsDevice suspects a line that opens the kernel's random device as a file, which the probe sees and cannot change.
func readsDevice(e *evidence) *suspicion {
	if len(e.expected.run.Processes) == 0 {
		// No probe is there to see it, and whatever is not seeded takes it from there.
		s := &suspicion{source: seed.OSEntropy, strength: possibleOnly}
		if silent := e.expected.run.Silent; len(silent) > 0 {
			s.story = fmt.Sprintf("%s could not be observed. In Python the seed of string hashes and the state of every generator that nobody seeds come from the operating system's entropy, and so does what secrets and uuid4 return: which of them it was is not known.", silent[0])
			s.fix = "Have the process observed, to see the line. Else give it PYTHONHASHSEED and seeds for random, NumPy and PyTorch."
		}
		return s
	}
	device := e.seen(func(s *trace.Seen) bool {
		path := s.First.DetailString("path")
		return s.Kind == probe.KindOpen && (path == "/dev/urandom" || path == "/dev/random")
	})
	if device == nil {
		return nil
	}
	return &suspicion{source: seed.OSEntropy, strength: entered, site: device, wholeTree: true,
		story: fmt.Sprintf("%s reads %s, which is new in every run.", at(device), device.First.DetailString("path"))}
}
