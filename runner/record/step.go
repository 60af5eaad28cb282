package record

import "fmt"

// EpochStride separates the two parts of a step that a program prints in two: epoch*EpochStride + iteration. It is a power of
// ten so that the parts can be read off, and orders well as long as an epoch has fewer iterations.
const EpochStride = 1_000_000_000

// StepText writes a step as the program printed it: "step 7", or "epoch 3, step 120". It is for steps of metrics; those of the
// optimizer count through.
func StepText(step int64) string {
	if step >= EpochStride {
		return fmt.Sprintf("epoch %d, step %d", step/EpochStride, step%EpochStride)
	}
	return fmt.Sprintf("step %d", step)
}
