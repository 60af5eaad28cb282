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
