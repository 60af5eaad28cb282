package trace

import (
	"fmt"
	"io"
	"slices"

	"github.com/reprocheck/reprocheck/seed/probe"
)

// Divergence is the first event of the training's state at which two runs part.
type Divergence struct {
	Process string
	// Order is the event's place in the expected run's trace of the process, and Shared that of the last event of the
	// state on which the runs agreed, -1 where there was none.
	Order  int64
	Shared int64
	Step   int64
	// SharedStep is the step of that last event: between it and Step the probe may not have looked at every step.
	SharedStep int64
	Kind       probe.Kind
	File       string
	Line       int
	// What says how they part: "value", "sequence" (other events followed) or "length" (one run has no more events).
	What     string
	Expected probe.Event
	Actual   probe.Event
}

// Training counts what a comparison of two runs' state rests on.
type Training struct {
	// Events is the number of state events that agreed, and Steps the number of optimizer steps they cover.
	Events int64
	Steps  int64
	// First is where the runs part, nil where they never do.
	First *Divergence
}

// State compares the state of the training in two runs, event by event, in every process that both have.
// The first divergence is the one at the earliest step; at equal steps the main process goes first.
func State(expected, actual Source) (Training, error) {
	var t Training
	theirs := actual.Processes()
	for _, process := range expected.Processes() {
		if !slices.Contains(theirs, process) {
			continue
		}
		one, err := processState(expected, actual, process)
		if err != nil {
			return t, fmt.Errorf("comparing the traces of %s: %w", process, err)
		}
		t.Events += one.Events
		t.Steps = max(t.Steps, one.Steps)
		if one.First != nil && (t.First == nil || one.First.Step < t.First.Step) {
			t.First = one.First
		}
	}
	return t, nil
}

// Parting is where a run that has not come to its end parts from one that has, nil where it has not done so yet.
func Parting(expected, soFar Source) (*Divergence, error) {
	var earliest *Divergence
	theirs := soFar.Processes()
	for _, process := range expected.Processes() {
		if !slices.Contains(theirs, process) {
			continue
		}
		t, err := processState(expected, soFar, process)
		if err != nil {
			return nil, fmt.Errorf("comparing the traces of %s: %w", process, err)
		}
		d := t.First
		notYet := d != nil && d.What == "length" && d.Actual.Kind == ""
		if d != nil && !notYet && (earliest == nil || d.Step < earliest.Step) {
			earliest = d
		}
	}
	return earliest, nil
}

func processState(expected, actual Source, process string) (Training, error) {
	var t Training
	a, err := openLane(expected, process, probe.Kind.State)
	if err != nil {
		return t, err
	}
	defer a.close()
	b, err := openLane(actual, process, probe.Kind.State)
	if err != nil {
		return t, err
	}
	defer b.close()
	shared, sharedStep := int64(-1), int64(-1)
	for {
		ea, erra := a.next()
		eb, errb := b.next()
		switch {
		case erra == io.EOF && errb == io.EOF:
			return t, nil
		case erra != nil && erra != io.EOF:
			return t, erra
		case errb != nil && errb != io.EOF:
			return t, errb
		}
		what := ""
		shown := ea
		switch {
		case erra == io.EOF:
			what, shown = "length", eb
		case errb == io.EOF:
			what = "length"
		case ea.Kind != eb.Kind || ea.Step != eb.Step:
			what = "sequence"
		case ea.Value != eb.Value:
			what = "value"
		default:
			t.Events++
			shared, sharedStep = a.order, ea.Step
			t.Steps = max(t.Steps, ea.Step)
			continue
		}
		t.First = &Divergence{Process: process, Order: a.order, Shared: shared, SharedStep: sharedStep, Step: shown.Step, Kind: shown.Kind,
			File: shown.File, Line: int(shown.Line), What: what, Expected: ea, Actual: eb}
		return t, nil
	}
}
