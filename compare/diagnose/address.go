package diagnose

import (
	"context"
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

var (
	usesAddress = newPattern(`\bid\(|key=id\b|\brepr\(`)
	// takesOne matches a line that takes members out of a container one by one.
	takesOne = newPattern(`^\s*for\b|\.pop\(|\bnext\(`)
	// takesAll matches a line that takes all members out of a container at once.
	takesAll = newPattern(`\b(list|tuple|sorted)\(|\[\*`)
	// byAddress matches the short text, as a zoom writes it, of an object that is hashed by its address, alone or in a tuple,
	// and allByAddress that of a list of such objects. The line has to take them out of a container: an object that merely
	// holds what differs says nothing.
	// A tensor is hashed by its address, too.
	byAddress    = newPattern(`^(tuple\[)?(<|\w+\[[\d,]*\]:)`)
	allByAddress = newPattern(`^\w*\[(<|\w+\[[\d,]*\]:)`)
)

// followsAddresses reports whether what looks like the hash seed is the order of addresses: the hash seed decides what is
// allocated where, so pinning it alone can be enough to make addresses agree.
func (e *evidence) followsAddresses(origin trace.LocalDifference) bool {
	line := sourceLine(e.dir, origin.File, origin.Line)
	if callsHash().MatchString(line) {
		return false
	}
	walked := takesOne().MatchString(line) || origin.Walked()
	taken := origin.Name != "self" && (walked && byAddress().MatchString(origin.Values[0]) ||
		takesAll().MatchString(line) && allByAddress().MatchString(origin.Values[0]))
	return usesAddress().MatchString(line) || taken
}

// showsAddresses reports whether a run in which nothing but the layout was free differs from those in which it was pinned at
// a line that makes a value or an order from addresses. A run that is merely laid out otherwise does not.
func (c *inquiry) showsAddresses(agreed *agreement, group []*suspicion, released *observation) (bool, error) {
	if len(group) != 1 || group[0].source != seed.ObjectIdentity {
		return false, nil
	}
	v, err := c.placed(agreed.runs, released)
	if err != nil || v == nil {
		return false, err
	}
	e := &evidence{dir: c.audit.Dir}
	return e.followsAddresses(*v.origin) || matchesAny(e.line(v.site), usesAddress, callsHash), nil
}

// takesAddresses reports whether the layout is to be released of a program whose code asks for addresses. What it makes of them, such
// as the place in a small table, can come out the same in a run more.
func (c *inquiry) takesAddresses(group []*suspicion) bool {
	return len(group) == 1 && group[0].source == seed.ObjectIdentity && userText(c.audit.Dir, c.audit.Command, c.shipped[0]).mentions(callsID)
}

// ordersByHash reports whether traces by line show the hash seed at work, which is pinned: the runs as shipped first differ from
// those in which it is where something is taken out of a container that is not hashed by its address.
func (c *inquiry) ordersByHash(agreed *agreement) (bool, error) {
	free := c.tracedAsShipped()
	if free == nil || !slices.Contains(sources(agreed.pinned), seed.PythonHash) {
		return false, nil
	}
	origin, found, err := originOf(agreed.runs, free, false)
	if err != nil || !found {
		return false, err
	}
	return c.takesByHash(origin), nil
}

// takesByHash reports whether a line takes one thing after the other out of a container that is not hashed by its address.
func (c *inquiry) takesByHash(origin trace.LocalDifference) bool {
	e := &evidence{dir: c.audit.Dir}
	return takesOne().MatchString(sourceLine(e.dir, origin.File, origin.Line)) && !e.followsAddresses(origin)
}

// placed places object identity by a run in which it was free; nil where the traces by line do not show it.
func (c *inquiry) placed(pinned []*observation, free *observation) (*conviction, error) {
	origin, found, err := originOf(pinned, free, false)
	if err != nil || !found {
		return nil, err
	}
	v := &conviction{suspicion: &suspicion{source: seed.ObjectIdentity}}
	return v, v.placeAt(c.audit.Dir, free, origin)
}

// onlyMovesAddresses reports whether the hash seed needs no run of its own: object identity has been convicted beside it, and
// what the runs as shipped, in which both were free, hold differently differs as well in the run in which only the layout was.
// The hash seed decides what is allocated where, so it can seldom be released alone.
func (c *inquiry) onlyMovesAddresses(agreed *agreement, group []*suspicion) (bool, error) {
	i := slices.IndexFunc(c.causes, func(v conviction) bool { return v.source == seed.ObjectIdentity && v.released != nil })
	shipped := c.tracedAsShipped()
	if len(group) != 1 || group[0].source != seed.PythonHash || i < 0 || shipped == nil {
		return false, nil
	}
	alone := c.causes[i].released
	if _, found, err := originOf(agreed.runs, alone, false); err != nil || !found {
		return false, err
	}
	pinned := agreed.runs[0]
	both, err := trace.Zoom(pinned.trace, shipped.trace)
	if err != nil {
		return false, err
	}
	var known []trace.LocalDifference
	for _, o := range append(agreed.runs[1:len(agreed.runs):len(agreed.runs)], alone) {
		differences, err := trace.Zoom(pinned.trace, o.trace)
		if err != nil {
			return false, err
		}
		known = append(known, differences...)
	}
	_, more := trace.Origin(both, known)
	return !more, nil
}

// addresses replaces a conviction of the hash seed by one of object identity where the line it was placed at shows
// addresses at work, and pinning the layout, with the hash seed beside it, makes runs agree as well.
func (c *inquiry) addresses(ctx context.Context, pair *difference, w whole, v *conviction) error {
	if c.convicted(seed.ObjectIdentity) || v.source != seed.PythonHash || v.origin == nil || !c.evidence(pair).followsAddresses(*v.origin) || !c.pins(seed.ObjectIdentity) {
		return nil
	}
	agreed := &agreement{runs: w.runs}
	if known := sources(w.pinned); !slices.Contains(known, seed.ObjectIdentity) || !slices.Contains(known, seed.PythonHash) {
		c.lab.Note("The line orders objects by their address. Pinning object-identity.")
		e := c.pin([]seed.ID{seed.ObjectIdentity}, false)
		e.Levels[seed.PythonHash] = seed.Pin
		e.Name = plan.Pin([]seed.ID{seed.ObjectIdentity, seed.PythonHash}).Name
		var err error
		if agreed, _, err = c.holds(ctx, pair, e, []*suspicion{{source: seed.ObjectIdentity, site: v.site}}); err != nil || agreed == nil {
			return err
		}
	}
	c.setExperiment(plan.Release(w.experiment, seed.ObjectIdentity).Name, record.Reproducible, "still agrees with object-identity released: the hash seed, which is pinned, moves the addresses")
	story := v.story
	if v.origin.Values[0] != v.origin.Values[1] {
		story = ruleOf(seed.ObjectIdentity).words(*v.origin)
	}
	v.suspicion = &suspicion{source: seed.ObjectIdentity, strength: v.strength, site: v.site, story: story}
	v.proof = record.Proven
	v.evidence = []string{
		fmt.Sprintf("with object-identity pinned, and the hash seed beside it, %d runs agree (%s)", len(agreed.runs), agreed.runs[0].run.Experiment),
		fmt.Sprintf("with both left to the command, runs differ (%s)", c.base.Name),
		"the line orders objects by their address; the hash seed only moves them",
	}
	return nil
}

// mergeAddresses drops a conviction of the hash seed at a line that orders objects by their address, or at the one where
// addresses show, or at one that only its text speaks for, where object identity is convicted itself: with the hash seed pinned the
// runs differed there as well. The hash seed decides what is allocated where, and is no cause beside it.
func (c *inquiry) mergeAddresses(pair *difference) {
	i := slices.IndexFunc(c.causes, func(v conviction) bool { return v.source == seed.ObjectIdentity })
	j := slices.IndexFunc(c.causes, func(v conviction) bool { return v.source == seed.PythonHash })
	if i < 0 || j < 0 {
		return
	}
	shows, hash := &c.causes[i], c.causes[j]
	switch {
	case hash.byText && !callsHash().MatchString(sourceLine(c.audit.Dir, hash.site.File, hash.site.Line)):
		if shows.site == nil {
			shows.suspicion, shows.byText = hash.of(seed.ObjectIdentity), true
		}
	case hash.origin == nil:
		return
	case c.evidence(pair).followsAddresses(*hash.origin):
	case shows.origin != nil && shows.origin.File == hash.origin.File && shows.origin.Line == hash.origin.Line:
	default:
		return
	}
	c.causes = slices.Delete(c.causes, j, j+1)
}

// of is the suspicion of another source at the same line.
func (s *suspicion) of(source seed.ID) *suspicion {
	other := *s
	other.source = source
	return &other
}

func (c *inquiry) convicted(id seed.ID) bool {
	return slices.ContainsFunc(c.causes, func(v conviction) bool { return v.source == id })
}
