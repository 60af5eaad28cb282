package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// executor makes runs without launching anything.
type executor struct {
	mu sync.Mutex
	// made are the ids of the runs in the order in which they began, now and most those at work at once.
	made      []string
	now, most int
	// do decides a run; nil is one that succeeds.
	do func(ctx context.Context, step plan.Step, dir string) (record.Exit, error)
}

func (e *executor) Execute(ctx context.Context, step plan.Step, dir string, progress func(int64), _ func(string) string) (*record.Run, error) {
	e.mu.Lock()
	e.made = append(e.made, step.RunID())
	e.now++
	e.most = max(e.most, e.now)
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.now--
	}()
	progress(7)
	run := &record.Run{Version: record.Version, ID: step.RunID(), Experiment: step.Experiment.Name, Number: step.Number, Levels: step.Experiment.Levels}
	if e.do == nil {
		return run, nil
	}
	var err error
	run.Exit, err = e.do(ctx, step, dir)
	return run, err
}

func newRunner(t *testing.T, e *executor, settings record.Settings) *runner.Runner {
	t.Helper()
	store := runner.OpenStore(filepath.Join(t.TempDir(), "store"))
	id, err := store.NewAudit(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if settings.MaxRuns == 0 {
		settings.MaxRuns = 10
	}
	return runner.New(store, e, runner.NopObserver{}, &record.Audit{Version: record.Version, ID: id, Settings: settings})
}

var shipped = plan.AsShipped(nil)

func ids(runs []*record.Run) []string {
	var ids []string
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

func experiments(a *record.Audit) map[string][]string {
	runs := map[string][]string{}
	for _, e := range a.Experiments {
		runs[e.Name] = e.Runs
	}
	return runs
}

func TestTryNumbersRunsWithinTheirExperiment(t *testing.T) {
	e := &executor{}
	r := newRunner(t, e, record.Settings{})
	pinned := plan.Pin([]seed.ID{"python-hash"})
	for _, request := range []runner.Request{{Experiment: shipped, Runs: 2}, {Experiment: pinned, Runs: 1}, {Experiment: shipped, Runs: 1}} {
		if _, err := r.Try(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"as-shipped-1", "as-shipped-2", "pin-python-hash-1", "as-shipped-3"}
	if diff := cmp.Diff(want, e.made); diff != "" {
		t.Errorf("runs made (-want +got):\n%s", diff)
	}
	noted := map[string][]string{"as-shipped": {"as-shipped-1", "as-shipped-2", "as-shipped-3"}, "pin:python-hash": {"pin-python-hash-1"}}
	if diff := cmp.Diff(noted, experiments(r.Audit)); diff != "" {
		t.Errorf("runs noted (-want +got):\n%s", diff)
	}
	var kept []*record.Run
	for run, err := range runner.Runs(r.Store.AuditDir(r.Audit.ID), r.Audit) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, run)
	}
	if diff := cmp.Diff([]string{"as-shipped-1", "as-shipped-2", "as-shipped-3", "pin-python-hash-1"}, ids(kept)); diff != "" {
		t.Errorf("runs kept (-want +got):\n%s", diff)
	}
}

// An experiment's name says what was pinned and not what was otherwise done: asked for again in another way it is another.
func TestTryTellsApartExperimentsOfOneName(t *testing.T) {
	e := &executor{}
	r := newRunner(t, e, record.Settings{})
	one := plan.Experiment{Name: "varied", Levels: seed.Levels{"threads": seed.Vary}}
	other := plan.Experiment{Name: "varied", Levels: seed.Levels{"file-order": seed.Vary}}
	for _, request := range []runner.Request{{Experiment: one, Runs: 1}, {Experiment: other, Runs: 1}, {Experiment: one, Runs: 1},
		{Experiment: one, Runs: 1, Cover: []string{"/data"}}} {
		if _, err := r.Try(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"varied-1", "varied-2-1", "varied-2", "varied-3-1"}, e.made); diff != "" {
		t.Errorf("runs made (-want +got):\n%s", diff)
	}
	for _, x := range r.Audit.Experiments {
		if x.Name == "varied#2" && !cmp.Equal(x.Levels, other.Levels) {
			t.Errorf("varied#2 is noted with the levels %v", x.Levels)
		}
	}
}

func TestTryKeepsToTheBudget(t *testing.T) {
	e := &executor{}
	r := newRunner(t, e, record.Settings{MaxRuns: 3})
	if _, err := r.Try(t.Context(), runner.Request{Experiment: shipped, Runs: 2}); err != nil {
		t.Fatal(err)
	}
	if r.Left() != 1 || r.Spent() != 2 {
		t.Fatalf("after 2 of 3 runs %d are left and %d spent", r.Left(), r.Spent())
	}
	runs, err := r.Try(t.Context(), runner.Request{Experiment: plan.Pin([]seed.ID{"python-hash"}), Runs: 2})
	if !errors.Is(err, runner.ErrBudget) || len(runs) != 0 {
		t.Errorf("two more runs gave %v, %v", ids(runs), err)
	}
	if len(e.made) != 2 {
		t.Errorf("runs made: %v", e.made)
	}
	if _, noted := experiments(r.Audit)["pin:python-hash"]; noted {
		t.Error("an experiment that was not made is noted")
	}
}

func TestTryRunsSideBySide(t *testing.T) {
	for _, jobs := range []int{1, 2, 3} {
		e := &executor{}
		var all sync.WaitGroup
		all.Add(jobs)
		e.do = func(ctx context.Context, step plan.Step, _ string) (record.Exit, error) {
			if step.Number < jobs { // the first runs wait until as many are at work as may be
				all.Done()
				all.Wait()
			}
			return record.Exit{}, nil
		}
		r := newRunner(t, e, record.Settings{Jobs: jobs})
		runs, err := r.Try(t.Context(), runner.Request{Experiment: shipped, Runs: 5})
		if err != nil {
			t.Fatal(err)
		}
		if e.most != jobs {
			t.Errorf("%d jobs: %d runs were at work at once", jobs, e.most)
		}
		if diff := cmp.Diff([]string{"as-shipped-1", "as-shipped-2", "as-shipped-3", "as-shipped-4", "as-shipped-5"}, ids(runs)); diff != "" {
			t.Errorf("%d jobs: order of the records (-want +got):\n%s", jobs, diff)
		}
	}
}

func TestTryKeepsFinishedRunsWhenOneFails(t *testing.T) {
	exit := record.Exit{Code: 9}
	e := &executor{do: func(_ context.Context, step plan.Step, _ string) (record.Exit, error) {
		if step.Number == 1 {
			return exit, nil
		}
		return record.Exit{}, nil
	}}
	r := newRunner(t, e, record.Settings{})
	runs, err := r.Try(t.Context(), runner.Request{Experiment: shipped, Runs: 3})
	var failed *runner.FailedError
	if !errors.As(err, &failed) || failed.Run.ID != "as-shipped-2" {
		t.Fatalf("error %v", err)
	}
	if want := "the command failed with exit status 9 in run as-shipped-2"; failed.Error() != want {
		t.Errorf("error %q, want %q", failed, want)
	}
	if diff := cmp.Diff([]string{"as-shipped-1", "as-shipped-2"}, ids(runs)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if slices.Contains(e.made, "as-shipped-3") {
		t.Error("a run was made after one had failed")
	}
	for _, id := range []string{"as-shipped-1", "as-shipped-2"} {
		if _, err := r.Store.Run(r.Audit.ID, id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestFailedError(t *testing.T) {
	for _, c := range []struct {
		exit record.Exit
		want string
	}{
		{record.Exit{Code: 1}, "the command failed with exit status 1 in run x-1"},
		{record.Exit{Code: 139, Signal: "SIGSEGV"}, "the command was ended by SIGSEGV in run x-1"},
		{record.Exit{Code: 130, Signal: "SIGINT", TimedOut: true}, "run x-1 was ended after its time limit (--timeout)"},
	} {
		if is := (&runner.FailedError{Run: &record.Run{ID: "x-1", Exit: c.exit}}).Error(); is != c.want {
			t.Errorf("%+v: %q, want %q", c.exit, is, c.want)
		}
	}
}

// The executor's own failure is no failure of the command, and leaves no record and no experiment without runs.
func TestTryWrapsTheExecutorsFailure(t *testing.T) {
	e := &executor{do: func(context.Context, plan.Step, string) (record.Exit, error) {
		return record.Exit{}, fs.ErrPermission
	}}
	r := newRunner(t, e, record.Settings{})
	runs, err := r.Try(t.Context(), runner.Request{Experiment: shipped, Runs: 2})
	var failed *runner.FailedError
	if !errors.Is(err, fs.ErrPermission) || errors.As(err, &failed) || len(runs) != 0 {
		t.Errorf("%v, %v", ids(runs), err)
	}
	if len(r.Audit.Experiments) != 0 || r.Spent() != 0 {
		t.Errorf("noted %v, spent %d", r.Audit.Experiments, r.Spent())
	}
}

// An audit that was interrupted takes over its finished runs, makes an unfinished one anew in an empty directory, and
// does not take one that failed.
func TestTryContinues(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	first := &executor{do: func(ctx context.Context, step plan.Step, dir string) (record.Exit, error) {
		if step.Number == 1 {
			if err := os.WriteFile(filepath.Join(dir, "stdout"), []byte("half"), 0o644); err != nil {
				t.Error(err)
			}
			interrupt()
			return record.Exit{}, ctx.Err()
		}
		return record.Exit{}, nil
	}}
	r := newRunner(t, first, record.Settings{})
	runs, err := r.Try(ctx, runner.Request{Experiment: shipped, Runs: 3})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	if diff := cmp.Diff([]string{"as-shipped-1"}, ids(runs)); diff != "" {
		t.Errorf("interrupted with (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"as-shipped-1", "as-shipped-2"}, first.made); diff != "" {
		t.Errorf("made before the interruption (-want +got):\n%s", diff)
	}

	second := &executor{do: func(_ context.Context, step plan.Step, dir string) (record.Exit, error) {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("%s begins with %v, %v", step.RunID(), left, err)
		}
		return record.Exit{Code: step.Number - 1}, nil // the third fails
	}}
	again := runner.New(r.Store, second, runner.NopObserver{}, &record.Audit{Version: record.Version, ID: r.Audit.ID, Settings: r.Audit.Settings})
	if _, err = again.Try(t.Context(), runner.Request{Experiment: shipped, Runs: 3}); err == nil {
		t.Fatal("the third run did not fail")
	}
	if diff := cmp.Diff([]string{"as-shipped-2", "as-shipped-3"}, second.made); diff != "" {
		t.Errorf("made by the continued audit (-want +got):\n%s", diff)
	}
	if again.Spent() != 3 {
		t.Errorf("%d runs spent, want 3 with the one taken over", again.Spent())
	}

	third := &executor{}
	last := runner.New(r.Store, third, runner.NopObserver{}, &record.Audit{Version: record.Version, ID: r.Audit.ID, Settings: r.Audit.Settings})
	runs, err = last.Try(t.Context(), runner.Request{Experiment: shipped, Runs: 3})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"as-shipped-3"}, third.made); diff != "" {
		t.Errorf("made after a failure (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"as-shipped-1", "as-shipped-2", "as-shipped-3"}, ids(runs)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestTryRefusesADamagedRecord(t *testing.T) {
	e := &executor{}
	r := newRunner(t, e, record.Settings{})
	dir := r.Store.RunDir(r.Audit.ID, "as-shipped-1")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "run.json"), []byte("{"), 0o644)); err != nil {
		t.Fatal(err)
	}
	_, err := r.Try(t.Context(), runner.Request{Experiment: shipped, Runs: 1})
	if err == nil || len(e.made) != 0 {
		t.Fatalf("made %v, error %v", e.made, err)
	}
	if want := fmt.Sprintf("reading %s: unexpected end of JSON input; remove %s to have the run made again", filepath.Join(dir, "run.json"), dir); err.Error() != want {
		t.Errorf("error %q\nwant  %q", err, want)
	}
}

// watcher remembers what an observer is told.
type watcher struct {
	runner.NopObserver
	told []string
}

func (w *watcher) RunStarted(run, experiment string) {
	w.told = append(w.told, "started "+run+" of "+experiment)
}
func (w *watcher) RunProgress(run string, step int64, _ time.Duration) {
	w.told = append(w.told, fmt.Sprintf("%s at step %d", run, step))
}
func (w *watcher) RunFinished(run string, exit record.Exit, _ time.Duration) {
	w.told = append(w.told, fmt.Sprintf("finished %s: %d", run, exit.Code))
}

func TestTryTellsTheObserver(t *testing.T) {
	r := newRunner(t, &executor{}, record.Settings{})
	var w watcher
	r.Observer = &w
	if _, err := r.Try(t.Context(), runner.Request{Experiment: shipped, Runs: 1}); err != nil {
		t.Fatal(err)
	}
	want := []string{"started as-shipped-1 of as-shipped", "as-shipped-1 at step 7", "finished as-shipped-1: 0"}
	if diff := cmp.Diff(want, w.told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
