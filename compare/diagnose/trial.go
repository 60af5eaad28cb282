package diagnose

import (
	"slices"

	"github.com/reprocheck/reprocheck/seed"
)

// trial is an experiment that pinned sources and did not make runs agree.
type trial struct {
	sources    []seed.ID
	experiment string
	// released is its run, where it was one without a group of suspects.
	released *observation
	// mayShift says that the release may have changed what comes out without making it vary: then it says nothing of fewer sources.
	mayShift bool
}

// without returns the trial's run if exactly these suspects were pinned in it.
func (t trial) without(rest []*suspicion) *observation {
	if len(rest) != len(t.sources) {
		return nil
	}
	return t.released
}

// insufficient returns an experiment that is known to differ although it pinned all of these suspects, perhaps more.
func (c *inquiry) insufficient(list []*suspicion) (trial, bool) {
	for _, t := range c.failed {
		if t.mayShift && len(list) != len(t.sources) {
			continue
		}
		if !slices.ContainsFunc(list, func(s *suspicion) bool { return !slices.Contains(t.sources, s.source) }) {
			return t, true
		}
	}
	return trial{}, false
}
