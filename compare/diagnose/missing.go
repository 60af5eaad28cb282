package diagnose

import (
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/compare"
	"github.com/reprocheck/reprocheck/runner/record"
)

// missingEvidence says why runs that agree show nothing, empty when they do show something.
func (c *inquiry) missingEvidence(pair *difference) string {
	if pair == nil {
		return "one run shows that the command works and what it draws from; whether it gives the same result again takes at least two"
	}
	if o := c.unobserved(); o != nil {
		return fmt.Sprintf("a Python process of run %s could not be observed (%s), and equal output alone is no evidence of equal training", o.run.ID, o.run.Silent[0])
	}
	metrics := hasMetrics(c.shipped[0].run)
	for _, o := range c.shipped {
		if process := o.crashed(pair.training.Events > 0, metrics); process != "" {
			return failureText(o, process) + ": what it would have gone on to do was not seen"
		}
	}
	if pair.training.Events == 0 && !metrics && !pair.comparesFile() {
		return "no training was seen: no optimizer step, no metric and no file that could be compared" + c.writtenElsewhere()
	}
	return ""
}

// comparesFile reports whether the runs wrote a file that could have shown a difference: one of a format that always differs shows none.
func (d *difference) comparesFile() bool {
	return slices.ContainsFunc(d.results.Artifacts, func(a compare.ArtifactDiff) bool { return a.Class != compare.Volatile })
}

// crashed names the process that an exception ended and that was, or may have been, the training; "" where there is none. That
// another one was can be told where that one made the steps, or the metrics.
func (o *observation) crashed(steps, metrics bool) string {
	for _, process := range o.trace.Processes() {
		another := metrics && len(o.summary.Failed) < len(o.summary.Ended)
		if steps {
			another = o.summary.Facts[process]["torch.num_threads"] == "" // written at the first step
		}
		if o.summary.Failed[process] != "" && !another {
			return process
		}
	}
	return ""
}

// unobserved is the first shipped run in which a Python process never said that it was alive, nil where none is.
func (c *inquiry) unobserved() *observation {
	i := slices.IndexFunc(c.shipped, func(o *observation) bool { return len(o.run.Silent) > 0 })
	if i < 0 {
		return nil
	}
	return c.shipped[i]
}

func hasMetrics(run *record.Run) bool {
	return slices.ContainsFunc(run.Metrics, func(s record.Series) bool { return s.Volatile == "" && len(s.Points) > 0 })
}
