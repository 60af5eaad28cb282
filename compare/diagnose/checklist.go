package diagnose

import (
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
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
	if len(c.shipped) == 0 || len(c.shipped[0].run.Processes) == 0 {
		item.Status, item.Why = "unknown", "no Python process was observed"
		return item
	}
	if len(s.Streams) == 0 {
		item.Status, item.Why = "unknown", "leaves no trace in one run; "+knownBy(s)
		return item
	}
	used := siteOf(c.shipped[0], s.ID)
	if used == nil {
		if s.NeedsGPU {
			item.Status, item.Why = "unused", "no GPU was used"
			return item
		}
		item.Status, item.Why = "unused", "not seen in any process"
		return item
	}
	item.Used = true
	item.File, item.Line = where(used)
	item.Status, item.Why = c.controlled(s.ID, used)
	return item
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
		if change.Stream == id {
			return "uncontrolled", "its values differ between runs, and were not shown to reach the results"
		}
	}
	if seeding := seededAt(c.shipped[0], id); seeding != nil {
		return "controlled", "seeded at " + at(seeding)
	}
	return "controlled", fmt.Sprintf("gave the same values in %d runs", len(c.shipped))
}

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
