package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
)

// ErrBudget says that an experiment was not run because the audit's --max-runs is used up.
var ErrBudget = errors.New("the limit of runs is reached")

// FailedError says that the training command itself failed, in which case nothing can be concluded.
type FailedError struct{ Run *record.Run }

func (e *FailedError) Error() string {
	x := e.Run.Exit
	switch {
	case x.TimedOut:
		return fmt.Sprintf("run %s was ended after its time limit (--timeout)", e.Run.ID)
	case x.Signal != "":
		return fmt.Sprintf("the command was ended by %s in run %s", x.Signal, e.Run.ID)
	}
	return fmt.Sprintf("the command failed with exit status %d in run %s", x.Code, e.Run.ID)
}

// Executor launches one step of an audit and returns its record. dir exists, is empty, and receives the run's
// streams and traces. While the run goes on, progress is told its newest optimizer step, and enough, unless it is nil, is asked
// what the traces in a directory say so far: an answer other than "" is the reason why the run need not go on. It is
// ended then, and its record says so (record.Run.Truncated). The error is the executor's own failure; the command's is in
// the record.
type Executor interface {
	Execute(ctx context.Context, step plan.Step, dir string, progress func(step int64), enough func(traces string) string) (*record.Run, error)
}

// Runner carries out the experiments of one audit and remembers their runs. It is not safe for concurrent use.
type Runner struct {
	Store    *Store
	Executor Executor
	Observer Observer
	Audit    *record.Audit

	levels map[string]string // experiment name -> what was assigned under it
	counts map[string]int
	spent  int
}

// New returns a runner for an audit that is in the store.
func New(store *Store, executor Executor, observer Observer, audit *record.Audit) *Runner {
	return &Runner{Store: store, Executor: executor, Observer: observer, Audit: audit,
		levels: map[string]string{}, counts: map[string]int{}}
}

// Spent is the number of runs launched or taken over from an interrupted audit.
func (r *Runner) Spent() int { return r.spent }

// Left is the number of runs that the audit may still launch.
func (r *Runner) Left() int { return max(0, r.Audit.Settings.MaxRuns-r.spent) }

// Request asks for runs of an experiment.
type Request struct {
	Experiment plan.Experiment
	// Runs is how many more runs of the experiment are wanted, at least 1.
	Runs int
	// Zoom and Cover apply to each of them.
	Zoom  *plan.Zoom
	Cover []string
	// Apart is how much later than the first of them the last of them begins at the earliest.
	Apart time.Duration
	// Enough may end a run early, see Executor; nil lets every run come to its end.
	Enough func(traces string) string
}

// Try launches the runs asked for, up to --jobs side by side, and returns their records in order. Runs that an
// interrupted audit has already finished are taken from the store. A run whose command failed gives a *FailedError,
// an exhausted budget ErrBudget; the records of the runs that finished are kept in the store in every case.
func (r *Runner) Try(ctx context.Context, req Request) ([]*record.Run, error) {
	if req.Runs > r.Left() {
		return nil, fmt.Errorf("%s: %w", req.Experiment.Name, ErrBudget)
	}
	steps := r.steps(req)
	records := make([]*record.Run, len(steps))
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(max(1, r.Audit.Settings.Jobs))
	notBefore := make([]time.Time, len(steps))
	if last := len(steps) - 1; last > 0 {
		notBefore[last] = time.Now().Add(req.Apart)
	}
	for i, step := range steps {
		jobs.Go(func() error {
			run, err := r.run(ctx, step, notBefore[i], req.Enough)
			if err != nil {
				return err
			}
			records[i] = run
			if !finished(run) {
				return &FailedError{Run: run}
			}
			return nil
		})
	}
	err := jobs.Wait()
	made := slices.DeleteFunc(records, func(run *record.Run) bool { return run == nil })
	if len(made) > 0 {
		r.note(steps[0].Experiment, made)
	}
	return made, err
}

// steps names the runs of a request: an experiment whose name was used with other levels before gets an ordinal.
func (r *Runner) steps(req Request) []plan.Step {
	experiment := req.Experiment
	assigned := fmt.Sprint(experiment.Levels, req.Cover)
	for n := 0; ; n++ {
		named := experiment.Ordinal(n)
		if known, used := r.levels[named.Name]; !used || known == assigned {
			experiment = named
			break
		}
	}
	r.levels[experiment.Name] = assigned
	steps := make([]plan.Step, req.Runs)
	for i := range steps {
		steps[i] = plan.Step{Experiment: experiment, Number: r.counts[experiment.Name] + i, Seed: r.Audit.Settings.Seed,
			Zoom: req.Zoom, Cover: req.Cover}
	}
	r.counts[experiment.Name] += req.Runs
	return steps
}

// finished reports whether a run came to its end, or as far as it was wanted to.
func finished(run *record.Run) bool { return run.Exit.OK() || run.Truncated != "" }

func (r *Runner) run(ctx context.Context, step plan.Step, notBefore time.Time, enough func(traces string) string) (*record.Run, error) {
	id := step.RunID()
	kept, err := r.Store.Run(r.Audit.ID, id)
	if err == nil && finished(kept) {
		return kept, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; remove %s to have the run made again", err, r.Store.RunDir(r.Audit.ID, id))
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Until(notBefore)):
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dir := r.Store.RunDir(r.Audit.ID, id)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("clearing the unfinished run %s: %w", id, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the run's directory: %w", err)
	}
	r.Observer.RunStarted(id, step.Experiment.Name)
	started := time.Now()
	run, err := r.Executor.Execute(ctx, step, dir,
		func(n int64) { r.Observer.RunProgress(id, n, time.Since(started)) }, enough)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	if err := r.Store.PutRun(r.Audit.ID, run); err != nil {
		return nil, err
	}
	r.Observer.RunFinished(id, run.Exit, time.Since(started))
	return run, nil
}

// note adds finished runs to the audit's list of experiments.
func (r *Runner) note(experiment plan.Experiment, runs []*record.Run) {
	r.spent += len(runs)
	at := -1
	for i := range r.Audit.Experiments {
		if r.Audit.Experiments[i].Name == experiment.Name {
			at = i
		}
	}
	if at < 0 {
		r.Audit.Experiments = append(r.Audit.Experiments, record.Experiment{Name: experiment.Name, Levels: experiment.Levels})
		at = len(r.Audit.Experiments) - 1
	}
	for _, run := range runs {
		r.Audit.Experiments[at].Runs = append(r.Audit.Experiments[at].Runs, run.ID)
	}
}
