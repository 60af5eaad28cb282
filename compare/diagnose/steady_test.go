package diagnose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// changes has a file of the project changed in the course of the runs with the given numbers. Run n goes on for the hour n.
func (w *world) changes(during ...int) {
	w.began = func(run int) time.Time { return time.Unix(int64(run)*3600, 0) }
	w.files = func(run int) int {
		version := 0
		for _, n := range during {
			if run >= n {
				version = n
			}
		}
		return version
	}
	w.changed = func(since time.Time) (paths []string, last time.Time) {
		for _, n := range during {
			// In the middle of run n, which has read the old content or the new one.
			if at := w.began(n).Add(time.Minute); at.After(since) && n <= w.run {
				paths, last = []string{"data.txt"}, at
			}
		}
		return paths, last
	}
}

func warned(a *record.Audit) bool {
	return slices.ContainsFunc(a.Warnings, func(w record.Warning) bool {
		return w.ID == "input-changed" && strings.Contains(w.Text, "data.txt")
	})
}

// told reports whether an audit's warnings, limits or causes name the file that changed.
func told(a *record.Audit) bool {
	return warned(a) || strings.Contains(strings.Join(a.Limits, " "), "data.txt") ||
		slices.ContainsFunc(a.Causes, func(c record.Cause) bool { return strings.Contains(c.Story, "data.txt") })
}

func TestAFileThatChangesAccusesNobody(t *testing.T) {
	unused := func(v valueOf) []probe.Event {
		return []probe.Event{draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy))}
	}
	for first := 2; first <= 3; first++ {
		for _, events := range []func(valueOf) []probe.Event{nil, unused} {
			w := &world{t: t, readsFiles: true, events: events}
			w.changes(first)
			audit := w.investigate(record.Settings{})
			if audit.Verdict != record.Reproducible || len(audit.Causes) > 0 || !warned(audit) {
				t.Errorf("changed in run %d: %s, causes %q, warnings %v (%v)", first, audit.Verdict, convicted(audit), audit.Warnings, w.asked)
			}
		}
	}
}

func TestAFileThatKeepsChangingIsTold(t *testing.T) {
	w := &world{t: t, readsFiles: true}
	every := make([]int, 40)
	for i := range every {
		every[i] = i + 1
	}
	w.changes(every...)
	audit := w.investigate(record.Settings{})
	if got, want := convicted(audit), "external-state observed :0"; audit.Verdict != record.Diverged || got != want {
		t.Errorf("%s %q, want diverged by %q (%v)", audit.Verdict, got, want, w.asked)
	}
}

// A log that something else writes to changes all the time and is read by no run.
func TestCausesAreProvenWhileFilesChangeThatReachNothing(t *testing.T) {
	for _, during := range [][]int{{2}, {3}, {4}, {5}, {6}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}} {
		w := &world{t: t, reaches: []seed.ID{seed.NumpyLegacy}, events: func(v valueOf) []probe.Event {
			return []probe.Event{draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy))}
		}}
		w.changes(during...)
		audit := w.investigate(record.Settings{})
		if got, want := convicted(audit), "numpy-legacy proven train.py:7"; got != want {
			t.Errorf("changed in %v: %q, want %q (%v)", during, got, want, w.asked)
		}
		countsRight(t, audit)
	}
}

// countsRight checks what an audit says of numbers of runs against the runs that it lists.
func countsRight(t *testing.T, audit *record.Audit) {
	t.Helper()
	for i, e := range audit.Experiments {
		says := e.Says
		if i == 0 {
			says = audit.Reason
		}
		if runs := 0; strings.Contains(says, " runs ") && i == 0 || strings.HasSuffix(says, "runs agree") {
			if _, err := fmt.Sscanf(says, "%d runs", &runs); err != nil || runs != len(e.Runs) {
				t.Errorf("%s has %d runs, and is told of as %q (%v)", e.Name, len(e.Runs), says, err)
			}
		}
	}
}

// Whenever a file that is read changes, nothing is said to be proven but what reaches the result.
func TestNoTimeOfAChangeProvesAnInnocentSource(t *testing.T) {
	unused := func(v valueOf) []probe.Event {
		return []probe.Event{draws(seed.NumpyLegacy, 7, v(seed.NumpyLegacy))}
	}
	for _, reaches := range [][]seed.ID{nil, {seed.PythonHash}} {
		for first := 1; first < 16; first++ {
			for second := first; second < 16; second++ {
				w := &world{t: t, reaches: reaches, readsFiles: true, events: unused, leaves: []record.Leftover{{Path: "/home/u/log"}}}
				w.changes(first, second)
				w.zoomed = func(valueOf) []probe.Event {
					return []probe.Event{executes(3, "rows", strconv.Itoa(w.files(w.run)))}
				}
				for _, settings := range []record.Settings{{}, {Vary: []seed.ID{seed.FileOrder, seed.Threads}}} {
					w.run, w.asked = 0, nil
					audit := w.investigate(settings)
					for _, c := range audit.Causes {
						if c.Proof == record.Proven && !slices.Contains(reaches, c.Source) {
							t.Errorf("changed in runs %d and %d: %s is said to be proven (%v)", first, second, c.Source, w.asked)
						}
					}
					if len(reaches) == 0 && audit.Verdict == record.Diverged && !told(audit) {
						t.Errorf("changed in runs %d and %d: diverged, and nothing of the file that changed (%v)", first, second, w.asked)
					}
					if slices.ContainsFunc(audit.Warnings, func(w record.Warning) bool { return w.ID == "depends-on-leftovers" }) {
						t.Errorf("changed in runs %d and %d: what runs leave is blamed (%v)", first, second, w.asked)
					}
				}
			}
		}
	}
}

func TestNothingIsConcludedWhereTheCommandCannotBeRunAfresh(t *testing.T) {
	w := &world{t: t, readsFiles: true, budget: 4}
	w.changes(2)
	if audit := w.investigate(record.Settings{}); audit.Verdict != record.Inconclusive || len(audit.Causes) > 0 || !strings.Contains(audit.Reason, "data.txt") {
		t.Errorf("%s (%s) with %q, want inconclusive for data.txt", audit.Verdict, audit.Reason, convicted(audit))
	}
}

// What changed outside the project is seen by nobody: nothing that only an experiment has shown may be blamed for it.
func TestAnUnseenChangeAccusesNobody(t *testing.T) {
	for first := 2; first <= 12; first++ {
		w := &world{t: t, readsFiles: true}
		w.changes(first)
		w.changed = nil
		if got := convicted(w.investigate(record.Settings{})); strings.Contains(got, "proven") {
			t.Errorf("changed in run %d: %s (%v)", first, got, w.asked)
		}
	}
}
