package diagnose

import (
	"context"
	"math"
	"slices"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// agreement is an experiment under which the runs agree: the state from which suspects are released one by one.
type agreement struct {
	experiment plan.Experiment
	pinned     []*suspicion
	runs       []*observation
	cover      []string
	whole      whole
	// tried are runs with fewer suspects pinned that differed from these.
	tried []attempt
	// usual says that one run was enough to see that an agreement would say nothing (see inquiry.comesAnyway).
	usual bool
}

// whole is the agreement before any suspect was released. Its runs and those with one suspect released differ in nothing
// but that suspect, bait included, which is what a comparison line by line needs.
type whole struct {
	experiment plan.Experiment
	pinned     []*suspicion
	zoom       *plan.Zoom
	runs       []*observation
	cover      []string
}

// firstRound are the suspects worth pinning first: those whose values were seen to enter or, where there are none, everything that
// was read, and what leaves no trace.
func firstRound(all []*suspicion) []*suspicion {
	strong := atLeast(all, entered)
	if len(strong) == 0 {
		return secondRound(all)
	}
	if slices.ContainsFunc(strong, func(s *suspicion) bool { return s.source == seed.PythonHash }) {
		// What hash() is made of, a text or an address, no trace shows.
		return slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool { return !slices.Contains(strong, s) && !traceless(s) })
	}
	return strong
}

func secondRound(all []*suspicion) []*suspicion {
	return slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool { return s.strength < present && !traceless(s) })
}

// traceless tells the sources that nothing in a trace shows: the hash seed, the layout of the address space, and, in a command
// without Python, entropy, the clock and what a shell makes its random numbers of. They are pinned together, since few releases
// then tell them apart.
func traceless(s *suspicion) bool {
	return s.strength == possibleOnly && slices.Contains([]seed.ID{seed.PythonHash, seed.ObjectIdentity, seed.OSEntropy, seed.WallClock, seed.Host}, s.source)
}

func atLeast(all []*suspicion, least strength) []*suspicion {
	return slices.DeleteFunc(slices.Clone(all), func(s *suspicion) bool { return s.strength < least })
}

// agree widens the set of pinned suspects until runs agree. It returns nil when even pinning everything does not make
// them, and the sources that had been pinned by then.
//
// Runs that still differ are evidence as well: what entered where they part is pinned next. Only when nothing new
// entered is everything pinned that was read or leaves no trace, and at last all that can be.
func (c *inquiry) agree(ctx context.Context, pair *difference, all []*suspicion) (*agreement, []seed.ID, error) {
	rounds := []func([]*suspicion) []*suspicion{firstRound, secondRound, c.everything}
	elsewhere := fromElsewhere(all)
	all = held(all)
	all = merge(all, c.later(pair, all))
	if elsewhere != nil && len(atLeast(all, entered)) == 0 && !c.evidence(pair).code.mentions(unordered) {
		// Nothing else is at hand, and the code has no words for what leaves no trace: only pinning everything tells.
		rounds = rounds[2:]
	} else if c.evidence(pair).raw() && len(atLeast(all, entered)) == 0 {
		rounds = rounds[2:] // threads take turns in another order whatever is pinned: everything at once rules out the most
	}
	var pinned []*suspicion
	for len(rounds) > 0 {
		round := merge(pinned, slices.DeleteFunc(rounds[0](all), func(s *suspicion) bool { return !c.pins(s.source) }))
		last := len(rounds) == 1
		rounds = rounds[1:]
		if len(round) == len(pinned) {
			continue
		}
		pinned = round
		if _, known := c.insufficient(pinned); known {
			continue
		}
		c.lab.Note("Runs differ. Pinning " + list(sources(pinned)) + " to see whether that makes them agree.")
		found, still, err := c.holds(ctx, pair, c.pinSuspects(pinned, last), pinned)
		if found != nil && err == nil {
			usual := found.usual
			if !usual {
				usual, err = c.comesAnyway(pair, found.pinned, found.runs[0])
			}
			if err == nil && !usual {
				usual, err = c.byInput(ctx, elsewhere, found)
			}
			if usual {
				return nil, sources(pinned), err
			}
		}
		if found != nil || err != nil {
			return found, sources(pinned), err
		}
		fresh := atLeast(held(c.unpinned(suspects(c.evidence(still)))), entered)
		all = merge(all, fresh)
		if len(merge(pinned, fresh)) > len(pinned) {
			rounds = slices.Insert(rounds, 0, func([]*suspicion) []*suspicion { return fresh })
		}
	}
	return nil, sources(pinned), nil
}

// comesAnyway reports whether a pinned run comes to no more than what a run as shipped comes to as well: threads that the program
// starts by itself most often take turns in one order, whatever is pinned beside them. What was seen to enter is pinned to a
// value that no run as shipped has.
func (c *inquiry) comesAnyway(pair *difference, pinned []*suspicion, o *observation) (bool, error) {
	if len(atLeast(pinned, entered)) > 0 || !c.evidence(pair).raw() {
		return false, nil
	}
	if n, err := c.usual(o); err != nil || n == 0 {
		return false, err
	}
	c.usualOrder = true
	c.setExperiment(o.run.Experiment, record.Inconclusive, "comes to what a run as shipped came to as well: it says nothing against what was pinned")
	return true, nil
}

// merge adds to known those suspicions whose sources it does not have, and takes over stronger ones.
func merge(known, more []*suspicion) []*suspicion {
	merged := slices.Clone(known)
	for _, s := range more {
		i := slices.IndexFunc(merged, func(k *suspicion) bool { return k.source == s.source })
		switch {
		case i < 0:
			merged = append(merged, s)
		case merged[i].strength < s.strength || merged[i].late && !s.late:
			merged[i] = s
		}
	}
	return merged
}

// everything adds all sources that can be pinned to the suspects.
func (c *inquiry) everything(all []*suspicion) []*suspicion {
	var rest []*suspicion
	for _, id := range pinnable() {
		if !slices.Contains(c.audit.Settings.Pin, id) && c.plausible(id) {
			rest = append(rest, &suspicion{source: id, strength: possibleOnly})
		}
	}
	return merge(all, rest)
}

// pinSuspects is the experiment that pins the given suspects.
func (c *inquiry) pinSuspects(list []*suspicion, everything bool) plan.Experiment {
	e := c.pin(sources(list), everything)
	e.WholeTree = e.WholeTree || slices.ContainsFunc(list, func(s *suspicion) bool { return s.wholeTree })
	return e
}

// pin is the experiment that pins the given sources beside those that the user pins.
func (c *inquiry) pin(ids []seed.ID, everything bool) plan.Experiment {
	if everything {
		return plan.Pinned(slices.Concat(c.audit.Settings.Pin, ids))
	}
	e := plan.Pin(ids)
	for _, id := range c.audit.Settings.Pin {
		e.Levels[id] = seed.Pin
	}
	// Where no Python process speaks up the probe can pin nothing, and the launcher has to.
	e.WholeTree = c.unseen()
	return e
}

// holds makes two runs with suspects pinned, or more where agreement could be luck, and returns them when they agree, else
// two of them that differ.
func (c *inquiry) holds(ctx context.Context, pair *difference, e plan.Experiment, pinned []*suspicion) (*agreement, *difference, error) {
	ask := Ask{Experiment: e, Runs: 1, Cover: covers(pinned)}
	if needsZoom(pinned) && !c.hidden {
		ask.Zoom = zoomFor(pair)
	}
	first, err := c.observe(ctx, ask)
	if err != nil {
		return nil, nil, err
	}
	if c.evidence(pair).blind(pinned) {
		// With all pinned, more runs could only show that it was luck.
		if usual, err := c.comesAnyway(pair, pinned, first[0]); err != nil || usual {
			return &agreement{usual: usual}, nil, err
		}
	}
	if hides, err := c.tracingHides(ctx, first[0], ask.Zoom); err != nil {
		return nil, nil, err
	} else if hides {
		c.hidden = true
		return c.holds(ctx, pair, e, pinned)
	}
	return c.fewest(ctx, pair, ask, first[0], pinned)
}

// tracingHides reports whether runs traced by line agree whether anything is pinned or not: tracing allocates memory of its
// own, which can bring the addresses of all runs into one order. One more such run tells that from luck.
func (c *inquiry) tracingHides(ctx context.Context, pinned *observation, zoom *plan.Zoom) (bool, error) {
	free := c.tracedAsShipped()
	if free == nil || !pinned.zoomed {
		return false, nil
	}
	if d, err := c.differ(pinned, free); err != nil || d.any() {
		return false, err
	}
	runs, err := c.observe(ctx, Ask{Experiment: c.base, Runs: 1, Zoom: zoom})
	if err != nil {
		return false, err
	}
	d, err := c.differ(pinned, runs[0])
	if err != nil {
		return false, err
	}
	c.retraced = runs[0]
	return !d.any(), nil
}

// tracedAsShipped is a run of the command as it ships that was traced by line, nil where none was.
func (c *inquiry) tracedAsShipped() *observation {
	if c.retraced != nil {
		return c.retraced
	}
	i := slices.IndexFunc(c.shipped, func(o *observation) bool { return o.zoomed })
	if i < 0 {
		return nil
	}
	return c.shipped[i]
}

// untilDiffer makes as many runs as asked for, those that there are already included, two at first, and no more once one differs from
// the first: then it returns that pair.
func (c *inquiry) untilDiffer(ctx context.Context, ask Ask, there ...*observation) (runs []*observation, pair *difference, err error) {
	runs = there
	for n := ask.Runs; len(runs) < n; {
		ask.Runs = min(n-len(runs), max(2-len(runs), 1, c.audit.Settings.Jobs))
		made, err := c.observe(ctx, ask)
		runs = append(runs, made...)
		if err != nil {
			return runs, nil, err
		}
		for _, o := range made {
			if o == runs[0] {
				continue
			}
			if pair, err = c.differ(runs[0], o); err != nil || pair.any() {
				return runs, pair, err
			}
		}
	}
	return runs, nil, nil
}

// trial is an experiment that pinned sources and did not make runs agree.
type trial struct {
	sources    []seed.ID
	experiment string
	// released is its run, where it was one without a group of suspects.
	released *observation
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
		if !slices.ContainsFunc(list, func(s *suspicion) bool { return !slices.Contains(t.sources, s.source) }) {
			return t, true
		}
	}
	return trial{}, false
}

// raw reports whether the user's own lines started threads or processes of their own, which nothing but luck brings into one
// order.
func (e *evidence) raw() bool {
	return e.seen(func(s *trace.Seen) bool {
		return s.Kind == probe.KindTask && s.Lib == "" && slices.Contains(unpooled, s.API)
	}) != nil
}

// unpooled are the calls that start work which no pin of concurrency puts in order.
var unpooled = []string{"threading.Thread.start", "multiprocessing.Process.start", "subprocess.Popen"}

// racing reports whether work went on at the same time, so that runs can agree by luck.
func (e *evidence) racing() bool {
	return e.seen(func(s *trace.Seen) bool {
		return s.Kind == probe.KindTask || s.Kind == probe.KindOp && e.parallelKernels()
	}) != nil
}

// enough is the number of pinned runs whose agreement is worth releasing suspects from. Two are, since each release that
// changes nothing is one more (see stands, which also makes up for work that went on at the same time); where everything was
// pinned on no evidence, and most of all where only some of the shipped runs differ, two runs can agree by luck.
// A result that no run as shipped came to takes one run less, and two where the clock's ticks explain which of those agree.
// A usual one takes most: random values are pinned to others than any run as shipped had, so it speaks against them.
func (c *inquiry) enough(pair *difference, pinned []*suspicion, usual int) int {
	blind := c.evidence(pair).blind(pinned)
	switch {
	case usual > 0 && (c.lucky || !slices.ContainsFunc(pinned, ordered)):
		return c.beyondLuck(usual)
	case c.lucky && blind:
		return 4
	case c.lucky && !c.ticked():
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

func covers(list []*suspicion) []string {
	var dirs []string
	for _, s := range list {
		dirs = append(dirs, s.cover...)
	}
	return dirs
}
