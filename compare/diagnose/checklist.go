package diagnose

import (
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// checklist says of every source whether the command used it and whether it was controlled.
func (c *inquiry) checklist() []record.ChecklistItem {
	items := make([]record.ChecklistItem, 0, len(seed.All()))
	for _, s := range seed.All() {
		items = append(items, c.item(s))
	}
	return items
}

func (c *inquiry) item(s seed.Source) record.ChecklistItem {
	item := record.ChecklistItem{Source: s.ID}
	for _, cause := range c.causes {
		if cause.source == s.ID {
			item.Used, item.Status = true, "uncontrolled"
			item.Why = fmt.Sprintf("%s as a cause of the difference", cause.proof)
			item.File, item.Line = where(cause.site)
			return item
		}
	}
	for _, v := range c.audit.Sensitivities {
		if v.Source == s.ID && !v.Changed {
			item.Used, item.Status, item.Why = true, "controlled", fmt.Sprintf("varied (%d values), and the results stayed the same", len(v.Values))
			return item
		}
	}
	if len(c.shipped) > 0 && c.unseen() && c.pinnedOutside(s) {
		item.Status, item.Why = "controlled", "pinned in every run"
		return item
	}
	if len(c.shipped) == 0 || c.unseen() {
		item.Status, item.Why = "unknown", "no Python process was observed"
		return item
	}
	if used := siteOf(c.shipped[0], s.ID); used != nil {
		item.Used = true
		item.File, item.Line = where(used)
		item.Status, item.Why = c.controlled(s.ID, used)
		return item
	}
	item.Status, item.Why = c.withoutSite(s)
	return item
}

// pinnedOutside reports whether the user had a source pinned by what reaches every program, not Python alone.
func (c *inquiry) pinnedOutside(s seed.Source) bool {
	reaches := len(s.Pin.Env) > 0 || s.Pin.Launch != nil || s.Pin.Tree != nil
	refused := slices.ContainsFunc(c.shipped, func(o *observation) bool { return len(o.run.Refused) > 0 })
	return reaches && !refused && slices.Contains(c.audit.Settings.Pin, s.ID)
}

// withoutSite judges a source that no line was seen to use: some leave no line behind, and for those only what the runs
// were given counts.
func (c *inquiry) withoutSite(s seed.Source) (status, why string) {
	agreed := c.audit.Verdict == record.Reproducible
	facts := c.shipped[0].summary.Facts["main"]
	switch {
	case s.NeedsGPU && c.shipped[0].usesGPU():
		return c.onGPU(s)
	case s.NeedsGPU:
		return "unused", "no GPU was used"
	case s.ID == seed.PythonHash && !c.shipped[0].anyFact("hash_seed", "random"):
		return "controlled", "PYTHONHASHSEED is " + facts["hash_seed"]
	case (s.ID == seed.PythonHash || s.ID == seed.ObjectIdentity) && agreed:
		return "controlled", fmt.Sprintf("was another in each of %d runs, and the results stayed the same", len(c.shipped))
	case s.ID == seed.Threads && facts["torch.num_threads"] != "":
		return "unknown", fmt.Sprintf("torch used %s threads in every run; %s", facts["torch.num_threads"], knownBy(s))
	case slices.Contains(unseen, s.ID):
		return "unknown", knownBy(s)
	case s.ID == seed.JaxKey && facts["jax"] != "":
		return "unused", "no key was made by the program's own lines"
	case s.ID == seed.TensorflowSeed && facts["tensorflow"] != "":
		return "unused", "nothing drew without a seed, and no seed was set"
	case frameworks[s.ID] != nil:
		if userText(c.audit.Dir, c.audit.Command, c.shipped[0]).mentions(frameworks[s.ID]) {
			return "unknown", "the framework is not watched; " + knownBy(s)
		}
		return "unused", "the code that was seen does not mention it"
	}
	return "unused", "not seen in any process"
}

// unseen are sources that leave no event at a line.
var unseen = []seed.ID{seed.PythonHash, seed.ObjectIdentity, seed.Threads, seed.Software, seed.Hardware}

// frameworks tell by the code's text whether a framework that the probe does not watch may be in use.
var frameworks = map[seed.ID]pattern{
	seed.JaxKey:        newPattern(`\bjax\b|\bflax\b`),
	seed.TensorflowOps: newPattern(`\btensorflow\b|\bkeras\b`),
	seed.BoostingSeed:  newPattern(`\bxgboost\b|\blightgbm\b|\bcatboost\b`),
	seed.Collectives:   newPattern(`\btorch\.distributed\b|\bhorovod\b|\bmpi4py\b`),
}

// controlled judges a source that was used and is no cause.
func (c *inquiry) controlled(id seed.ID, used *trace.Seen) (status, why string) {
	if len(c.shipped) < 2 {
		if seeding := seededAt(c.shipped[0], id); seeding != nil {
			return "controlled", "seeded at " + at(seeding)
		}
		return "unknown", "one run cannot show whether its values repeat"
	}
	for _, change := range trace.Changes(c.shipped[0].summary, c.shipped[1].summary) {
		switch {
		case change.Stream != id || importing(change.Seen):
		case c.audit.Verdict != record.Reproducible:
			return "uncontrolled", "its values differ between runs, and were not shown to reach the results"
		case slices.Contains(ofGenerators, change.Kind):
			return "uncontrolled", "its values differ between runs, although the results stayed the same"
		default:
			return "controlled", fmt.Sprintf("its values differ between runs, and the results of %d stayed the same", len(c.shipped))
		}
	}
	if seeding := seededAt(c.shipped[0], id); seeding != nil {
		return "controlled", "seeded at " + at(seeding)
	}
	if used.Kind == probe.KindConnect {
		return "unknown", "what " + used.Values[0] + " answers was not compared"
	}
	return "controlled", fmt.Sprintf("gave the same values in %d runs", len(c.shipped))
}

// ofGenerators are the kinds of events of random number generators, which are to be seeded whether or not their values matter.
var ofGenerators = []probe.Kind{probe.KindNew, probe.KindSeed, probe.KindDraw, probe.KindStream}

// seededAt is where a stream was given an explicit seed.
func seededAt(o *observation, id seed.ID) *trace.Seen {
	for _, s := range o.summary.Sites {
		if s.Stream == id && isSeeding(s) && s.Values[0] != "None" && s.Values[0] != "unseeded" {
			return s
		}
	}
	return nil
}

func knownBy(s seed.Source) string {
	switch {
	case s.Vary.Possible():
		return fmt.Sprintf("`--vary %s` tests it", s.ID)
	case s.Pin.Possible():
		return "only pinning it can show it"
	}
	return "it shows when records of two machines are compared"
}

func where(s *trace.Seen) (string, int) {
	if s == nil {
		return "", 0
	}
	return s.File, s.Line
}
