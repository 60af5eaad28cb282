package trace_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// run is a trace in memory; the first process is the main one.
type run struct {
	names  []string
	events map[string][]probe.Event
}

func (r run) Processes() []string { return r.names }

func (r run) Open(process string) (trace.Events, error) { return &stream{left: r.events[process]}, nil }

type stream struct{ left []probe.Event }

func (s *stream) Next() (probe.Event, error) {
	if len(s.left) == 0 {
		return probe.Event{}, io.EOF
	}
	e := s.left[0]
	s.left = s.left[1:]
	return e, nil
}

func (s *stream) Close() error { return nil }

func alone(events ...probe.Event) run {
	return run{[]string{"main"}, map[string][]probe.Event{"main": events}}
}

func loss(step int64, value string) probe.Event {
	return probe.Event{Kind: probe.KindLoss, Step: step, Value: value, File: "train.py", Line: 10}
}

func params(step int64, value string) probe.Event {
	return probe.Event{Kind: probe.KindParams, Step: step, Value: value, File: "train.py", Line: 12}
}

func draw(step int64, value string) probe.Event {
	return probe.Event{Kind: probe.KindDraw, Step: step, Value: value, Stream: "python-random", File: "data.py", Line: 3}
}

func TestState(t *testing.T) {
	elsewhere := loss(2, "other")
	elsewhere.Thread = "heartbeat"
	moved := loss(2, "b")
	moved.Line = 99
	for name, c := range map[string]struct {
		expected, actual run
		events, steps    int64
		what             string // empty where the runs agree
		order, step      int64
		kind             probe.Kind
	}{
		"nothing": {expected: alone(), actual: alone()},
		"equal": {expected: alone(loss(1, "a"), params(2, "b")), actual: alone(loss(1, "a"), params(2, "b")),
			events: 2, steps: 2},
		"another value": {expected: alone(loss(1, "a"), loss(2, "b"), loss(3, "c")), actual: alone(loss(1, "a"), loss(2, "x"), loss(3, "y")),
			events: 1, steps: 1, what: "value", order: 1, step: 2, kind: probe.KindLoss},
		"another kind": {expected: alone(loss(1, "a"), loss(2, "b")), actual: alone(loss(1, "a"), params(2, "b")),
			events: 1, steps: 1, what: "sequence", order: 1, step: 2, kind: probe.KindLoss},
		"another step": {expected: alone(loss(1, "a"), loss(2, "b")), actual: alone(loss(1, "a"), loss(3, "b")),
			events: 1, steps: 1, what: "sequence", order: 1, step: 2, kind: probe.KindLoss},
		"ends early": {expected: alone(loss(1, "a"), loss(2, "b")), actual: alone(loss(1, "a")),
			events: 1, steps: 1, what: "length", order: 1, step: 2, kind: probe.KindLoss},
		"goes on": {expected: alone(loss(1, "a")), actual: alone(loss(1, "a"), params(2, "b")),
			events: 1, steps: 1, what: "length", order: 0, step: 2, kind: probe.KindParams},
		// Draws are how a difference comes about, other threads run in no order, and a line number is where, not what.
		"draws differ": {expected: alone(draw(0, "1"), loss(1, "a"), draw(1, "2")), actual: alone(loss(1, "a"), draw(1, "9")),
			events: 1, steps: 1},
		"a thread differs": {expected: alone(loss(1, "a"), elsewhere, loss(2, "b")), actual: alone(loss(1, "a"), loss(2, "b")),
			events: 2, steps: 2},
		"another line": {expected: alone(loss(2, "b")), actual: alone(moved), events: 1, steps: 2},
		// The place is that in the whole trace, draws included.
		"after draws": {expected: alone(draw(0, "1"), draw(0, "2"), loss(1, "a")), actual: alone(draw(0, "1"), loss(1, "x")),
			what: "value", order: 2, step: 1, kind: probe.KindLoss},
	} {
		got, err := trace.State(c.expected, c.actual)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Events != c.events || got.Steps != c.steps {
			t.Errorf("%s: %d events over %d steps agree, want %d over %d", name, got.Events, got.Steps, c.events, c.steps)
		}
		if (got.First == nil) != (c.what == "") {
			t.Errorf("%s: first divergence %+v, want %q", name, got.First, c.what)
			continue
		}
		if d := got.First; d != nil && (d.What != c.what || d.Order != c.order || d.Step != c.step || d.Kind != c.kind || d.Process != "main") {
			t.Errorf("%s: first divergence %+v, want %s at event %d, step %d, %s", name, d, c.what, c.order, c.step, c.kind)
		}
	}
}

// TestParting reads a run that goes on: what it has not come to yet is no difference, what it does otherwise is one.
func TestParting(t *testing.T) {
	whole := alone(loss(1, "a"), loss(640, "b"), loss(768, "c"))
	for _, c := range []struct {
		soFar run
		step  int64 // 0 where the runs have not parted
	}{
		{alone(), 0},
		{alone(loss(1, "a"), loss(640, "b")), 0},
		{whole, 0},
		{alone(loss(1, "a"), loss(640, "x")), 640},
		{alone(loss(1, "a"), loss(640, "b"), loss(768, "c"), loss(896, "d")), 896},
	} {
		d, err := trace.Parting(whole, c.soFar)
		if err != nil || (d == nil) != (c.step == 0) || d != nil && d.Step != c.step {
			t.Errorf("%v: %+v, %v, want step %d", c.soFar, d, err, c.step)
		}
	}
	if d, _ := trace.Parting(whole, alone(loss(1, "a"), loss(640, "b"), loss(768, "x"))); d == nil || d.SharedStep != 640 {
		t.Errorf("%+v: the runs were equal at step 640", d)
	}
}

// At equal steps the main process comes first, else the earliest step; a process of one run only is passed over.
func TestStateOfSeveralProcesses(t *testing.T) {
	of := func(main, worker string, workerStep int64) run {
		return run{[]string{"main", "main/worker-0"}, map[string][]probe.Event{
			"main": {loss(2, main)}, "main/worker-0": {loss(workerStep, worker)}}}
	}
	for _, c := range []struct {
		expected, actual run
		want             string
	}{
		{of("a", "b", 2), of("x", "y", 2), "main"},
		{of("a", "b", 1), of("x", "y", 1), "main/worker-0"},
		{of("a", "b", 3), of("a", "y", 3), "main/worker-0"},
		{of("a", "b", 1), alone(loss(2, "x")), "main"},
	} {
		got, err := trace.State(c.expected, c.actual)
		if err != nil || got.First == nil || got.First.Process != c.want {
			t.Errorf("first divergence %+v, %v, want in %s", got.First, err, c.want)
		}
	}
	if got, err := trace.State(of("a", "b", 1), alone(loss(2, "a"))); err != nil || got.First != nil || got.Events != 1 {
		t.Errorf("a process of one run only: %+v, %v", got, err)
	}
}

func detail(t *testing.T, e probe.Event, fields map[string]any) probe.Event {
	t.Helper()
	data, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	e.Detail = data
	return e
}

func TestSummarise(t *testing.T) {
	seeded := probe.Event{Kind: probe.KindSeed, Stream: "python-random", File: "train.py", Line: 2, Value: "7"}
	fact := func(value string) probe.Event {
		return detail(t, probe.Event{Kind: probe.KindFact, Value: value}, map[string]any{"name": "torch.threads"})
	}
	sum, err := trace.Summarise(alone(
		detail(t, probe.Event{Kind: probe.KindProcess}, map[string]any{"hash_seed": "random", "python": "3.11.2"}),
		fact("1"), fact("2"),
		detail(t, seeded, map[string]any{"origin": "clock"}),
		draw(0, "a"), draw(1, "b"), loss(1, "c"), draw(1, "d"),
		detail(t, seeded, map[string]any{"origin": "entropy"}), detail(t, seeded, map[string]any{"origin": "clock"}),
		probe.Event{Kind: probe.KindExit},
	))
	if err != nil {
		t.Fatal(err)
	}
	if len(sum.Sites) != 2 {
		t.Fatalf("%d sites, want the seed call's and the draw's", len(sum.Sites))
	}
	first, second := sum.Sites[0], sum.Sites[1]
	if first.Kind != probe.KindSeed || first.Count != 3 || !cmp.Equal([]string{"clock", "entropy"}, first.Origins) {
		t.Errorf("the seed call: %+v", first)
	}
	if second.Count != 3 || second.Order != 4 || second.Step != 0 || !cmp.Equal([]string{"a", "b", "d"}, second.Values) || second.Line != 3 {
		t.Errorf("the draws: %+v", second)
	}
	want := map[string]map[string]string{"main": {"torch.threads": "2", "hash_seed": "random", "python": "3.11.2"}}
	if diff := cmp.Diff(want, sum.Facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if !cmp.Equal([]string{"main"}, sum.Ended) {
		t.Errorf("ended: %v", sum.Ended)
	}
}

func TestChanges(t *testing.T) {
	at := func(line int64, value string) probe.Event {
		e := draw(0, value)
		e.Line = line
		return e
	}
	summary := func(events ...probe.Event) *trace.Summary {
		sum, err := trace.Summarise(alone(events...))
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	type change struct {
		Line, Index int
		Order       int64
		Values      [2]string
		Missing     bool
	}
	changes := func(expected, actual *trace.Summary) []change {
		var list []change
		for _, c := range trace.Changes(expected, actual) {
			list = append(list, change{c.Line, c.Index, c.Order, c.Values, c.Missing})
		}
		return list
	}
	base := summary(at(1, "a"), at(2, "b"), at(2, "c"), at(3, "d"), at(5, "f"))
	if got := changes(base, base); len(got) != 0 {
		t.Errorf("a run differs from itself: %v", got)
	}
	// Line 2 differs in its second value, line 3 is missing, line 4 is new, and line 5 has one event more.
	other := summary(at(1, "a"), at(2, "b"), at(2, "x"), at(4, "e"), at(5, "f"), at(5, "g"))
	want := []change{
		{Line: 2, Index: 1, Order: 2, Values: [2]string{"c", "x"}},
		{Line: 3, Order: 3, Values: [2]string{"d", ""}, Missing: true},
		{Line: 4, Order: 3, Values: [2]string{"", "e"}, Missing: true},
		{Line: 5, Index: 1, Order: 4, Values: [2]string{"", "g"}},
	}
	if diff := cmp.Diff(want, changes(base, other)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func line(t *testing.T, number int64, locals ...string) probe.Event {
	t.Helper()
	var names [][]string
	for i := 0; i+1 < len(locals); i += 2 {
		names = append(names, []string{locals[i], "digest of " + locals[i+1], locals[i+1]})
	}
	return detail(t, probe.Event{Kind: probe.KindLine, File: "train.py", Line: number, Func: "main", Value: strings.Join(locals, ",")},
		map[string]any{"vars": names})
}

func TestZoom(t *testing.T) {
	expected := alone(line(t, 1, "x", "1"), line(t, 2, "x", "1", "y", "2"), line(t, 3, "y", "2", "z", "3"), line(t, 2, "x", "1", "y", "4"), line(t, 5))
	actual := alone(line(t, 1, "x", "1"), loss(0, "no line"), line(t, 2, "x", "1", "y", "9"), line(t, 3, "w", "7", "y", "9"), line(t, 2, "x", "1", "y", "8"), line(t, 7))
	got, err := trace.Zoom(expected, actual)
	if err != nil {
		t.Fatal(err)
	}
	want := []trace.LocalDifference{
		{Process: "main", File: "train.py", Line: 2, Func: "main", Name: "y", Values: [2]string{"2", "9"}, Order: 1},
		{Process: "main", File: "train.py", Line: 3, Func: "main", Name: "y", Values: [2]string{"2", "9"}, Order: 2},
		{Process: "main", File: "train.py", Line: 3, Func: "main", Name: "z", Values: [2]string{"3", ""}, Order: 2},
		{Process: "main", File: "train.py", Line: 3, Func: "main", Name: "w", Values: [2]string{"", "7"}, Order: 2},
		// Line 2 is told once; then it decides that the runs go different ways, which ends the comparison.
		{Process: "main", File: "train.py", Line: 2, Func: "main", Order: 3},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := trace.Zoom(expected, expected); err != nil || len(got) != 0 {
		t.Errorf("a run differs from itself: %v, %v", got, err)
	}
}

// A line that calls one function in one run and another in the other is where they part, whatever the functions do.
func TestZoomOfCalls(t *testing.T) {
	calls := func(function string, inside int) run {
		call := line(t, 7)
		call.Kind, call.Func = probe.KindCall, function
		return alone(line(t, 6), call, line(t, int64(inside)))
	}
	got, err := trace.Zoom(calls("low", 1), calls("high", 3))
	if err != nil || len(got) != 1 || got[0].Line != 7 {
		t.Errorf("the runs part at %v (%v), want line 7", got, err)
	}
}

func TestOrigin(t *testing.T) {
	y, z, way := trace.LocalDifference{File: "a.py", Line: 2, Name: "y"}, trace.LocalDifference{File: "a.py", Line: 3, Name: "z"},
		trace.LocalDifference{File: "a.py", Line: 4}
	elsewhere := trace.LocalDifference{File: "b.py", Line: 2, Name: "y"}
	for _, c := range []struct {
		differences, noise []trace.LocalDifference
		want               trace.LocalDifference
		found              bool
	}{
		{nil, nil, trace.LocalDifference{}, false},
		{[]trace.LocalDifference{y, z}, nil, y, true},
		{[]trace.LocalDifference{y, z}, []trace.LocalDifference{y}, z, true},
		{[]trace.LocalDifference{y, z}, []trace.LocalDifference{elsewhere}, y, true},
		{[]trace.LocalDifference{y, way}, []trace.LocalDifference{way, y}, trace.LocalDifference{}, false},
	} {
		got, found := trace.Origin(c.differences, c.noise)
		if got != c.want || found != c.found {
			t.Errorf("of %v without %v: %v, %v", c.differences, c.noise, got, found)
		}
	}
}

// clocked is a line event that was written at a time, and given an argument that came from outside of the user's lines.
func clocked(t *testing.T, clock int64, e probe.Event, given bool) probe.Event {
	t.Helper()
	fields := map[string]any{"clock": clock, "given": given}
	if vars := e.Variables(); len(vars) > 0 {
		fields["vars"] = [][]string{{vars[0].Name, vars[0].Digest, vars[0].Text}}
	}
	return detail(t, e, fields)
}

// TestZoomAcrossProcesses has a child that begins after main's first line and ends before its second is written.
func TestZoomAcrossProcesses(t *testing.T) {
	argv := func(argument string) probe.Event {
		return detail(t, probe.Event{Kind: probe.KindProcess}, map[string]any{"argv": []string{"python", "prep.py", argument}})
	}
	family := func(path, word, task string) run {
		call := line(t, 8, "task", task)
		call.Kind = probe.KindCall
		return run{[]string{"main", "main/exec-1", "main/mp-2"}, map[string][]probe.Event{
			"main":        {clocked(t, 10, line(t, 1, "x", "1"), false), clocked(t, 40, line(t, 2, "words", word), false)},
			"main/exec-1": {argv(path), clocked(t, 20, line(t, 5, "word", word), false), clocked(t, 30, line(t, 6, "out", word), false)},
			"main/mp-2":   {clocked(t, 15, call, true), clocked(t, 16, line(t, 9, "result", task), false)},
		}}
	}
	origin := func(a, b run, noise ...trace.LocalDifference) string {
		t.Helper()
		found, err := trace.Zoom(a, b)
		if err != nil {
			t.Fatal(err)
		}
		first, _ := trace.Origin(found, noise)
		return fmt.Sprintf("%s:%d %s", first.Process, first.Line, first.Name)
	}
	for _, c := range []struct{ name, got, want string }{
		{"the child's first", origin(family("in", "a", "1"), family("in", "b", "1")), "main/exec-1:5 word"},
		{"what a pool gives its worker is the parent's doing", origin(family("in", "a", "1"), family("in", "b", "2")), "main/exec-1:5 word"},
		{"and so are arguments", origin(family("in", "a", "1"), family("other", "b", "1")), "main:2 words"},
		{"unless they differ anyway", origin(family("in", "a", "1"), family("other", "b", "1"), trace.LocalDifference{Name: "argv"}), "main/exec-1:5 word"},
		{"where nothing else does, what was given is named", origin(family("in", "a", "1"), family("in", "a", "2")), "main/mp-2:8 task"},
		{"a process that only one run has is passed over", origin(family("in", "a", "1"), alone(line(t, 1, "x", "2"))), "main:1 x"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, c.got, c.want)
		}
	}
	lines, err := trace.Executed(family("in", "a", "1"))
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int
	for _, l := range lines {
		numbers = append(numbers, l.Line)
	}
	if diff := cmp.Diff([]int{1, 9, 5, 6, 2}, numbers); diff != "" {
		t.Errorf("lines in the order of the shared clock (-want +got):\n%s", diff)
	}
	if !lines[2].Before(lines[4]) || lines[4].Before(lines[0]) {
		t.Error("the child's line is before main's second, and that is not before its first")
	}
}

func TestExecuted(t *testing.T) {
	got, err := trace.Executed(alone(line(t, 1), line(t, 3), draw(0, "a"), line(t, 1), line(t, 2)))
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, l := range got {
		lines = append(lines, l.Line)
	}
	if diff := cmp.Diff([]int{1, 3, 2}, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOpenDir(t *testing.T) {
	dir := t.TempDir()
	text := `{"k":"loss","s":1,"v":"a"}` + "\n" + `{"k":"loss","s":2,"v":"b"` // the second was cut short by a SIGKILL
	if err := os.WriteFile(filepath.Join(dir, "main.jsonl"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	source := trace.OpenDir(dir, &record.Run{Processes: []record.Process{
		{Name: "main", Trace: "main.jsonl"}, {Name: "gone", Trace: "gone.jsonl"}, {Name: "hostile", Trace: "../../etc/passwd"}}})
	if diff := cmp.Diff([]string{"main", "gone", "hostile"}, source.Processes()); diff != "" {
		t.Error(diff)
	}
	if got, err := trace.State(source, alone(loss(1, "a"))); err != nil || got.Events != 1 || got.First != nil {
		t.Errorf("a trace cut short: %+v, %v", got, err)
	}
	if _, err := source.Open("gone"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a trace that is gone: %v", err)
	}
	if _, err := source.Open("hostile"); err == nil || !strings.Contains(err.Error(), "lies outside its run") {
		t.Errorf("a trace elsewhere: %v", err)
	}
	events, err := source.Open("never")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := events.Next(); err != io.EOF {
		t.Errorf("a process that the run did not have: %v", err)
	}
}
