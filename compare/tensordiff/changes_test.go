package tensordiff

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/checkpoint"
)

// TestAllChangesAreKeptForJSON compares two pairs of files with more changes than the text shows, one after the other.
func TestAllChangesAreKeptForJSON(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	many := func(value float32, n int) *checkpoint.File {
		var values []any
		for i := range n {
			values = append(values, fmt.Sprintf("layers.%d.weight", n-1-i), []float32{value})
		}
		f := file(t, values...)
		f.Format = "safetensors" // whose order says nothing
		return f
	}
	rest := new(Rest)
	for _, n := range []int{maxLines + 60, maxLines, maxLines + 1} {
		r, err := Files(context.Background(), many(1, n), many(2, n), Options{Rest: rest})
		if err != nil {
			t.Fatal(err)
		}
		if r.Changed.Count != n || len(r.Changed.First) != maxLines || r.Verdict != Different {
			t.Errorf("%d changes: %d, of which %d are held; %s", n, r.Changed.Count, len(r.Changed.First), r.Verdict)
		}
		i := 0
		for line, err := range r.Changed.Elements() {
			var c struct {
				Name      string
				Component string
				Stats     *ChangeStats
			}
			if err == nil {
				err = json.Unmarshal(line, &c)
			}
			if want := fmt.Sprintf("layers.%d.weight", i); err != nil || c.Name != want || c.Component != "model" || c.Stats == nil || c.Stats.MaxAbs != 1 {
				t.Fatalf("%d changes, the %dth: %v, %s", n, i, err, line)
			}
			i++
		}
		if i != n {
			t.Errorf("%d of %d changes", i, n)
		}
	}
	if err := rest.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	r, err := Files(context.Background(), many(1, maxLines+2), many(2, maxLines+2), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "... and 2 more") {
		t.Errorf("%v\n%s", err, text.String())
	}
	var last error
	for _, last = range r.Changed.Elements() {
	}
	if last == nil {
		t.Error("a list of some of the changes")
	}
}

// TestAnotherLastLayerIsSeen though more layers before it differ than are listed.
func TestAnotherLastLayerIsSeen(t *testing.T) {
	model := func(value float32, classes int) *checkpoint.File {
		var values []any
		for i := range maxLines + 5 {
			values = append(values, fmt.Sprintf("layers.%d.weight", i), []float32{value})
		}
		return file(t, append(values, "head.weight", make([]float32, classes))...)
	}
	r := diff(t, model(1, 2), model(2, 3), Options{})
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	want := "  ... and 6 more, of which 1 has another shape:\n  head.weight  shape: float32[2] -> float32[3], which load_state_dict refuses, with strict=False too\n"
	if !strings.Contains(text.String(), want) {
		t.Errorf("no %q in\n%s", want, text.String())
	}
}
