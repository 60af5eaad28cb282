package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/reprocheck/reprocheck/compare/diagnose"
	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// lab lets a diagnosis ask the runner for runs.
type lab struct{ runner *runner.Runner }

func (l lab) Try(ctx context.Context, ask diagnose.Ask) ([]*record.Run, error) {
	request := runner.Request{Experiment: ask.Experiment, Runs: ask.Runs, Zoom: ask.Zoom, Cover: ask.Cover, Apart: ask.Apart}
	if ask.Enough != nil {
		request.Enough = func(traces string) string { return ask.Enough(growing(traces)) }
	}
	runs, err := l.runner.Try(ctx, request)
	if errors.Is(err, runner.ErrBudget) {
		err = budgetError{err}
	}
	return runs, err
}

func (l lab) Record(run *record.Run) (*record.Run, error) {
	return l.runner.Store.Run(l.runner.Audit.ID, run.ID)
}

func (l lab) Trace(run *record.Run) trace.Source {
	return trace.OpenDir(filepath.Join(l.runner.Store.RunDir(l.runner.Audit.ID, run.ID)), run)
}

func (l lab) Note(text string) { l.runner.Observer.Note(text) }

// growing gives the traces of a run that goes on, as far as they are written; none where they cannot be read yet.
func growing(traces string) trace.Source {
	so := &record.Run{}
	if processes, err := probe.Processes(traces); err == nil {
		for _, p := range processes {
			so.Processes = append(so.Processes, record.Process{Name: p.Name, Trace: p.Trace})
		}
	}
	return trace.OpenDir(traces, so)
}

// budgetError tells a diagnosis that the runs are used up.
type budgetError struct{ error }

func (e budgetError) Budget() bool  { return true }
func (e budgetError) Unwrap() error { return e.error }
