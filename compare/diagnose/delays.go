package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// delays makes one more run where runs agree although the user's code had several things going on at the same time: with their
// beginnings delayed, so that they end in another order. On a quiet machine they always end in the same one.
func (c *inquiry) delays(ctx context.Context) error {
	agreed := c.plain == record.Reproducible || c.plain == record.WithinTolerance
	asked := slices.Contains(c.audit.Settings.Vary, seed.Concurrency) || slices.Contains(c.audit.Settings.Pin, seed.Concurrency)
	if len(c.shipped) < 2 || !agreed || asked || !c.audit.Settings.Diagnose || !together(c.shipped[0].summary) {
		return nil
	}
	c.lab.Note("Work goes on at the same time. Seeing whether a run in which parts of it are delayed gives the same result.")
	delayed := plan.Varied(c.base, seed.Concurrency)
	free, d, err := c.against(ctx, c.shipped[0], delayed)
	if err != nil {
		return err
	}
	reference, alike := c.shipped[0], ""
	if c.verdict(d) == record.Diverged && computes(reference.summary) {
		// Delayed runs compute with a fixed number of threads, which rounds otherwise by itself.
		counted, byCount, err := c.against(ctx, reference, c.pin([]seed.ID{seed.Threads}, false))
		if err != nil {
			return err
		}
		if d, err = c.differ(counted, free); err != nil {
			return err
		}
		reference, alike = counted, " and one with their number of threads"
		says := "agrees with the number of threads that delayed runs have"
		if byCount.any() {
			says = "differs by the number of threads that delayed runs have"
		}
		c.setExperiment(counted.run.Experiment, c.verdict(byCount), says)
	}
	if c.verdict(d) == record.Diverged {
		// One run alone may differ for a reason that is only seldom met.
		var again *difference
		if free, again, err = c.against(ctx, reference, delayed); err != nil {
			return err
		}
		if c.verdict(again) != record.Diverged {
			c.setExperiment(free.run.Experiment, record.Diverged, "of 2 runs whose parts are delayed one differs")
			c.audit.Verdict = record.Inconclusive
			c.audit.Reason = fmt.Sprintf("%d runs agree, and of 2 with parts of the work delayed one differs: more runs (-n) have to tell whether the command differs now and then", len(c.shipped))
			return nil
		}
	}
	name := free.run.Experiment
	sensitivity := record.Sensitivity{Source: seed.Concurrency, Changed: c.verdict(d) == record.Diverged, Values: []string{"as it comes", "delayed"}}
	if !sensitivity.Changed {
		c.setExperiment(name, record.Reproducible, "a run whose parts are delayed agrees"+strings.Replace(alike, " and one", " with one", 1))
		c.audit.Sensitivities = append(c.audit.Sensitivities, sensitivity)
		return nil
	}
	c.setExperiment(name, record.Diverged, "2 runs whose parts are delayed differ")
	cause := conviction{suspicion: ruleOf(seed.Concurrency).suspicionFor(c.evidence(d)), proof: record.Observed,
		evidence: []string{fmt.Sprintf("with parts of the work delayed, 2 runs differ (%s) from %d that agree as shipped%s", name, len(c.shipped), alike)}}
	pinned, err := c.observe(ctx, Ask{Experiment: c.pin([]seed.ID{seed.Concurrency}, false), Runs: 2})
	if err != nil {
		return err
	}
	if p, err := c.differ(pinned[0], pinned[1]); err != nil {
		return err
	} else if !p.any() {
		cause.proof = record.Proven
		cause.evidence = append(cause.evidence, fmt.Sprintf("with concurrency pinned, 2 runs agree (%s)", pinned[0].run.Experiment))
		c.setExperiment(pinned[0].run.Experiment, record.Reproducible, "2 runs agree")
	}
	sensitivity.File, sensitivity.Line = where(cause.site)
	c.audit.Sensitivities = append(c.audit.Sensitivities, sensitivity)
	c.causes = append(c.causes, cause)
	if c.audit.Verdict != record.Diverged {
		c.audit.Verdict, c.audit.FirstDivergence = record.Diverged, d.first()
		c.audit.Reason = "plain repeats agree, and a run in which parts of the work are delayed differs: results depend on what is done first"
	}
	return nil
}

// computes reports whether a process uses a library whose kernels share their work out to threads.
func computes(sum *trace.Summary) bool {
	for _, facts := range sum.Facts {
		for _, library := range []string{"numpy", "torch", "jax", "tensorflow"} {
			if facts[library] != "" {
				return true
			}
		}
	}
	return false
}

// together reports whether lines of the user's own started several things that go on at the same time.
func together(sum *trace.Summary) bool {
	started := int64(0)
	for _, s := range sum.Sites {
		if s.Kind != probe.KindTask || s.Lib != "" {
			continue
		}
		switch workers := s.First.DetailInt("workers"); {
		case workers == 1, s.First.DetailBool("unordered"), strings.HasPrefix(s.API, "asyncio."), s.API == "subprocess.Popen":
			// One worker does all; the order of completion is that of what else was started; one loop takes turns; and nothing
			// delays another program.
		case s.API == "threading.Thread.start" || s.API == "multiprocessing.Process.start":
			started += s.Count
		default:
			started += 2
		}
	}
	return started > 1
}
