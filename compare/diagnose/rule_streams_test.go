package diagnose

import (
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/compare/trace"
	"github.com/reprocheck/reprocheck/seed"
)

// A seed at the top of the program does not reach a child process, in which random begins anew.
func TestFixOfADrawInAChild(t *testing.T) {
	for _, test := range []struct {
		stream  seed.ID
		process string
		child   bool
	}{
		{seed.PythonRandom, "main", false},
		{seed.PythonRandom, "main/mp-2", true},
		{seed.PythonRandom, "main/exec-1/fork-1", true},
		{seed.PythonRandom, "main/exec-1", false}, // a program of its own, which has a top
		{seed.NumpyLegacy, "main/mp-2", false},    // a forked child goes on with its parent's state
	} {
		fix := fixInChild(test.stream, &trace.Seen{Site: trace.Site{File: "train.py", Line: 7, Process: test.process}})
		if strings.Contains(fix, "does not reach train.py:7") != test.child {
			t.Errorf("%s in %s: %q", test.stream, test.process, fix)
		}
	}
}

// A generator that a line of the program's makes is seeded there: the global seed does not reach it.
func TestFixOfAGenerator(t *testing.T) {
	for _, test := range []struct {
		stream    seed.ID
		lib, want string
	}{
		{seed.NumpyLegacy, "", "numpy.random.RandomState(SEED) at train.py:7"},
		{seed.PythonRandom, "", "random.Random(SEED) at train.py:7"},
		{seed.NumpyLegacy, "sklearn.utils", "random_state=SEED"},
	} {
		if fix := seedOfGenerator(test.stream, &trace.Seen{Site: trace.Site{File: "train.py", Line: 7, Lib: test.lib}}); !strings.Contains(fix, test.want) {
			t.Errorf("%s made through %q: %q, want %q", test.stream, test.lib, fix, test.want)
		}
	}
}

// torch.seed() is seen where it is called, and may come late; a generator's seed() is written in C, and only the text tells of it.
func TestWhatSeedsAGenerator(t *testing.T) {
	for code, want := range map[string]bool{
		"torch.seed()": false, "random.seed()\nnp.random.seed()": false, "torch.manual_seed(1)": false,
		"g.seed()": true, "torch.Generator().seed()": true, "torch.seed()\nself.rng.seed()": true,
	} {
		if got := text(code).seedsGenerator(); got != want {
			t.Errorf("%q: %t, want %t", code, got, want)
		}
	}
}
