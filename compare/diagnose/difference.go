package diagnose

import (
	"cmp"
	"fmt"

	"github.com/reprocheck/reprocheck/compare"
	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// difference is everything in which two runs differ that counts.
type difference struct {
	expected, actual *observation
	results          *compare.Result
	training         trace.Training
	evidence         *evidence // nil until it is asked for
}

// differ compares two runs, each pair once: their traces can be long.
func (c *inquiry) differ(expected, actual *observation) (*difference, error) {
	pair := [2]*observation{expected, actual}
	if known := c.compared[pair]; known != nil {
		return known, nil
	}
	d := &difference{expected: expected, actual: actual}
	var err error
	if actual.run.Truncated == "" {
		if d.results, err = c.compare(expected, actual); err != nil {
			return nil, err
		}
		d.training, err = trace.State(expected.trace, actual.trace)
	} else {
		// It was ended because it had parted from the expected run, and has no results.
		d.results = &compare.Result{}
		d.training.First, err = trace.Parting(expected.trace, actual.trace)
	}
	if err != nil {
		return nil, err
	}
	if actual.run.Truncated != "" && d.training.First == nil {
		return nil, fmt.Errorf("run %s was ended early (%s), and its trace no longer shows why", actual.run.ID, actual.run.Truncated)
	}
	if c.compared == nil {
		c.compared = map[[2]*observation]*difference{}
	}
	c.compared[pair] = d
	return d, nil
}

// compare compares the results of two runs.
func (c *inquiry) compare(expected, actual *observation) (*compare.Result, error) {
	a, err := c.whole(expected)
	if err != nil {
		return nil, err
	}
	b, err := c.whole(actual)
	if err != nil {
		return nil, err
	}
	results := compare.Runs(a, b, c.options)
	if len(results.Artifacts) > maxHeld {
		results.Abridge()
	}
	return results, nil
}

// any reports whether the runs differ at all: in a result, or in the state of the training on the way to it.
func (d *difference) any() bool {
	return d.results.Verdict() == compare.Different || d.results.Verdict() == compare.Within || d.training.First != nil
}

// verdict is the pair's verdict under the user's criterion: a tolerance is for results, so where one was asked for,
// results decide; else the training's state must agree to the last bit as well.
func (c *inquiry) verdict(d *difference) record.Verdict {
	switch {
	case d.results.Verdict() == compare.Different:
		return record.Diverged
	case c.audit.Criterion.Mode != "exact" && d.any():
		return record.WithinTolerance
	case d.any():
		return record.Diverged
	}
	return record.Reproducible
}

// printedAlike reports whether all metrics that count are equal.
func (d *difference) printedAlike() bool { return d.results.FirstMetric() == nil }

// first describes the earliest event at which the runs part.
func (d *difference) first() *record.Divergence {
	runs := [2]string{d.expected.run.ID, d.actual.run.ID}
	if s := d.training.First; s != nil {
		return &record.Divergence{Process: s.Process, Step: s.Step, Event: string(s.Kind), File: s.File, Line: s.Line,
			Detail: stateDetail(s) + unseenSteps(s), Runs: runs}
	}
	if m := d.results.FirstMetric(); m != nil {
		return &record.Divergence{Process: "main", Step: m.Step, Event: "metric", Runs: runs,
			Detail: fmt.Sprintf("%s is %s in %s and %s in %s", m.Name, orNothing(m.Expected), runs[0], orNothing(m.Actual), runs[1])}
	}
	if a := d.results.FirstArtifact(); a != nil {
		return &record.Divergence{Process: "main", Event: "artifact", Runs: runs, Detail: cmp.Or(a.Path, a.ActualPath) + ": " + a.Detail}
	}
	if d.results.Output == compare.Different {
		return &record.Divergence{Process: "main", Event: "output", Runs: runs, Detail: "standard output is not the same text"}
	}
	return nil
}

func stateDetail(s *trace.Divergence) string {
	names := map[probe.Kind]string{
		probe.KindInit: "initial parameters", probe.KindBatch: "batch", probe.KindLoss: "loss", probe.KindGrad: "gradients",
		probe.KindParams: "parameters after the step", probe.KindLR: "learning rate", probe.KindFinal: "final parameters",
	}
	switch s.What {
	case "sequence":
		return fmt.Sprintf("one run goes on with %s of step %d, the other with %s of step %d",
			names[s.Expected.Kind], s.Expected.Step, names[s.Actual.Kind], s.Actual.Step)
	case "length":
		return fmt.Sprintf("only one of the runs comes to the %s of step %d", names[s.Kind], s.Step)
	}
	if a, b := s.Expected.DetailString("value"), s.Actual.DetailString("value"); a != "" && a != b {
		return fmt.Sprintf("%s %s and %s", names[s.Kind], a, b)
	}
	return names[s.Kind] + " not the same to the last bit"
}

// unseenSteps says that the runs may have parted before the step at which that was seen: of a long training the probe looks at
// fewer and fewer steps.
func unseenSteps(s *trace.Divergence) string {
	unseen := s.Step - s.SharedStep - 1
	if s.SharedStep < 0 || unseen <= 0 {
		return ""
	}
	return fmt.Sprintf(" (still equal at step %d; the %d steps between were not looked at)", s.SharedStep, unseen)
}

func orNothing(text string) string {
	if text == "" {
		return "missing"
	}
	return text
}
