package tensordiff

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestWhatIsMissingIsCountedByReason, and kept for JSON in its order, though little of it is held.
func TestWhatIsMissingIsCountedByReason(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var values []any
	for i := range 60 {
		values = append(values, fmt.Sprintf("layers.%d.weight", i), []float32{1}, fmt.Sprintf("layers.%d.running_mean", i), []float32{1})
	}
	rest := new(Rest)
	defer rest.Close()
	r, err := Files(context.Background(), file(t, values...), file(t, "other", []float32{2}), Options{Rest: rest})
	if err != nil {
		t.Fatal(err)
	}
	if r.Missing.Count != 120 || len(r.Missing.First) != 20 || r.Unexpected.Count != 1 {
		t.Errorf("%d missing, %d held, %d unexpected", r.Missing.Count, len(r.Missing.First), r.Unexpected.Count)
	}
	n := 0
	for line, err := range r.Missing.Elements() {
		var x Absence
		if err == nil {
			err = json.Unmarshal(line, &x)
		}
		if err != nil || x.Name != values[2*n] {
			t.Errorf("value %d is %s, %v", n, line, err)
		}
		n++
	}
	if n != 120 {
		t.Errorf("%d of 120", n)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || strings.Count(text.String(), "    ... and 50 more\n") != 2 {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// TestReasonsAreBounded: a hostile file has as many as values.
func TestReasonsAreBounded(t *testing.T) {
	l := newListing[Rename](nil)
	for i := range 100_000 {
		if err := l.add(Rename{A: "a", B: "b"}, fmt.Sprint("because of ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if l.Count != 100_000 || len(l.First) != maxLines || len(l.reasons) != maxLines || l.others != 100_000-maxLines {
		t.Errorf("%d, %d held, %d reasons and %d of others", l.Count, len(l.First), len(l.reasons), l.others)
	}
	for _, err := range l.Elements() {
		if err == nil {
			t.Error("a value that was not kept")
		}
	}
}
