package diagnose

import (
	"context"
	"fmt"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// Lab makes the runs that a diagnosis asks for.
type Lab interface {
	// Try makes runs of an experiment and returns their records. Fewer records than asked for come with an error.
	Try(ctx context.Context, ask Ask) ([]*record.Run, error)
	// Trace gives what the probe wrote in a run.
	Trace(run *record.Run) trace.Source
	// Left is the number of runs that may still be asked for.
	Left() int
	// Note tells the user in a sentence what is being done and why.
	Note(text string)
}

// Ask is a request for runs.
type Ask struct {
	Experiment plan.Experiment
	Runs       int
	Zoom       *plan.Zoom
	SampleAt   []int64
	// Cover lists directories outside the project of which every run is to find the same state.
	Cover []string
}

// observation is a run with what its trace shows.
type observation struct {
	run     *record.Run
	trace   trace.Source
	summary *trace.Summary
	zoomed  bool
}

// observe makes runs and reads their traces.
func (c *inquiry) observe(ctx context.Context, ask Ask) ([]*observation, error) {
	runs, err := c.lab.Try(ctx, ask)
	var seen []*observation
	for _, run := range runs {
		source := c.lab.Trace(run)
		summary, serr := trace.Summarise(source)
		if serr != nil {
			return seen, fmt.Errorf("reading the trace of run %s: %w", run.ID, serr)
		}
		seen = append(seen, &observation{run: run, trace: source, summary: summary, zoomed: ask.Zoom != nil})
	}
	return seen, err
}

// possible keeps the sources that a run can pin.
func possible(ids []seed.ID) []seed.ID {
	var can []seed.ID
	for _, id := range ids {
		if s, ok := seed.Lookup(id); ok && s.Pin.Possible() {
			can = append(can, id)
		}
	}
	return can
}
