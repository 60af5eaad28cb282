package diagnose

import (
	"context"
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/runner/record"
)

// stands makes the agreement once more where much rests on it: where many sources are convicted together, or one that
// neither the trace nor a zoom has shown, a race that agreed by luck is likelier than that. What no trace shows entering
// takes three runs that agree, or two without Python where no run as shipped came to the same; and two more where threads or
// processes of the program's own went on at the same time. What nothing but an experiment has shown, and whatever was shown
// while files of the project changed, has to come and go once more: what changed between the first runs and the pinned ones does
// not come back. So has a difference that runs as shipped no longer showed when they were traced, unless a value in their traces
// explains it.
func (c *inquiry) stands(ctx context.Context, pair *difference, agreed *agreement) (bool, error) {
	const many = 3
	few := 3
	racing, raw := c.evidence(pair).racing(), c.evidence(pair).raw()
	unseen := func(v conviction) bool { return v.strength < entered }
	silent := func(v conviction) bool {
		return v.strength == possibleOnly && (v.site == nil || v.origin == nil)
	}
	byText := func(v conviction) bool { return v.byText }
	weak := func(v conviction) bool { return v.strength < entered || racing }
	if len(c.causes) == 0 {
		return false, nil
	}
	usual, err := c.usual(agreed.runs[0])
	if err != nil {
		return false, err
	}
	fresh := usual == 0
	if fresh && c.unseen() {
		few = 2
	}
	switch {
	case c.disturbed() || c.hidden && slices.ContainsFunc(c.causes, byText):
		return c.comesBack(ctx, agreed, 1)
	case slices.ContainsFunc(c.causes, silent):
		if fresh && !c.lucky && c.cameBack(agreed) {
			more := max(few-len(agreed.runs), 1)
			return c.repeats(ctx, agreed, more)
		}
		if len(c.causes) < many && len(agreed.runs) >= few && outlasted(agreed.runs) {
			return c.comesBack(ctx, agreed, 0)
		}
		return c.comesBack(ctx, agreed, 1)
	case len(c.causes) >= many:
		if err := outlastTick(ctx, agreed.whole.runs); err != nil {
			return false, err
		}
		return c.repeats(ctx, agreed, 2)
	case raw && slices.ContainsFunc(c.causes, unseen):
		return c.repeats(ctx, agreed, 2)
	case slices.ContainsFunc(c.causes, weak) && len(agreed.runs) < few:
		return c.repeats(ctx, agreed, few-len(agreed.runs))
	}
	return true, nil
}

// repeats makes more runs of the whole agreement and reports whether they agree as well.
func (c *inquiry) repeats(ctx context.Context, agreed *agreement, n int) (bool, error) {
	if n <= 0 {
		return true, nil
	}
	c.lab.Note("Making the pinned runs again, since much rests on them.")
	// Exactly as before, tracing included: runs that are traced by line allocate more, so their addresses are others.
	w := agreed.whole
	runs, err := c.observe(ctx, Ask{Experiment: w.experiment, Runs: n, Zoom: w.zoom, Cover: w.cover, Enough: c.parted(w.runs[0], w.zoom)})
	if err != nil {
		return false, err
	}
	for _, o := range runs {
		d, err := c.differ(w.runs[0], o)
		if err != nil {
			return false, err
		}
		if d.any() {
			c.setExperiment(o.run.Experiment, record.Diverged, "agreed at first and differs when made again: no source is convicted by it")
			return false, nil
		}
	}
	all := fmt.Sprintf("%d runs agree", len(w.runs)+n)
	c.setExperiment(w.experiment.Name, record.Reproducible, all)
	c.addEvidence(fmt.Sprintf("with %s pinned, made again, %s in all (%s)", list(sources(w.pinned)), all, w.experiment.Name))
	return true, nil
}

// cameBack reports whether the releases have shown already that the difference comes back with every cause, after runs that agree
// with all of them pinned.
func (c *inquiry) cameBack(agreed *agreement) bool {
	return !slices.ContainsFunc(c.causes, func(v conviction) bool {
		return v.released == nil || !slices.ContainsFunc(agreed.runs, func(o *observation) bool {
			return slices.Index(c.seen, o) < slices.Index(c.seen, v.released)
		})
	})
}

// comesBack reports whether runs as shipped differ once more, and so many pinned runs made after them agree once more. One run as
// shipped tells where the sources are random, unless it had the pinned value by chance; others may merely have another
// value than the pinned one, and two runs have to differ from each other.
func (c *inquiry) comesBack(ctx context.Context, agreed *agreement, pinned int) (bool, error) {
	const most = 3
	c.lab.Note("Running the command as it ships once more, to see whether it still differs from the pinned runs.")
	random := !slices.ContainsFunc(c.causes, func(v conviction) bool { return !ruleOf(v.source).random })
	reference, made := agreed.whole.runs[0], agreed.whole.runs
	for n := range most {
		if err := outlastTick(ctx, made); err != nil {
			return false, err
		}
		runs, err := c.observe(ctx, Ask{Experiment: c.base, Runs: 1, Zoom: agreed.whole.zoom})
		if err != nil {
			return false, err
		}
		made = runs
		again := func(verdict record.Verdict, says string) { c.moveShipped(runs, "again", verdict, says) }
		if n == 0 && !random {
			reference = runs[0]
			again(record.Inconclusive, "made after the pinned runs")
			continue
		}
		d, err := c.differ(reference, runs[0])
		if err != nil {
			return false, err
		}
		if d.any() {
			again(record.Diverged, "made after the pinned runs, and differs again")
			c.addEvidence(fmt.Sprintf("with %s pinned, a run made after those differs again (%s:again)", c.asShipped(), c.base.Name))
			if n > 0 && random {
				pinned = max(pinned, 1) // it agreed first: more may have changed than what is pinned
			}
			return c.repeats(ctx, agreed, pinned)
		}
		again(record.Reproducible, "made after the pinned runs, and agrees with them")
	}
	c.gone = true
	c.setExperiment(agreed.whole.experiment.Name, record.Reproducible, "runs agree, and so does the command as it ships when run after them: no source is convicted by it")
	return false, nil
}
