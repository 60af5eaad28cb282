package diagnose

import (
	"context"
	"math"
	"slices"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// enough is the number of pinned runs whose agreement is worth releasing suspects from. Two are, since each release that
// changes nothing is one more (see stands, which also makes up for work that went on at the same time); where everything was
// pinned on no evidence, and most of all where only some of the shipped runs differ, two runs can agree by luck.
// A result that no run as shipped came to takes one run less, and two where the clock's ticks explain which of those agree.
// A usual one takes most: random values are pinned to others than any run as shipped had, so it speaks against them.
func (c *inquiry) enough(pair *difference, pinned []*suspicion, usual int) int {
	blind := c.evidence(pair).blind(pinned)
	switch {
	case usual > 0 && !c.followsOrder && (c.lucky || !slices.ContainsFunc(pinned, ordered)):
		return c.beyondLuck(usual)
	case c.lucky && blind && !c.followsOrder:
		return 4
	case c.lucky && !c.ticked() && !c.followsOrder:
		return 3
	case blind && slices.ContainsFunc(suspects(c.evidence(pair)), func(s *suspicion) bool { return s.input != "" }):
		return 2 // see byInput
	case blind && c.evidence(pair).racing():
		return 5
	case blind:
		return 3
	}
	return 2
}

// ordered reports whether pinning a suspect brings about what may happen without it as well, as an order in which work is completed.
func ordered(s *suspicion) bool {
	return !ruleOf(s.source).random || s.source == seed.Concurrency && s.strength == entered
}

// beyondLuck is the number of runs that all come to the result of so many of the shipped runs, by luck, in fewer than one of 50 audits.
// How likely one is to come to it is estimated by Laplace's rule of succession.
func (c *inquiry) beyondLuck(usual int) int {
	share := float64(usual+1) / float64(len(c.shipped)+2)
	return 1 + int(math.Ceil(math.Log(1.0/50)/math.Log(share)))
}

// comesAnyway reports whether a pinned run comes to no more than what a run as shipped comes to as well: threads that the program
// starts by itself most often take turns in one order, whatever is pinned beside them. What was seen to enter is pinned to a
// value that no run as shipped has.
func (c *inquiry) comesAnyway(ctx context.Context, pair *difference, pinned []*suspicion, o *observation) (bool, error) {
	if len(atLeast(pinned, entered)) > 0 || !c.evidence(pair).raw() {
		return false, nil
	}
	if n, err := c.usual(o); err != nil || n == 0 {
		return false, err
	}
	if err := c.seesOrder(ctx, pair, pinned, o); err != nil || c.followsOrder {
		return false, err
	}
	c.usualOrder = true
	c.setExperiment(o.run.Experiment, record.Inconclusive, "comes to what a run as shipped came to as well: it says nothing against what was pinned")
	return true, nil
}
