package diagnose

import (
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/compare"
	"github.com/reprocheck/reprocheck/runner/record"
)

// conclude gives the verdict on the shipped runs.
func (c *inquiry) conclude(pair *difference) {
	a := c.audit
	runs := make([]*record.Run, len(c.shipped))
	for i, o := range c.shipped {
		runs[i] = o.run
	}
	a.Metrics, a.Masked = compare.Summarise(runs, c.options)
	verdict := record.Reproducible
	for _, actual := range c.shipped[1:] {
		if d, err := c.differ(c.shipped[0], actual); err == nil {
			verdict = worse(verdict, c.verdict(d))
			a.Masked = union(a.Masked, d.results.Masked)
			a.Warnings = append(a.Warnings, newWarnings(a.Warnings, d.results.Warnings)...)
		}
	}
	c.setExperiment(c.base.Name, verdict, "")
	switch missing := c.missingEvidence(pair); {
	case c.unsettled:
		a.Verdict, a.Reason = record.Inconclusive, c.unsettledReason()
		c.setExperiment(c.base.Name, record.Inconclusive, "")
	case verdict == record.Diverged:
		a.Verdict, a.Reason = record.Diverged, c.divergedReason(pair)
		a.FirstDivergence = pair.first()
	case missing != "":
		a.Verdict, a.Reason = record.Inconclusive, missing
		c.setExperiment(c.base.Name, record.Inconclusive, "")
	case verdict == record.WithinTolerance:
		a.Verdict, a.Reason = record.WithinTolerance, "the runs differ, and stay within the tolerance asked for"
		a.FirstDivergence = pair.first()
	default:
		a.Verdict, a.Reason = record.Reproducible, c.agreedReason(pair)
	}
	c.plain = a.Verdict
}

func worse(a, b record.Verdict) record.Verdict {
	rank := []record.Verdict{record.Reproducible, record.WithinTolerance, record.Diverged}
	if slices.Index(rank, b) > slices.Index(rank, a) {
		return b
	}
	return a
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func newWarnings(known, found []record.Warning) []record.Warning {
	var fresh []record.Warning
	for _, w := range found {
		if !slices.Contains(known, w) && !slices.Contains(fresh, w) {
			fresh = append(fresh, w)
		}
	}
	return fresh
}

func (c *inquiry) divergedReason(pair *difference) string {
	n := len(c.shipped)
	printed := pair.printedAlike()
	if c.lab == nil {
		return "the two records differ"
	}
	switch {
	case pair.training.First != nil && printed && len(c.audit.Metrics) > 0:
		return fmt.Sprintf("%d runs of the same command trained differently, although they print the same metrics", n)
	case printed && pair.results.FirstArtifact() != nil && len(c.audit.Metrics) > 0:
		return fmt.Sprintf("%d runs of the same command print the same metrics and save different results", n)
	}
	return fmt.Sprintf("%d runs of the same command gave different results", n)
}

// agreedReason says how many runs agree, and in what.
func (c *inquiry) agreedReason(pair *difference) string {
	text := fmt.Sprintf("%d runs agree to the last bit", len(c.shipped))
	if c.lab == nil {
		text = "the two records agree to the last bit"
	}
	metrics := 0
	for _, m := range pair.results.Metrics {
		if m.Class != compare.Volatile {
			metrics++
		}
	}
	in := slices.Concat(counted(metrics, "metric"), counted(pair.results.Files, "file"), counted(int(pair.training.Steps), "optimizer step"))
	if len(in) == 0 {
		return text
	}
	return text + " in " + enumerate(in)
}

// counted is "1 file" or "2 files", and nothing where there is none.
func counted(n int, thing string) []string {
	switch n {
	case 0:
		return nil
	case 1:
		return []string{"1 " + thing}
	}
	return []string{fmt.Sprintf("%d %ss", n, thing)}
}
