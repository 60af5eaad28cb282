package diagnose

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// suspectOnly records what the traces say when no experiment could be finished.
func (c *inquiry) suspectOnly(all []*suspicion) {
	for _, s := range atLeast(all, entered) {
		if c.convicted(s.source) {
			continue
		}
		c.causes = append(c.causes, conviction{suspicion: s, proof: record.Suspected,
			evidence: []string{"the traces show it entering before the runs part; no finished experiment proves it"}})
	}
}

// unexplained tells what is left where no experiment explains the difference.
func (c *inquiry) unexplained(pair *difference, all []*suspicion, ruledOut []seed.ID) {
	if c.disturbed() {
		c.disturbance()
		c.suspectOnly(all)
		return
	}
	if s := fromElsewhere(all); c.gone && s != nil && s.input != "" {
		c.causes = append(c.causes, conviction{suspicion: s, proof: record.Observed,
			evidence: []string{"runs of the command as it ships differed at first, and no longer do, with " + c.asShipped() + " pinned"}})
		return
	}
	if c.gone {
		c.limit("No cause was found: runs of the command as it ships differed at first and no longer do, with " + c.asShipped() + " pinned. What is left is something outside the project that changed meanwhile, a coarse clock, or a difference that seldom shows.")
		return
	}
	c.observed(pair, all, ruledOut)
}

// observed tells of a cause that nothing can pin: where the runs part, what was there, and what was ruled out.
func (c *inquiry) observed(pair *difference, all []*suspicion, ruledOut []seed.ID) {
	for _, id := range c.audit.Settings.Pin { // in every run
		if !slices.Contains(ruledOut, id) {
			ruledOut = append(slices.Clip(ruledOut), id)
		}
	}
	cannot := func(s *suspicion) bool {
		return s.site != nil && s.strength >= present &&
			(s.beyond || s.elsewhere || slices.Contains([]seed.ID{seed.Concurrency, seed.ExternalState, seed.TorchNondeterministicOps}, s.source))
	}
	candidates := slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool { return !cannot(s) })
	slices.SortStableFunc(candidates, func(a, b *suspicion) int {
		return cmp.Or(-cmp.Compare(a.strength, b.strength), c.evidence(pair).elsewhereFirst(a, b))
	})
	if len(candidates) > 0 {
		s := candidates[0]
		for _, other := range candidates[1:] {
			if other.elsewhere {
				c.limit(other.story + " That was not ruled out.")
			}
		}
		others := slices.DeleteFunc(slices.Clone(ruledOut), func(id seed.ID) bool { return s.beyond && id == s.source })
		lines := []string{"runs differ even with " + list(others) + " pinned, so none of these is the whole cause"}
		if c.usualOrder {
			lines[0] = "with " + list(others) + " pinned, a run comes to what a run as shipped came to as well, so that their agreement would convict none of these"
		}
		if s.beyond {
			lines = append(lines, "what it takes was read before or outside of the lines that the source can be pinned for")
		}
		if p := pair.training.First; p != nil {
			lines = append(lines, fmt.Sprintf("the runs part at the %s of step %d, after %s", p.Kind, p.Step, at(s.site)))
		}
		c.causes = append(c.causes, conviction{suspicion: s, proof: record.Observed, evidence: lines})
		return
	}
	left := "a race, a kernel without a fixed result, or state outside the machine"
	c.limit("No cause was found: runs differ even with " + list(ruledOut) + " pinned. What is left is " + left + ".")
}

// asShipped names what is pinned in the runs as shipped.
func (c *inquiry) asShipped() string {
	if len(c.audit.Settings.Pin) > 0 {
		return "no more than what was asked for"
	}
	return "nothing"
}
