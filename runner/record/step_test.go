package record_test

import (
	"testing"

	"github.com/reprocheck/reprocheck/runner/record"
)

func TestStepText(t *testing.T) {
	for step, want := range map[int64]string{0: "step 0", 120: "step 120", 3*record.EpochStride + 120: "epoch 3, step 120"} {
		if got := record.StepText(step); got != want {
			t.Errorf("StepText(%d) = %q, want %q", step, got, want)
		}
	}
}
