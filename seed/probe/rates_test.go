package probe_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprocheck/reprocheck/seed/probe"
)

// A rate that a schedule moves at every step is written ever more sparsely; one that jumps is written where it does.
func TestLearningRatesAreWrittenWhereTheyChange(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import sys
import torch
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(200):
    model(torch.ones(1, 2)).sum().backward()
    if sys.argv[1] == "every" or step == 150:
        optimizer.param_groups[0]["lr"] *= 0.99
    optimizer.step()
`})
	s.needs("torch")
	var jumps []int64
	for _, e := range s.watched(probe.Config{}, "run.py", "once").ok(t).of(probe.KindLR) {
		jumps = append(jumps, e.Step)
	}
	if diff := cmp.Diff([]int64{1, 151}, jumps); diff != "" {
		t.Errorf("steps at which a rate that jumps once was written (-want +got):\n%s", diff)
	}
	moves := s.watched(probe.Config{}, "run.py", "every").ok(t).of(probe.KindLR)
	for i := range min(16, len(moves)) {
		if moves[i].Step != int64(i+1) {
			t.Errorf("the rate was written at step %d, not at step %d", moves[i].Step, i+1)
		}
	}
	if len(moves) < 40 || len(moves) > 80 {
		t.Errorf("%d of 200 moves were written", len(moves))
	}
}

// An optimizer that lies where another one did that is gone, as in the next fold, has its rate written as well.
func TestEachOptimizersRateIsWritten(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import torch
model = torch.nn.Linear(2, 1)
for fold in range(8):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    del optimizer
`})
	s.needs("torch")
	if n := len(s.watched(probe.Config{}, "run.py").ok(t).of(probe.KindLR)); n != 8 {
		t.Errorf("the rates of %d of 8 optimizers were written", n)
	}
}

// The probe's compiled code spares every later process of a run the compiler, also where the user wants none to be kept.
func TestCompiledCodeIsKept(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": "import random, own\n", "own.py": ""})
	s.env = []string{"PYTHONDONTWRITEBYTECODE=1"}
	s.watched(probe.Config{}, "run.py").ok(t)
	kept := glob(t, s.probe, "reprocheck_probe.modules.*")
	if len(kept) != 1 {
		t.Fatalf("compiled code in %q, not in one file", kept)
	}
	if n := len(glob(t, s.root, "__pycache__", "*")); n != 0 {
		t.Errorf("%d compiled files of the user's own modules", n)
	}
	// Half a file, as a full disk leaves it, is compiled again.
	content, err := os.ReadFile(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range [][]byte{content[:len(content)/2], {}, []byte("i\x01\x00\x00\x00")} {
		if err := os.WriteFile(kept[0], damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if found := s.watched(probe.Config{}, "run.py").ok(t); len(found.processes) != 1 {
			t.Errorf("with compiled code of %d bytes %d processes were watched", len(damaged), len(found.processes))
		}
		if again, err := os.ReadFile(kept[0]); err != nil || !bytes.Equal(again, content) {
			t.Errorf("compiled code of %d bytes was not replaced by that of %d: %v", len(damaged), len(content), err)
		}
	}
}

// A traceback through the probe, and whatever else asks for the source of a function that it has replaced, finds it.
func TestSourceIsFound(t *testing.T) {
	s := newSession(t, map[string]string{"run.py": `
import inspect, os, sys
import reprocheck_probe.trace as trace
assert "class Trace" in inspect.getsource(trace)
assert inspect.getsource(trace.Trace.write).lstrip().startswith("def write(")
assert type(sys.meta_path[-1]).__name__ == "_Modules", sys.meta_path
print("ok")
`})
	if got := s.watched(probe.Config{}, "run.py").ok(t); got.stdout != "ok\n" {
		t.Errorf("got %q", got.stdout)
	}
}

func glob(t *testing.T, elements ...string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
