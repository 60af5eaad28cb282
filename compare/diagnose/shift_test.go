package diagnose

import (
	"testing"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
)

// A source that is the same in every run, and another where it is pinned, moves what comes out and is no cause: neither when it is
// released by itself nor when it was released among others of whom nothing is known.
func TestWhatOnlyMovesResultsIsNoCause(t *testing.T) {
	for _, moves := range []seed.ID{seed.Host, seed.FileOrder, seed.UninitialisedMemory, seed.Threads, seed.PythonRandom, seed.Collectives} {
		w := world{t: t, reaches: []seed.ID{seed.OSEntropy, moves}, steady: []seed.ID{moves}}
		if got, want := convicted(w.investigate(record.Settings{})), "os-entropy proven :0"; got != want {
			t.Errorf("%s: causes %q after %v, want %q", moves, got, w.asked, want)
		}
	}
}
