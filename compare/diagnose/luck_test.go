package diagnose

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/reprocheck/reprocheck/runner/record"
	"github.com/reprocheck/reprocheck/seed"
	"github.com/reprocheck/reprocheck/seed/probe"
)

// A race of few results is the hardest to tell from a source that pinning controls: pinned runs agree by luck, and runs as shipped
// do not. Here nothing that is seen to vary reaches the result, so whatever is proven is accused wrongly.
func TestARaceOfFewResultsSeldomConvicts(t *testing.T) {
	const audits, most = 200, 0.1
	for name, events := range map[string]func(valueOf) []probe.Event{
		"nothing seen": nil,
		"clock": func(v valueOf) []probe.Event {
			return []probe.Event{reads(probe.KindClock, seed.WallClock, 5, v("x"))}
		},
		"numpy": func(v valueOf) []probe.Event { return []probe.Event{draws(seed.NumpyLegacy, 7, v("x"))} },
	} {
		t.Run(name, func(t *testing.T) {
			diverged, wrong := 0, 0
			for audit := range audits {
				for _, results := range []int{2, 3} {
					for _, favourite := range []float64{0, 0.5} { // how often the first result comes about beside its share
						r := rand.New(rand.NewSource(int64(audit)))
						luck := make([]int, 100)
						for i := range luck {
							if r.Float64() >= favourite {
								luck[i] = r.Intn(results)
							}
						}
						w := world{t: t, luck: luck, reaches: []seed.ID{"race"}, events: events}
						a := w.investigate(record.Settings{})
						if a.Verdict == record.Diverged {
							diverged++
						}
						if strings.Contains(convicted(a), "proven") {
							wrong++
						}
					}
				}
			}
			if share := float64(wrong) / float64(diverged); share > most {
				t.Errorf("%d of %d audits prove something, at most %.0f %% may", wrong, diverged, 100*most)
			} else {
				t.Logf("%d of %d audits prove something", wrong, diverged)
			}
		})
	}
}
