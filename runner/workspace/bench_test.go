package workspace_test

import (
	"testing"

	"github.com/reprocheck/reprocheck/runner/workspace"
)

// BenchmarkPrepare is what a workspace costs before each run.
func BenchmarkPrepare(b *testing.B) {
	spec := workspace.Spec{Project: b.TempDir(), Home: b.TempDir(), Scratch: b.TempDir()}
	for b.Loop() {
		w, err := workspace.Prepare(b.Context(), spec)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
