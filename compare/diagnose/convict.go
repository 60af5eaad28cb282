package diagnose

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// conviction is a source that experiments, or the traces alone, show to be a cause.
type conviction struct {
	*suspicion
	proof    record.Proof
	evidence []string
	// agreed are the runs in which the source was pinned, and released is one that differs from the first of them in
	// nothing but that the source was free; nil if none was made.
	agreed   []*observation
	released *observation
	// alone says that nothing but the source was pinned in the agreed runs, so that free it is the command as shipped.
	alone bool
	// varied says that runs differ where the source is varied on purpose, whatever those as shipped do.
	varied bool
	// byText says that the line was placed by its text alone.
	byText bool
	// origin is the local value by which a zoom placed the source, nil where the trace placed it.
	origin *trace.LocalDifference
}

// diagnose finds the sources that made a pair of shipped runs differ.
func (c *inquiry) diagnose(ctx context.Context, pair *difference) error {
	all := c.unpinned(suspects(c.evidence(pair)))
	if c.lucky {
		explained, err := c.explained(all)
		if err != nil {
			return err
		}
		c.lucky = !explained
	}
	for {
		agreed, tried, err := c.agree(ctx, pair, all)
		if err != nil {
			c.suspectOnly(all)
			return err
		}
		if agreed == nil {
			c.unexplained(pair, all, tried)
			return nil
		}
		if c.disturbed() {
			// What did not make runs agree before may have failed for the change alone.
			c.failed = nil
		}
		if stands, err := c.minimiseAndLocate(ctx, pair, agreed); err != nil || stands {
			return err
		}
		c.causes = nil
		if c.gone || c.disturbed() {
			c.unexplained(pair, all, tried)
			return nil
		}
		// It was luck: more has to be pinned.
		c.failed = append(c.failed, trial{sources: sources(agreed.whole.pinned), experiment: agreed.whole.experiment.Name})
	}
}

// minimiseAndLocate finds the causes among the sources that make runs agree, and reports whether the agreement stands.
func (c *inquiry) minimiseAndLocate(ctx context.Context, pair *difference, agreed *agreement) (bool, error) {
	if err := c.minimise(ctx, agreed); err != nil {
		c.unfinished()
		c.suspectOnly(agreed.pinned)
		return false, err
	}
	if err := c.locate(ctx, pair, agreed); err != nil {
		c.unfinished()
		return false, err
	}
	stands, err := c.stands(ctx, pair, agreed)
	if err != nil {
		c.unfinished()
	}
	return stands, err
}

// unfinished takes back what was proven in a search that came to no end: what the traces show stays suspected.
func (c *inquiry) unfinished() {
	c.causes = slices.DeleteFunc(c.causes, func(v conviction) bool { return v.strength == possibleOnly && v.origin == nil })
	for i := range c.causes {
		c.causes[i].proof = record.Suspected
	}
}

// explained reports whether it was no luck that some of the shipped runs agree: they were seen to complete results in the same
// order, and the others in another, or they were seeded from the clock and began in the same tick of it, or they read the same
// state of a file that another program changes.
func (c *inquiry) explained(all []*suspicion) (bool, error) {
	for _, s := range atLeast(all, entered) {
		if s.source != seed.Concurrency && s.source != seed.WallClock && s.input == "" {
			continue
		}
		fits, err := c.fitsAgreement(func(a, b *observation, same bool) bool {
			switch {
			case s.input != "":
				return same == (inputOf(a, s.input) == inputOf(b, s.input))
			case s.source == seed.Concurrency:
				return same == trace.Alike(a.summary, b.summary, s.site.Site)
			}
			return !same || !outlasted([]*observation{a, b})
		})
		if err != nil || fits {
			return fits, err
		}
	}
	return false, nil
}

// fitsAgreement reports whether a rule explains of every two shipped runs why they are the same or not.
func (c *inquiry) fitsAgreement(rule func(a, b *observation, same bool) bool) (bool, error) {
	for i, a := range c.shipped {
		for _, b := range c.shipped[i+1:] {
			d, err := c.differ(a, b)
			if err != nil || !rule(a, b, !d.any()) {
				return false, err
			}
		}
	}
	return true, nil
}

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

// addEvidence adds what has been shown of all causes together.
func (c *inquiry) addEvidence(line string) {
	for i := range c.causes {
		c.causes[i].evidence = append(c.causes[i].evidence, line)
	}
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

// unpinned leaves out what the user has asked to pin in every run.
func (c *inquiry) unpinned(all []*suspicion) []*suspicion {
	return slices.DeleteFunc(all, func(s *suspicion) bool { return slices.Contains(c.audit.Settings.Pin, s.source) })
}

// minimise releases the pinned suspects, those first of whom least is known, and keeps pinned those whose release
// makes a run differ. What remains are the causes. Suspects of whom nothing is known are released in groups.
func (c *inquiry) minimise(ctx context.Context, agreed *agreement) error {
	var needed []*suspicion
	for _, group := range releaseGroups(agreed.pinned) {
		kept, err := c.release(ctx, agreed, group)
		if err != nil {
			return err
		}
		needed = append(needed, kept...)
	}
	agreed.pinned = needed
	return nil
}

// releaseGroups orders suspects for release: all those without evidence at once, then one by one, the weakest first.
// torch's deterministic algorithms are released before cuDNN's, which they include: released after them, they would be
// needed for whatever cuDNN does.
func releaseGroups(pinned []*suspicion) [][]*suspicion {
	var unknown []*suspicion
	var groups [][]*suspicion
	order := slices.Clone(pinned)
	wider := func(s *suspicion) bool { return s.source == seed.TorchNondeterministicOps }
	if i := slices.IndexFunc(order, wider); i >= 0 && slices.ContainsFunc(order, func(s *suspicion) bool { return s.source == seed.CudnnDeterministic }) {
		order = append(slices.Delete(order, i, i+1), pinned[i])
	}
	for _, s := range slices.Backward(order) {
		if s.strength == possibleOnly && !s.likely {
			unknown = append(unknown, s)
			continue
		}
		groups = append(groups, []*suspicion{s})
	}
	if len(unknown) > 0 {
		groups = slices.Insert(groups, 0, unknown)
	}
	return groups
}

// release frees a group of suspects and returns those of them that are needed for the runs to agree.
func (c *inquiry) release(ctx context.Context, agreed *agreement, group []*suspicion) ([]*suspicion, error) {
	if len(agreed.pinned) == len(group) && len(group) == 1 {
		// The last one left: with it pinned the runs agree, without it they are the shipped runs, which differ.
		c.convict(group[0], agreed, nil, c.base.Name)
		return group, nil
	}
	rest := slices.DeleteFunc(slices.Clone(agreed.pinned), func(s *suspicion) bool { return slices.Contains(group, s) })
	if t, known := c.insufficient(rest); known || len(rest) == 0 {
		// With none pinned they are the shipped runs.
		if len(group) == 1 {
			c.convict(group[0], agreed, t.without(rest), t.experiment)
			return group, nil
		}
	} else if known, err := c.onlyMovesAddresses(agreed, group); known || err != nil {
		agreed.pinned = rest
		return nil, err
	} else {
		released, still, err := c.withoutGroup(ctx, agreed, group)
		if err != nil {
			return nil, err
		}
		if released == nil {
			agreed.pinned = rest
			agreed.experiment = plan.Release(agreed.experiment, sources(group)...)
			agreed.cover = covers(rest)
			agreed.runs = still
			return nil, nil
		}
		if len(group) == 1 {
			c.convict(group[0], agreed, released, released.run.Experiment)
			return group, nil
		}
		c.failed = append(c.failed, trial{sources: sources(rest), experiment: released.run.Experiment, released: released})
	}
	half := len(group) / 2
	first, err := c.release(ctx, agreed, group[:half])
	if err != nil {
		return nil, err
	}
	second, err := c.release(ctx, agreed, group[half:])
	return slices.Concat(first, second), err
}

// withoutGroup runs the agreed experiment without a group of its suspects, and returns the run that then differs; nil when
// the release changes nothing, and then all the runs that agree with the smaller set pinned, one of these runs first.
func (c *inquiry) withoutGroup(ctx context.Context, agreed *agreement, group []*suspicion) (released *observation, still []*observation, err error) {
	rest := slices.DeleteFunc(slices.Clone(agreed.pinned), func(s *suspicion) bool { return slices.Contains(group, s) })
	e := plan.Release(agreed.experiment, sources(group)...)
	ask := Ask{Experiment: e, Runs: 1, Cover: covers(rest)}
	if agreed.runs[0].zoomed && (needsZoom(group) || needsZoom(rest)) {
		ask.Zoom = fullZoom()
	}
	// Of a group that is then split, its members are asked.
	shifts := len(group) == 1 && c.mayShift(agreed, group)
	if !shifts {
		ask.Enough = c.parted(agreed.runs[0], ask.Zoom)
	}
	c.lab.Note("Releasing " + list(sources(group)) + " to see whether the runs differ again.")
	if c.unseen() {
		// Nothing shows a clock that such a command reads: this run tells whether one made the others agree.
		if err := outlastTick(ctx, agreed.runs); err != nil {
			return nil, nil, err
		}
	}
	samples := 1
	if usual, err := c.usual(agreed.runs[0]); err != nil {
		return nil, nil, err
	} else if shown, err := c.showsHash(agreed, group); err != nil {
		return nil, nil, err
	} else if (c.lucky || usual > 0 || c.takesAddresses(group)) && !shown {
		samples = 3 // one run without the group can come to the same by luck
	}
	still = agreed.runs
	for range samples {
		runs := agreed.without(rest)
		if runs == nil {
			if runs, err = c.observe(ctx, ask); err != nil {
				return nil, nil, err
			}
		}
		d, err := c.differ(agreed.runs[0], runs[0])
		if err != nil {
			return nil, nil, err
		}
		if !d.any() {
			still = slices.Concat(runs, still)
			continue
		}
		shown, err := c.showsAddresses(agreed, group, runs[0])
		if err != nil {
			return nil, nil, err
		}
		if shown {
			group[0].strength = entered
		}
		if shifts && !shown {
			if slices.Contains(sources(group), seed.WallClock) {
				if err := outlastTick(ctx, runs); err != nil {
					return nil, nil, err
				}
			}
			again, err := c.observe(ctx, ask)
			if err != nil {
				return nil, nil, err
			}
			same, err := c.differ(runs[0], again[0])
			if err != nil {
				return nil, nil, err
			}
			if !same.any() {
				c.setExperiment(runs[0].run.Experiment, record.Reproducible, "runs agree with "+list(sources(group))+" released: not a cause")
				return nil, slices.Concat(runs, again), nil
			}
		}
		c.setExperiment(runs[0].run.Experiment, record.Diverged, "differs with "+list(sources(group))+" released")
		return runs[0], nil, nil
	}
	c.setExperiment(still[0].run.Experiment, record.Reproducible, "still agrees with "+list(sources(group))+" released: not a cause")
	return nil, still, nil
}

// mayShift reports whether a release can change results without making them vary: a source that merely has another value
// than the pinned one differs from the pinned runs and not from itself; with the address-space layout pinned whatever
// changes the size of the environment moves every address; where the launcher answers reads of entropy from one stream, a
// process that reads more or less of it (Python reads its hash seed there) is given other bytes afterwards; a pool of several
// divides its work otherwise than one of one; workers whose base seed is released take it from torch's stream, which may
// itself be pinned; and of a clock only the date may be used.
func (c *inquiry) mayShift(agreed *agreement, group []*suspicion) bool {
	pins := sources(agreed.pinned)
	if slices.ContainsFunc(group, func(s *suspicion) bool {
		return s.source == seed.Concurrency || s.source == seed.WallClock && s.strength < entered
	}) {
		return true
	}
	if slices.Contains(pins, seed.TorchCPU) && slices.Contains(sources(group), seed.DataloaderWorkers) {
		return true
	}
	repeats := agreed.experiment.WholeTree && slices.Contains(pins, seed.OSEntropy)
	return c.pinsLayout(agreed) || repeats || !slices.ContainsFunc(group, func(s *suspicion) bool { return ruleOf(s.source).random })
}

func (c *inquiry) pinsLayout(agreed *agreement) bool {
	return slices.ContainsFunc(agreed.pinned, func(s *suspicion) bool { return s.source == seed.ObjectIdentity })
}

// convict records that a source is proven: in the agreed runs it is pinned, and in the experiment named it was free.
func (c *inquiry) convict(s *suspicion, agreed *agreement, released *observation, free string) {
	var pinned []string
	for _, o := range agreed.runs {
		pinned = append(pinned, o.run.Experiment)
	}
	slices.Sort(pinned)
	lines := []string{
		fmt.Sprintf("with %s pinned, %d runs agree (%s)", list(sources(agreed.pinned)), len(agreed.runs), strings.Join(slices.Compact(pinned), "; ")),
		fmt.Sprintf("with %s left to the command, runs differ (%s)", s.source, free),
	}
	c.causes = append(c.causes, conviction{suspicion: s, proof: record.Proven, evidence: lines,
		agreed: agreed.runs, released: released, alone: len(agreed.pinned) == 1})
}

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

// list names sources in a sentence.
func list(ids []seed.ID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(id)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "nothing"
	}
	return enumerate(names)
}

// enumerate writes one or more things as a sentence does.
func enumerate(things []string) string {
	last := len(things) - 1
	if last == 0 {
		return things[0]
	}
	return strings.Join(things[:last], ", ") + " and " + things[last]
}
