package diagnose

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// TestChecklistOfWhatDiffers: what a program reads anew in every run does no harm where the results stay the same; a generator is to
// be seeded all the same, but for one that a library made for itself while it was imported.
func TestChecklistOfWhatDiffers(t *testing.T) {
	events := func(v valueOf) []probe.Event {
		imported := func(kind probe.Kind, value string) probe.Event {
			return probe.Event{Kind: kind, Stream: seed.NumpyGenerator, File: "train.py", Line: 1, Value: value, Detail: json.RawMessage(`{"id":1,"importing":true}`)}
		}
		return []probe.Event{imported(probe.KindNew, "unseeded"), reads(probe.KindEntropy, seed.OSEntropy, 2, v("uuid")), draws(seed.NumpyLegacy, 3, v(seed.NumpyLegacy)),
			draws(seed.PythonRandom, 4, v(seed.PythonRandom)), imported(probe.KindStream, v("imported"))}
	}
	for _, test := range []struct {
		name    string
		reaches []seed.ID
		want    map[seed.ID]string
	}{
		{"the results stay the same", nil, map[seed.ID]string{seed.OSEntropy: "controlled", seed.NumpyLegacy: "uncontrolled", seed.NumpyGenerator: "unused"}},
		{"another source reaches them", []seed.ID{seed.PythonRandom}, map[seed.ID]string{seed.OSEntropy: "uncontrolled", seed.NumpyLegacy: "uncontrolled", seed.NumpyGenerator: "unused"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &world{t: t, reaches: test.reaches, events: events}
			audit := w.investigate(record.Settings{})
			for id, want := range test.want {
				i := slices.IndexFunc(audit.Checklist, func(item record.ChecklistItem) bool { return item.Source == id })
				if got := audit.Checklist[i]; got.Status != want {
					t.Errorf("%s: %s (%s), want %s", id, got.Status, got.Why, want)
				}
			}
		})
	}
}
