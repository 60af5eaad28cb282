package trace_test

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// endless is a run with any number of events at a few places, as a long training writes them.
type endless struct {
	events int64
	differ int64 // the state event at which the run differs, -1 for none
	peak   *uint64
}

func (e endless) Processes() []string               { return []string{"main"} }
func (e endless) Open(string) (trace.Events, error) { return &endlessStream{endless: e}, nil }

type endlessStream struct {
	endless
	at int64
}

func (s *endlessStream) Next() (probe.Event, error) {
	if s.at == s.events {
		return probe.Event{}, io.EOF
	}
	at := s.at
	s.at++
	if at%(1<<14) == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		*s.peak = max(*s.peak, m.HeapAlloc)
	}
	e := probe.Event{Kind: probe.KindDraw, Step: at / 4, Stream: "python-random", File: "train.py", Line: at % 16, Value: fmt.Sprint(at)}
	if at%4 == 3 {
		e.Kind, e.Stream = probe.KindLoss, ""
	}
	if at == s.differ {
		e.Value = "another"
	}
	return e, nil
}

func (s *endlessStream) Close() error { return nil }

// readAll does with two runs what a diagnosis does and returns the largest heap seen, in bytes.
func readAll(t testing.TB, events int64) uint64 {
	t.Helper()
	var peak uint64
	last := events - 1
	expected, actual := endless{events, -1, &peak}, endless{events, last, &peak}
	state, err := trace.State(expected, actual)
	if err != nil || state.First == nil || state.First.Order != last || state.Events != events/4-1 {
		t.Fatalf("%+v, %v", state, err)
	}
	one, err := trace.Summarise(expected)
	if err != nil {
		t.Fatal(err)
	}
	if len(one.Sites) != 12 { // 16 lines, of which every fourth has losses
		t.Fatalf("%d sites", len(one.Sites))
	}
	two, err := trace.Summarise(actual)
	if err != nil {
		t.Fatal(err)
	}
	if changes := trace.Changes(one, two); len(changes) != 0 {
		t.Fatalf("changes: %v", changes)
	}
	return peak
}

// TestMemoryIsFlat reads traces of which one is eight times the other.
func TestMemoryIsFlat(t *testing.T) {
	short, long := readAll(t, 1<<16), readAll(t, 1<<19)
	const slack = 1 << 20
	if long > short+slack {
		t.Errorf("%d bytes for 2^16 events, %d for 2^19", short, long)
	}
}

func BenchmarkTenMillionEvents(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(readAll(b, 10_000_000))/(1<<20), "MiB-peak")
	}
}
