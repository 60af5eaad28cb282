package local_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/runner/launch"
	"github.com/reprocheck/reprocheck/runner/local"
	"github.com/reprocheck/reprocheck/runner/plan"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/runner/workspace"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

func TestMain(m *testing.M) {
	if code, ran := launch.RunIfStub(os.Args); ran {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// lab is a project with an executor for it, whose temporary directory is looked into at the end.
type lab struct {
	*local.Executor
	project, store string
}

func newLab(t *testing.T, o local.Options, files map[string]string) *lab {
	t.Helper()
	root, temp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("HOME", filepath.Join(root, "home"))
	l := &lab{project: filepath.Join(root, "project"), store: filepath.Join(root, "project", ".reprocheck")}
	for _, dir := range []string{l.store, os.Getenv("HOME")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		path := filepath.Join(l.project, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	o.Dir, o.Store = l.project, l.store
	o.Env = append(os.Environ(), o.Env...)
	var err error
	if l.Executor, err = local.New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("left in the temporary directory: %v, %v", left, err)
		}
	})
	return l
}

// execute runs a step of the experiment as shipped and returns its record and the directory of its streams.
func (l *lab) execute(t *testing.T, ctx context.Context, step plan.Step) (*record.Run, string, error) {
	t.Helper()
	if step.Experiment.Name == "" {
		step.Experiment = plan.AsShipped(nil)
	}
	dir := t.TempDir()
	run, err := l.Execute(ctx, step, dir, func(int64) {}, nil)
	return run, dir, err
}

func shell(script string) []string { return []string{"sh", "-c", script} }

// TestExecute has every kind of workspace that this machine offers record the same run in the same way.
func TestExecute(t *testing.T) {
	const script = `echo loss=0.5; echo accuracy=0.25; echo oops >&2
		echo two > changed; rm deleted; mkdir out; echo '{"f1": 0.75}' > out/metrics.json; ln -s changed link; : > same`
	for _, kind := range []workspace.Kind{workspace.Overlay, workspace.Reflink, workspace.Copy} {
		t.Run(string(kind), func(t *testing.T) {
			l := newLab(t, local.Options{Command: shell(script), Kind: kind},
				map[string]string{"changed": "one", "deleted": "x", "kept": "x", ".reprocheck/secret": "x"})
			spec := workspace.Spec{Project: l.project, Home: os.Getenv("HOME"), Temp: os.Getenv("TMPDIR"), Scratch: t.TempDir(), Kind: kind}
			if _, _, err := workspace.Choose(t.Context(), spec); err != nil {
				t.Skip(err)
			}
			run, dir, err := l.execute(t, t.Context(), plan.Step{Number: 1})
			if err != nil {
				t.Fatal(err)
			}
			if run.ID != "as-shipped-2" || run.Experiment != "as-shipped" || !run.Exit.OK() || run.Isolation.Kind != string(kind) || run.Version != record.Version {
				t.Errorf("%+v", run)
			}
			finals := map[string]string{}
			for _, s := range run.Metrics {
				finals[s.Origin+" "+s.Name] = s.Points[len(s.Points)-1].Text
			}
			if diff := cmp.Diff(map[string]string{"stdout loss": "0.5", "stdout accuracy": "0.25", "out/metrics.json f1": "0.75"}, finals); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
			written := map[string]int64{}
			for _, a := range run.Artifacts {
				written[a.Path] = a.Size
			}
			if diff := cmp.Diff(map[string]int64{"changed": 4, "out/metrics.json": 13, "link": 0, "same": 0}, written); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if !slices.Equal(run.Deleted, []string{"deleted"}) {
				t.Errorf("deleted: %v", run.Deleted)
			}
			for stream, want := range map[string]string{"stdout": "loss=0.5\naccuracy=0.25\n", "stderr": "oops\n"} {
				if got, err := os.ReadFile(filepath.Join(dir, stream)); err != nil || string(got) != want {
					t.Errorf("%s: %q, %v", stream, got, err)
				}
			}
			if run.Stdout.Bytes != 23 || run.Stdout.Lines != 2 || run.Stderr.Lines != 1 {
				t.Errorf("streams: %+v, %+v", run.Stdout, run.Stderr)
			}
			for name, want := range map[string]string{"changed": "one", "deleted": "x"} {
				if got, err := os.ReadFile(filepath.Join(l.project, name)); err != nil || string(got) != want {
					t.Errorf("the user's %s is %q, %v", name, got, err)
				}
			}
		})
	}
}

func TestExecuteTellsHowTheCommandEnded(t *testing.T) {
	for script, want := range map[string]record.Exit{
		"exit 7":           {Code: 7},
		"kill -TERM $$":    {Code: 143, Signal: "SIGTERM"},
		"exec sleep 600":   {Code: 130, Signal: "SIGINT", TimedOut: true},
		"echo done; true":  {},
		"(sleep 600 &) ; ": {},
	} {
		o := local.Options{Command: shell(script)}
		if want.TimedOut {
			o.Timeout = 200 * time.Millisecond
		}
		l := newLab(t, o, nil)
		run, _, err := l.execute(t, t.Context(), plan.Step{})
		if err != nil {
			t.Errorf("%s: %v", script, err)
			continue
		}
		if run.Exit != want {
			t.Errorf("%s: %+v, want %+v", script, run.Exit, want)
		}
	}
}

func TestExecuteFails(t *testing.T) {
	l := newLab(t, local.Options{Command: []string{"./nosuch"}}, nil)
	if _, _, err := l.execute(t, t.Context(), plan.Step{}); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("no such program: %v", err)
	}
	l = newLab(t, local.Options{Command: []string{"./plain"}}, map[string]string{"plain": "x"})
	if _, _, err := l.execute(t, t.Context(), plan.Step{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("no program: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	l = newLab(t, local.Options{Command: shell("echo loss=1; sleep 600")}, nil)
	if run, _, err := l.execute(t, ctx, plan.Step{}); run != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("interrupted: %v, %v", run, err)
	}
	if _, err := local.New(local.Options{MetricRegex: []string{"("}}); err == nil || !strings.Contains(err.Error(), "--metric-regex") {
		t.Errorf("a pattern that is none: %v", err)
	}
}

// TestResultsWithoutLayer makes no run whose results elsewhere could not be compared: none is as good as equal ones.
func TestResultsWithoutLayer(t *testing.T) {
	results := t.TempDir()
	l := newLab(t, local.Options{Command: shell("echo loss=1; echo $$ > " + results + "/pid"), Kind: workspace.Copy, Results: []string{results}}, nil)
	if run, _, err := l.execute(t, t.Context(), plan.Step{}); run != nil || !errors.Is(err, local.ErrUncompared) || !strings.Contains(err.Error(), results) {
		t.Errorf("%v, %v", run, err)
	}
}

// TestRunsAreEqual has two runs, one after the other, see the same names and numbers everywhere.
func TestRunsAreEqual(t *testing.T) {
	const script = `pwd; env | sort; ls -A . "$HOME" "$TMPDIR"; echo x > left; echo x > "$HOME/left"; echo x > "$TMPDIR/left"`
	for _, kind := range []workspace.Kind{"", workspace.Copy} {
		l := newLab(t, local.Options{Command: shell(script), Kind: kind}, nil)
		wantEqualRuns(t, l)
	}
}

func wantEqualRuns(t *testing.T, l *lab) {
	t.Helper()
	var outputs [2]string
	for i := range outputs {
		_, dir, err := l.execute(t, t.Context(), plan.Step{Number: i})
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, "stdout"))
		if err != nil {
			t.Fatal(err)
		}
		outputs[i] = string(data)
	}
	if diff := cmp.Diff(outputs[0], outputs[1]); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
	if strings.Contains(outputs[1], "left") || strings.Contains(outputs[0], ".reprocheck") {
		t.Errorf("a run sees what it should not:\n%s", outputs[1])
	}
}

// TestStoreIsHidden has the store in the project, in HOME, beside and above them: no run sees what an earlier one left there.
func TestStoreIsHidden(t *testing.T) {
	root := t.TempDir()
	project, home := filepath.Join(root, "project"), filepath.Join(root, "home")
	for name, store := range map[string]string{
		"in the project": filepath.Join(project, "out", "records"),
		"the project":    project,
		"in HOME":        filepath.Join(home, "records"),
		"beside them":    filepath.Join(root, "records"),
		"above them":     root,
	} {
		for _, dir := range []string{project, home, filepath.Join(store, "audits", "an-audit")} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(store, "audits", "an-audit", "audit.json"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		e, err := local.New(local.Options{Command: []string{"find", root, "-name", "audit.json"}, Dir: project,
			Env: append(os.Environ(), "HOME="+home), Store: store})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		run, err := e.Execute(t.Context(), plan.Step{Experiment: plan.AsShipped(nil)}, dir, func(int64) {}, nil)
		if err := errors.Join(err, e.Close()); err != nil {
			t.Fatal(err)
		}
		if run.Isolation.Kind != string(workspace.Overlay) {
			t.Skipf("the workspace is a %s: a store outside the project stays visible", run.Isolation.Kind)
		}
		if out, err := os.ReadFile(filepath.Join(dir, "stdout")); err != nil || len(out) > 0 {
			t.Errorf("%s: %q, %v", name, out, err)
		}
		if err := os.RemoveAll(filepath.Join(store, "audits")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLevelsReachTheCommand looks for what a level sets, in the command's environment and in the record.
func TestLevelsReachTheCommand(t *testing.T) {
	l := newLab(t, local.Options{Command: shell(`echo "[$PYTHONHASHSEED]"; echo "$PYTHONPATH"`), Env: []string{"PYTHONPATH=/users/own"}}, nil)
	for _, c := range []struct {
		experiment plan.Experiment
		set        bool
	}{{plan.AsShipped(nil), false}, {plan.Pin([]seed.ID{"python-hash"}), true}} {
		run, dir, err := l.execute(t, t.Context(), plan.Step{Experiment: c.experiment})
		if err != nil {
			t.Fatal(err)
		}
		out, err := os.ReadFile(filepath.Join(dir, "stdout"))
		if err != nil {
			t.Fatal(err)
		}
		first, path, _ := strings.Cut(string(out), "\n")
		if (first != "[]") != c.set {
			t.Errorf("%s: PYTHONHASHSEED is %s", c.experiment.Name, first)
		}
		if (run.Levels["python-hash"] == seed.Pin) != c.set || (run.Values["python-hash"] != "") != c.set {
			t.Errorf("%s: recorded %v, %v", c.experiment.Name, run.Levels, run.Values)
		}
		if !strings.HasSuffix(strings.TrimSpace(path), string(os.PathListSeparator)+"/users/own") {
			t.Errorf("the user's PYTHONPATH is lost: %q", path)
		}
	}
}

// TestOutputIsShown streams what the command prints, whole lines with their run, an unfinished one at the end.
func TestOutputIsShown(t *testing.T) {
	var eyes bytes.Buffer
	l := newLab(t, local.Options{Command: shell(`printf 'one\ntwo\rthree\n'; printf unfinished`), Output: &eyes}, nil)
	if _, _, err := l.execute(t, t.Context(), plan.Step{}); err != nil {
		t.Fatal(err)
	}
	want := "as-shipped-1 | one\nas-shipped-1 | two\nas-shipped-1 | three\nas-shipped-1 | unfinished\n"
	if diff := cmp.Diff(want, eyes.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEndedWhenEnough ends a run whose trace has said what was asked: the record keeps what there is, and why it ends.
func TestEndedWhenEnough(t *testing.T) {
	l := newLab(t, local.Options{Command: []string{"python3", "train.py"}},
		map[string]string{"train.py": "import random, time\nrandom.random()\nprint('loss=0.5', flush=True)\ntime.sleep(600)\n"})
	enough := func(traces string) string {
		if processes, err := probe.Processes(traces); err == nil && len(processes) == 1 {
			return "python is alive"
		}
		return ""
	}
	run, err := l.Execute(t.Context(), plan.Step{Experiment: plan.AsShipped(nil)}, t.TempDir(), func(int64) {}, enough)
	if err != nil {
		t.Fatal(err)
	}
	if run.Truncated != "python is alive" || run.Exit.OK() || run.Seconds > 300 || len(run.Processes) != 1 {
		t.Errorf("truncated %q, exit %+v after %.0f s, %d processes", run.Truncated, run.Exit, run.Seconds, len(run.Processes))
	}
}

// TestEnoughTooLate has a run end by itself: it is a whole run, whatever was said of it meanwhile.
func TestEnoughTooLate(t *testing.T) {
	l := newLab(t, local.Options{Command: shell("trap '' INT TERM; sleep 1.2; echo loss=0.5")}, nil)
	run, err := l.Execute(t.Context(), plan.Step{Experiment: plan.AsShipped(nil)}, t.TempDir(), func(int64) {}, func(string) string { return "enough" })
	if err != nil {
		t.Fatal(err)
	}
	if run.Truncated != "" || !run.Exit.OK() || len(run.Metrics) != 1 {
		t.Errorf("truncated %q, exit %+v, %d metrics", run.Truncated, run.Exit, len(run.Metrics))
	}
}
