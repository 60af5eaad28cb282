package diagnose

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

var (
	usesAddress = regexp.MustCompile(`\bid\(|key=id\b|\brepr\(`)
	// ownHash matches classes whose hash is made from their fields, which can hold strings.
	ownHash = regexp.MustCompile(`__hash__|frozen=True|NamedTuple|\(.*Enum\)`)
	// takesOne matches a line that takes members out of a container one by one.
	takesOne = regexp.MustCompile(`^\s*for\b|\.pop\(|\bnext\(`)
	// anObject matches the short text of an object of a class of the user's, as a zoom writes it.
	// It has to be what the line takes out of a container; an object that merely holds what differs says nothing.
	anObject = regexp.MustCompile(`^[A-Z]\w*(\{|<| object)|^<`)
)

// followsAddresses reports whether what looks like the hash seed is the order of addresses: the hash seed decides what is
// allocated where, so pinning it alone can be enough to make addresses agree.
func (e *evidence) followsAddresses(origin trace.LocalDifference) bool {
	line := sourceLine(e.dir, origin.File, origin.Line)
	if callsHash.MatchString(line) {
		return false
	}
	taken := takesOne.MatchString(line) && origin.Name != "self" && anObject.MatchString(origin.Values[0])
	return usesAddress.MatchString(line) || taken && !e.code.mentions(ownHash)
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
	if v.origin.Name != "" {
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

// mergeAddresses drops a conviction of the hash seed at a line that orders objects by their address where object identity
// is convicted itself: the hash seed decides what is allocated where, and is no cause beside it.
func (c *inquiry) mergeAddresses(pair *difference) {
	if !c.convicted(seed.ObjectIdentity) {
		return
	}
	e := c.evidence(pair)
	c.causes = slices.DeleteFunc(c.causes, func(v conviction) bool {
		return v.source == seed.PythonHash && v.origin != nil && e.followsAddresses(*v.origin)
	})
}

func (c *inquiry) convicted(id seed.ID) bool {
	return slices.ContainsFunc(c.causes, func(v conviction) bool { return v.source == id })
}
