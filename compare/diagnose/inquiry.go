package diagnose

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/compare"
	"github.com/reprocheck/reprocheck/compare/tensordiff"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
)

// inquiry is one audit while it is being made.
type inquiry struct {
	lab      Lab
	audit    *record.Audit
	options  compare.Options
	starters []starter      // what the command names besides Python
	shipped  []*observation // the runs of the command as it ships
	base     plan.Experiment
	plain    record.Verdict // on the shipped runs
	causes   []conviction
	failed   []trial
	// compared holds the pairs of runs that have been compared.
	compared map[[2]*observation]*difference
	// seen are all runs made, for the checklist and the limits.
	seen []*observation
	// lucky says that some of the shipped runs agreed though others did not: then one equal run proves little.
	lucky bool
	// stale names the files of the project that changed while the first runs went on, so that the command was run afresh, and
	// moving says that files changed then as well. unsettled says that it could not be run afresh.
	stale     []string
	moving    bool
	unsettled bool
	// gone says that a difference between runs as shipped no longer showed after the pinned runs had been made.
	gone bool
	// usualOrder says that a pinned run came to what a run as shipped came to, as threads do that mostly take turns in one order.
	usualOrder bool
	// followsOrder says that results were seen to follow the order of a container that the hash seed decides.
	followsOrder bool
	// retraced is one more run as shipped that was traced by line, made where the first agreed with the pinned runs; hidden
	// says that it agreed as well. Where results follow an order it is one that came to another result.
	retraced *observation
	hidden   bool
}

func inquire(ctx context.Context, audit *record.Audit) *inquiry {
	return &inquiry{audit: audit, options: optionsOf(ctx, audit.Criterion), starters: startersOf(audit.Dir, audit.Command)}
}

// Investigate carries out an audit: it asks the lab for the runs that the audit's settings call for, and fills in the
// verdict, the causes and everything that a report says of them. The error is the lab's.
func Investigate(ctx context.Context, lab Lab, audit *record.Audit) error {
	c := inquire(ctx, audit)
	c.lab, c.base = lab, plan.AsShipped(audit.Settings.Pin)
	if err := c.ship(ctx); err != nil {
		return err
	}
	if err := c.doubt(ctx); err != nil && !c.outOfRuns(err) {
		return err
	}
	pair, err := c.mostDifferent()
	if err == nil {
		pair, err = c.onSameFiles(ctx, pair)
	}
	if err != nil {
		return err
	}
	c.conclude(pair)
	if pair != nil && pair.any() && !c.unsettled && c.audit.Verdict != record.WithinTolerance && audit.Settings.Diagnose {
		if err := c.diagnose(ctx, pair); err != nil && !c.outOfRuns(err) {
			return err
		}
	}
	if len(audit.Settings.Vary) > 0 && audit.Verdict != record.Inconclusive {
		if err := c.undisturbed(func() error { return c.vary(ctx) }); err != nil && !c.outOfRuns(err) {
			return err
		}
	}
	for _, part := range []func(context.Context) error{c.delays, c.leftovers} {
		if err := c.undisturbed(func() error { return part(ctx) }); err != nil && !c.outOfRuns(err) {
			return err
		}
	}
	c.warnOfChanges()
	return c.finish()
}

// BudgetError is implemented by a lab's error that says that no more runs may be made.
type BudgetError interface {
	error
	Budget() bool
}

// outOfRuns notes that the budget ended the search, which is a limit of the report and no failure.
func (c *inquiry) outOfRuns(err error) bool {
	var budget BudgetError
	if !errors.As(err, &budget) {
		return false
	}
	c.limit(fmt.Sprintf("The search for causes ended early: %v. Allow more with --max-runs.", err))
	return true
}

func (c *inquiry) limit(text string) {
	if !slices.Contains(c.audit.Limits, text) {
		c.audit.Limits = append(c.audit.Limits, text)
	}
}

func optionsOf(ctx context.Context, criterion record.Criterion) compare.Options {
	return compare.Options{RTol: criterion.RTol, ATol: criterion.ATol, DTypes: criterion.DTypes, Tolerances: criterion.Tolerances,
		CloseTensors: func(expected, actual *record.Artifact, name string, t record.Tolerance) bool {
			return tensordiff.Kept(ctx, expected, actual, name, tensordiff.Tolerance{RTol: t.RTol, ATol: t.ATol})
		}}
}

// setExperiment records what an experiment showed.
func (c *inquiry) setExperiment(name string, verdict record.Verdict, says string) {
	for i := range c.audit.Experiments {
		if e := &c.audit.Experiments[i]; e.Name == name {
			e.Verdict = verdict
			if says != "" {
				e.Says = says
			}
		}
	}
}
