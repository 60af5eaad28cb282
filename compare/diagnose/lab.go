package diagnose

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// Lab makes the runs that a diagnosis asks for.
type Lab interface {
	// Try makes runs of an experiment and returns their records. Fewer records than asked for come with an error.
	Try(ctx context.Context, ask Ask) ([]*record.Run, error)
	// Record gives the whole record of a run that Try has returned.
	Record(run *record.Run) (*record.Run, error)
	// Trace gives what the probe wrote in a run.
	Trace(run *record.Run) trace.Source
	// Changed lists the files of the project that something other than its runs changed since a time, and gives the time of
	// the last such change.
	Changed(since time.Time) (paths []string, last time.Time)
	// Note tells the user in a sentence what is being done and why.
	Note(text string)
}

// Ask is a request for runs.
type Ask struct {
	Experiment plan.Experiment
	Runs       int
	Zoom       *plan.Zoom
	// Cover lists directories outside the project of which every run is to find the same state.
	Cover []string
	// Apart is how much later than the first of the runs the last of them has to begin.
	Apart time.Duration
	// Enough is asked now and then what the trace of a run shows so far; an answer other than "" is the reason for which the
	// run may end there. nil asks for whole runs.
	Enough func(soFar trace.Source) string
}

// maxHeld is how many files of a run are held in memory; the record of one that wrote more is read anew where runs are compared.
const maxHeld = 1000

// observation is a run with what its trace shows.
type observation struct {
	run     *record.Run // without the artifacts where they are many, see inquiry.whole
	files   int         // how many artifacts the run has
	trace   trace.Source
	summary *trace.Summary
	zoomed  bool
}

// observe makes runs, reads their traces and remembers them.
func (c *inquiry) observe(ctx context.Context, ask Ask) ([]*observation, error) {
	runs, err := c.lab.Try(ctx, ask)
	made := len(c.seen)
	for _, run := range runs {
		source := c.lab.Trace(run)
		summary, serr := trace.Summarise(source)
		if serr != nil {
			err = fmt.Errorf("reading the trace of run %s: %w", run.ID, serr)
			break
		}
		o := &observation{run: run, files: len(run.Artifacts), trace: source, summary: summary, zoomed: ask.Zoom != nil}
		if o.files > maxHeld {
			light := *run
			light.Artifacts = nil
			o.run = &light
		}
		c.seen = append(c.seen, o)
	}
	return slices.Clone(c.seen[made:]), err
}

// whole is an observation's run with all its artifacts.
func (c *inquiry) whole(o *observation) (*record.Run, error) {
	if o.files == len(o.run.Artifacts) {
		return o.run, nil
	}
	return c.lab.Record(o.run)
}

// against makes one run and compares it with another.
func (c *inquiry) against(ctx context.Context, other *observation, e plan.Experiment) (*observation, *difference, error) {
	runs, err := c.observe(ctx, Ask{Experiment: e, Runs: 1})
	if err != nil {
		return nil, nil, err
	}
	d, err := c.differ(other, runs[0])
	return runs[0], d, err
}

// pins reports whether a run of this command can pin a source: one that only the probe controls cannot be pinned
// where no process has the probe.
func (c *inquiry) pins(id seed.ID) bool {
	s, known := seed.Lookup(id)
	if !known || !s.Pin.Possible() {
		return false
	}
	onlyProbe := len(s.Pin.Env) == 0 && s.Pin.Launch == nil && s.Pin.Tree == nil && !s.Pin.Workspace
	return !onlyProbe || !c.unseen()
}
