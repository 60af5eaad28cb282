package diagnose

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// world is a training command whose causes are known, in place of real processes: what a run prints depends on the
// values that its sources had, which are new in every run unless the source is pinned.
type world struct {
	audit *record.Audit
	t     *testing.T
	// reaches lists the sources whose values reach the printed loss.
	reaches []seed.ID
	// together are sources whose values reach the loss only where all of them are varied.
	together []seed.ID
	// luck are the values that sources have in one run after the other: where they are few, runs can agree by luck.
	luck []int
	// pinnedTo is the value of pinned sources, "pinned" if it is empty.
	pinnedTo string
	// steady sources have one value of their own when inherited and another when pinned.
	steady []seed.ID
	// children are the names of processes besides main.
	children []string
	// events are what the probe writes in a run; value stands for the source's value in that run.
	events func(value func(seed.ID) string) []probe.Event
	// zoomed are the lines of a zoomed run.
	zoomed func(value func(seed.ID) string) []probe.Event

	// hides has runs that are traced by line all take one way.
	hides bool
	// noPython has no process with a probe.
	noPython bool
	// source is the text of train.py, and script that of train.sh, which starts it.
	source, script string

	// noMetrics has every run leave a file, and print nothing.
	noMetrics bool
	// writes has every run write so many files, of which the last holds the loss, and print nothing.
	writes int
	// outside has every run write a file that the next one finds.
	outside bool
	// leaves are files that every run leaves outside the project; leftMatters says that a run that finds them differs.
	leaves      []record.Leftover
	leftMatters bool
	// changed are the files of the project that somebody changes, files their version in a run, and began when that run
	// began; readsFiles says that they reach the loss.
	changed    func(since time.Time) ([]string, time.Time)
	files      func(run int) int
	began      func(run int) time.Time
	readsFiles bool
	// ended lists the experiments of the runs that were ended early.
	ended []string

	run    int
	budget int
	asked  []string
	traces map[string][]probe.Event
	// records are the whole records of the runs.
	records map[string]*record.Run
}

func (w *world) Try(_ context.Context, ask Ask) ([]*record.Run, error) {
	var runs []*record.Run
	for range ask.Runs {
		if w.budget > 0 && w.run >= w.budget {
			return runs, budgetExhausted{}
		}
		w.run++
		run := w.launch(ask)
		runs = append(runs, run)
		w.list(ask, run)
	}
	return runs, nil
}

// list enters a run into the audit, as the runner does.
func (w *world) list(ask Ask, run *record.Run) {
	at := slices.IndexFunc(w.audit.Experiments, func(e record.Experiment) bool { return e.Name == run.Experiment })
	if at < 0 {
		at = len(w.audit.Experiments)
		w.audit.Experiments = append(w.audit.Experiments, record.Experiment{Name: run.Experiment, Levels: ask.Experiment.Levels})
	}
	w.audit.Experiments[at].Runs = append(w.audit.Experiments[at].Runs, run.ID)
}

func (w *world) launch(ask Ask) *record.Run {
	beside := map[seed.ID]bool{} // pinned beside what is varied
	for id, level := range ask.Experiment.Levels {
		if s, known := seed.Lookup(id); known && level == seed.Vary {
			for _, companion := range s.Vary.Companions {
				beside[companion] = true
			}
		}
	}
	value := func(id seed.ID) string {
		switch level := ask.Experiment.Levels[id]; {
		case w.hides && ask.Zoom != nil:
			return "traced"
		case level == seed.Pin, beside[id] && level != seed.Vary, id == seed.CudnnDeterministic && ask.Experiment.Levels[seed.TorchNondeterministicOps] == seed.Pin:
			return cmp.Or(w.pinnedTo, "pinned")
		case level == seed.Vary:
			return "varied" + strconv.Itoa(w.run)
		case slices.Contains(w.steady, id):
			return "its own"
		case len(w.luck) > 0:
			return strconv.Itoa(w.luck[(w.run-1)%len(w.luck)])
		}
		return "run " + strconv.Itoa(w.run)
	}
	loss := ""
	for _, id := range w.reaches {
		loss += string(id) + value(id)
	}
	alone := slices.ContainsFunc(w.together, func(id seed.ID) bool { return ask.Experiment.Levels[id] != seed.Vary })
	for _, id := range w.together {
		if !alone {
			loss += string(id) + value(id)
		}
	}
	if w.leftMatters && ask.Experiment.Levels[seed.ExternalState] == seed.Vary {
		loss += "left"
	}
	if w.readsFiles && w.files != nil {
		loss += "version " + strconv.Itoa(w.files(w.run))
	}
	number := 0
	for _, c := range loss {
		number = (number*31 + int(c)) % 1_000_003
	}
	id := fmt.Sprintf("%s-%d", ask.Experiment.Name, w.run)
	w.asked = append(w.asked, ask.Experiment.Name)
	run := &record.Run{Version: record.Version, ID: id, Experiment: ask.Experiment.Name, Levels: ask.Experiment.Levels,
		Values: map[seed.ID]string{}, Processes: []record.Process{{Name: "main"}},
		Metrics: []record.Series{{Name: "loss", Origin: "stdout", Digest: loss,
			Points: []record.Point{{Step: 1, Text: strconv.Itoa(number), Value: record.Float(number), Line: 1}}}}}
	if w.noMetrics {
		run.Metrics, run.Artifacts = nil, []record.Artifact{{Path: "train.log", SHA256: "the same"}}
	}
	if w.writes > 0 {
		run.Metrics = nil
		for n := range w.writes {
			run.Artifacts = append(run.Artifacts, record.Artifact{Path: fmt.Sprintf("out/%06d", n), SHA256: "the same"})
		}
		run.Artifacts[w.writes-1].SHA256 = loss
	}
	for _, child := range w.children {
		run.Processes = append(run.Processes, record.Process{Name: child})
	}
	events := []probe.Event{{Kind: probe.KindProcess, Detail: json.RawMessage(`{"hash_seed":"random"}`)}}
	if w.noPython {
		run.Processes, events = nil, nil
		run.Started = time.Unix(int64(w.run)*3, 0)
	}
	if w.events != nil {
		events = append(events, w.events(value)...)
	}
	if ask.Zoom != nil && w.zoomed != nil {
		events = append(events, w.zoomed(value)...)
	}
	run.Left = w.leaves
	if w.began != nil {
		run.Began = w.began(w.run)
	}
	if w.outside {
		run.Outside = []string{"/var/tmp/state"}
		run.Isolation.Limits = []string{"runs work in a copy"}
	}
	w.traces[id] = events
	for n := range events {
		if ask.Enough == nil {
			break
		}
		if reason := ask.Enough(memory{events[:n+1]}); reason != "" {
			run.Truncated, run.Metrics, w.traces[id] = reason, nil, events[:n+1]
			w.ended = append(w.ended, ask.Experiment.Name)
			break
		}
	}
	if w.records == nil {
		w.records = map[string]*record.Run{}
	}
	w.records[id] = run
	return run
}

func (w *world) Record(run *record.Run) (*record.Run, error) {
	return w.records[run.ID], nil
}

func (w *world) Trace(run *record.Run) trace.Source { return memory{w.traces[run.ID]} }

func (w *world) Changed(since time.Time) ([]string, time.Time) {
	if w.changed == nil {
		return nil, time.Time{}
	}
	return w.changed(since)
}

func (w *world) Note(string) {}

type budgetExhausted struct{}

func (budgetExhausted) Error() string { return "the limit of runs is reached" }
func (budgetExhausted) Budget() bool  { return true }

// memory is the trace of one process.
type memory struct{ events []probe.Event }

func (m memory) Processes() []string { return []string{"main"} }
func (m memory) Open(string) (trace.Events, error) {
	return &memoryEvents{left: m.events}, nil
}

type memoryEvents struct{ left []probe.Event }

func (e *memoryEvents) Next() (probe.Event, error) {
	if len(e.left) == 0 {
		return probe.Event{}, io.EOF
	}
	first := e.left[0]
	e.left = e.left[1:]
	return first, nil
}

func (e *memoryEvents) Close() error { return nil }

// investigate audits the world's command.
func (w *world) investigate(settings record.Settings) *record.Audit {
	w.t.Helper()
	w.traces = map[string][]probe.Event{}
	settings.Runs = cmp.Or(settings.Runs, 3)
	settings.Diagnose = true
	audit := &record.Audit{Version: record.Version, Dir: w.t.TempDir(), Settings: settings, Criterion: record.Criterion{Mode: "exact"}}
	w.audit = audit
	if err := os.WriteFile(filepath.Join(audit.Dir, "train.py"), []byte(w.source), 0o644); err != nil {
		w.t.Fatal(err)
	}
	if w.script != "" {
		audit.Command = []string{"sh", "train.sh"}
		if err := os.WriteFile(filepath.Join(audit.Dir, "train.sh"), []byte(w.script), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := Investigate(context.Background(), w, audit); err != nil {
		w.t.Fatal(err)
	}
	return audit
}

// convicted lists an audit's causes as "source proof file:line".
func convicted(a *record.Audit) string {
	var all []string
	for _, c := range a.Causes {
		all = append(all, fmt.Sprintf("%s %s %s:%d", c.Source, c.Proof, c.File, c.Line))
	}
	return strings.Join(all, ", ")
}

// The events of the sources, as the probe writes them.

func draws(id seed.ID, line int64, state string) probe.Event {
	return probe.Event{Kind: probe.KindDraw, Stream: id, File: "train.py", Line: line, Value: state, Detail: json.RawMessage(`{"api":"draw"}`)}
}

func seeds(id seed.ID, line int64, value, origin string) probe.Event {
	return probe.Event{Kind: probe.KindSeed, Stream: id, File: "train.py", Line: line, Value: value,
		Detail: json.RawMessage(fmt.Sprintf(`{"api":"seed","origin":%q}`, origin))}
}

func reads(kind probe.Kind, id seed.ID, line int64, value string) probe.Event {
	return probe.Event{Kind: kind, Stream: id, File: "train.py", Line: line, Value: value, Detail: json.RawMessage(`{"api":"read"}`)}
}

func executes(line int64, name, value string) probe.Event {
	return probe.Event{Kind: probe.KindLine, File: "train.py", Line: line, Func: "main", Value: name + value,
		Detail: json.RawMessage(fmt.Sprintf(`{"vars":[[%q,%q,%q]]}`, name, value, value))}
}

func connects(line int64) probe.Event {
	return probe.Event{Kind: probe.KindConnect, Stream: seed.ExternalState, File: "train.py", Line: line, Value: "192.0.2.1:80", Detail: json.RawMessage(`{"api":"socket.connect"}`)}
}

// startsThread is a line that starts a thread of the program's own.
func startsThread(line int64) probe.Event {
	return probe.Event{Kind: probe.KindTask, Stream: seed.Concurrency, File: "train.py", Line: line, Detail: json.RawMessage(`{"api":"threading.Thread.start"}`)}
}
