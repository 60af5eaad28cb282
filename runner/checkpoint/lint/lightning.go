package lint

import (
	"fmt"
	"slices"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// batchEvidence is what Lightning's loops count of the epoch in which they were saved. Lightning goes on counting from there,
// and moves only those loaders there that have a state of their own: any other starts the epoch again.
type batchEvidence struct {
	counted bool
	batches string // how many of the epoch were begun
	last    bool   // the last one was done
}

// see notes a value of the loop over batches, and reports whether it is one.
func (b *batchEvidence) see(e *checkpoint.Entry, path []string) bool {
	loop := []string{"loops", "fit_loop", "epoch_loop", "batch_progress"}
	if len(path) < len(loop) || !slices.Equal(path[:len(loop)], loop) {
		return false
	}
	b.counted = true
	switch below := path[len(loop):]; {
	case slices.Equal(below, []string{"is_last_batch"}):
		b.last = e.Text == "True"
	case slices.Equal(below, []string{"current", "ready"}):
		b.batches = e.Text
	}
	return true
}

// judge says whether a training goes on with the data behind those that it has seen, where no state of a loader was saved.
func (b *batchEvidence) judge() (Status, string) {
	switch {
	case b.last:
		return Present, "not needed: saved at the end of an epoch"
	case b.batches == "0":
		return Present, "not needed: saved before the first batch of an epoch"
	case b.batches == "":
		return CannotTell, "needed only if the save was within an epoch"
	}
	return Missing, fmt.Sprintf("saved within an epoch, at batch %s of it; Lightning goes on counting there and starts its loader again, unless that has a state_dict()", b.batches)
}
