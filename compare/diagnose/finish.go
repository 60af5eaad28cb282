package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// finish writes what was found into the audit.
func (c *inquiry) finish() error {
	a := c.audit
	for i, v := range c.causes {
		if v.site == nil && v.instead != nil {
			placed := *v.suspicion
			placed.site = v.instead
			c.causes[i].suspicion = &placed
		}
	}
	slices.SortStableFunc(c.causes, func(x, y conviction) int {
		rank := []record.Proof{record.Proven, record.Observed, record.Suspected}
		return cmp.Or(cmp.Compare(slices.Index(rank, x.proof), slices.Index(rank, y.proof)), cmp.Compare(x.order(), y.order()))
	})
	for _, v := range c.causes {
		a.Causes = append(a.Causes, c.cause(v))
	}
	c.placeDivergence()
	a.Checklist = c.checklist()
	for _, w := range warnings(c.shipped) {
		a.Warnings = append(a.Warnings, newWarnings(a.Warnings, []record.Warning{w})...)
	}
	c.limits()
	a.Finished = true
	return nil
}

func (c *inquiry) cause(v conviction) record.Cause {
	source, _ := seed.Lookup(v.source)
	cause := record.Cause{Source: v.source, Proof: v.proof, Process: "main", Story: v.story, Fix: v.fix, Evidence: v.evidence}
	if cause.Story == "" {
		cause.Story = source.Doc
	}
	if cause.Fix == "" {
		cause.Fix = source.Fix
	}
	if v.site != nil {
		cause.File, cause.Line, cause.Step, cause.Process = v.site.File, v.site.Line, v.site.Step, v.site.Process
		cause.Excerpt = excerpt(c.audit.Dir, v.site.File, v.site.Line)
	}
	return cause
}

// placeDivergence gives a divergence that was seen only in results, which have no line, the line of its first cause. What only
// varied runs showed is no cause of a difference between those as shipped.
func (c *inquiry) placeDivergence() {
	d := c.audit.FirstDivergence
	if d == nil || d.File != "" {
		return
	}
	i := slices.IndexFunc(c.causes, func(v conviction) bool { return !v.varied })
	if i >= 0 {
		d.File, d.Line = where(c.causes[i].site)
	}
}

// limits says what the verdict does not cover.
func (c *inquiry) limits() {
	a := c.audit
	// What was seen comes before what could have been: a short report shows the first few.
	var outside []string
	for _, o := range c.seen {
		outside = union(outside, o.run.Outside)
	}
	if len(outside) > 0 {
		c.limit(fmt.Sprintf("Files outside the workspace were written and are not isolated: %s.", some(outside)))
	}
	if files := c.uncompared(); len(files) > 0 {
		c.limit(fmt.Sprintf("Files outside the project were not compared: %s (--results DIR has those in DIR compared).", some(files)))
	}
	for _, o := range c.seen {
		for _, l := range slices.Concat(o.run.Isolation.Limits, o.run.Refused) {
			c.limit(l)
		}
	}
	var shipped []*record.Run
	for _, o := range c.shipped {
		shipped = append(shipped, o.run)
	}
	if unused := c.options.Unused(shipped...); len(unused) > 0 {
		c.limit(fmt.Sprintf("A tolerance was asked for that was used for nothing: no metric and no saved value is called %s.", some(unused)))
	}
	if len(c.shipped) > 0 {
		first := c.shipped[0]
		if c.unseen() && c.lab != nil {
			c.limit("No Python process was observed: only what the command printed and wrote was compared.")
		}
		if c.unobserved() != nil {
			c.limit("Python started with -I, -E or -S, or with an environment of its own, does not read PYTHONPATH, by which the probe comes in: start it without them.")
		}
		if first.summary.Omitted > 0 {
			c.limit(fmt.Sprintf("%d events of the trace come from more places in the code than are kept.", first.summary.Omitted))
		}
	}
	if agreed := a.Verdict == record.Reproducible || a.Verdict == record.WithinTolerance; agreed && c.lab != nil && len(a.Settings.Vary) == 0 {
		c.limit("Another machine's processor, GPU and software; `--vary all` tries its thread count, file order, memory and host.")
	}
	a.Limits = slices.Compact(a.Limits)
}

func some(paths []string) string {
	const most = 3
	if len(paths) <= most {
		return strings.Join(paths, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(paths[:most], ", "), len(paths)-most)
}
